"""What the viva keeps, in one SQLite file: exams, their questions, the answers, and the marks.

All that an exam needs is in the file, also its questions as they were when it began. Nothing else
knows how far an exam is, so that a call may break off at any moment and another one goes on.

The statements are short and run in Trio's own thread, each a transaction of its own: no two calls
of a server are ever within one at the same time. With the write-ahead log a write does not wait for
the disk, and whoever reads (report.py) holds nobody up. A full disk and the like raise
sqlite3.Error, and the call ends.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from content import Scenario
from marking import Mark, Points

BUSY_S = 1.0
"""How long a write waits for that of another process."""

TABLES = """
    create table if not exists exams (
        id integer primary key,
        candidate text not null,
        college text not null,
        scenario text not null,
        story text not null,
        began text not null default current_timestamp,
        over text,
        score integer
    );
    create unique index if not exists one_open on exams (candidate) where over is null;
    create table if not exists questions (
        exam integer not null references exams,
        number integer not null,
        text text not null,
        points text not null,
        answer text,
        score integer,
        feedback text,
        marked_by text,
        primary key (exam, number)
    ) without rowid;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    id: int
    candidate: str
    college: str
    scenario: str
    story: str
    began: str
    over: str | None
    """When it ended; None: it is open."""
    score: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of an exam, and what became of it. What is None has not happened yet."""

    number: int
    text: str
    points: Points
    answer: str | None
    """Empty: the candidate skipped it."""
    score: int | None
    feedback: str | None
    marked_by: str | None


@contextmanager
def open_store(path: str | None = None) -> Iterator[Store]:
    """The file at `path`, or at VIVA_DB, or viva.sqlite in the current folder."""
    place = path or os.environ.get("VIVA_DB") or "viva.sqlite"
    with closing(sqlite3.connect(place, timeout=BUSY_S, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.executescript(TABLES)
        yield Store(db)


class Store:
    """Of one call. Candidates are told apart by their names alone."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def open_exam(self, candidate: str) -> Exam | None:
        """The exam of this candidate that is not over."""
        found = self._db.execute(
            "select * from exams where candidate = ? and over is null", (candidate,)
        ).fetchone()
        return Exam(**found) if found else None

    def begin(self, candidate: str, college: str, scenario: Scenario) -> Exam:
        """A new exam. Where one is open already (from a second call at the same time), that one."""
        with self._db:
            self._db.execute("begin immediate")
            made = self._db.execute(
                "insert or ignore into exams (candidate, college, scenario, story) "
                "values (?, ?, ?, ?)",
                (candidate, college, scenario.key, scenario.story),
            )
            if made.rowcount:
                self._db.executemany(
                    "insert into questions (exam, number, text, points) values (?, ?, ?, ?)",
                    [
                        (made.lastrowid, number, question.text, json.dumps(question.points))
                        for number, question in enumerate(scenario.questions, 1)
                    ],
                )
        exam = self.open_exam(candidate)
        if exam is None:
            raise LookupError(f"the exam of {candidate!r} was closed in this very moment")
        return exam

    def taken(self, candidate: str, college: str) -> list[str]:
        """The scenarios that the candidate had at this college, the first one first."""
        found = self._db.execute(
            "select scenario from exams where candidate = ? and college = ? order by id",
            (candidate, college),
        )
        return [row["scenario"] for row in found]

    def questions(self, exam: Exam) -> list[Asked]:
        found = self._db.execute(
            "select number, text, points, answer, score, feedback, marked_by from questions "
            "where exam = ? order by number",
            (exam.id,),
        )
        return [Asked(**{**row, "points": json.loads(row["points"])}) for row in found]

    def next_question(self, exam: Exam) -> Asked | None:
        """The first that has no mark. It may have an answer: the call broke off before the mark."""
        return next((asked for asked in self.questions(exam) if asked.score is None), None)

    def answer(self, exam: Exam, number: int, answer: str) -> None:
        """Keep what was answered. A second answer to the same question changes nothing."""
        self._db.execute(
            "update questions set answer = ? where exam = ? and number = ? and answer is null",
            (answer, exam.id, number),
        )

    def mark(self, exam: Exam, number: int, mark: Mark) -> None:
        self._db.execute(
            "update questions set score = ?, feedback = ?, marked_by = ? "
            "where exam = ? and number = ? and score is null",
            (mark.score, mark.feedback, mark.by, exam.id, number),
        )

    def finish(self, exam: Exam) -> int:
        """The exam is over. Gives its whole score."""
        self._db.execute(
            "update exams set over = current_timestamp, "
            "score = (select total(score) from questions where exam = id) "
            "where id = ? and over is null",
            (exam.id,),
        )
        found = self._db.execute("select score from exams where id = ?", (exam.id,))
        score: int = found.fetchone()["score"]
        return score

    def exams(self, candidate: str) -> list[Exam]:
        """All of a candidate's, the first one first."""
        found = self._db.execute(
            "select * from exams where candidate = ? order by id", (candidate,)
        )
        return [Exam(**row) for row in found]
