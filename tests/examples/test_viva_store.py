"""The database of examples/agents/viva, and its report."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.examples import AGENTS, viva_module

store_module: Any = viva_module("store")
open_store = store_module.open_store
Mark = viva_module("marking").Mark
SCENARIO = viva_module("content").COLLEGES["wexcombe"].scenarios[0]
OTHER = viva_module("content").COLLEGES["wexcombe"].scenarios[1]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "viva.sqlite")


def test_an_exam_has_the_questions_of_its_scenario(path: str) -> None:
    with open_store(path) as store:
        exam = store.begin("ann", "wexcombe", SCENARIO)
        asked = store.questions(exam)
    assert [one.text for one in asked] == [question.text for question in SCENARIO.questions]
    assert [one.number for one in asked] == [1, 2, 3]
    assert [tuple(map(tuple, one.points)) for one in asked] == [
        question.points for question in SCENARIO.questions
    ]


def test_an_open_exam_is_found_after_the_file_was_closed(path: str) -> None:
    with open_store(path) as store:
        begun = store.begin("ann", "wexcombe", SCENARIO)
        store.answer(begun, 1, "an infarct")
        store.mark(begun, 1, Mark(3, "3 out of 10.", "words"))
        store.answer(begun, 2, "a tracing")
    with open_store(path) as store:
        assert store.open_exam("ann") == begun
        assert store.open_exam("ben") is None
        following = store.next_question(begun)
    assert (following.number, following.answer, following.score) == (2, "a tracing", None)


def test_a_second_answer_and_a_second_mark_change_nothing(path: str) -> None:
    with open_store(path) as store:
        exam = store.begin("ann", "wexcombe", SCENARIO)
        for answer, score in (("first", 4), ("second", 9)):
            store.answer(exam, 1, answer)
            store.mark(exam, 1, Mark(score, answer, "words"))
        asked = store.questions(exam)[0]
    assert (asked.answer, asked.score, asked.feedback) == ("first", 4, "first")


def test_a_candidate_has_one_open_exam_also_with_two_calls(path: str) -> None:
    with open_store(path) as one, open_store(path) as two:
        first = one.begin("ann", "wexcombe", SCENARIO)
        assert two.begin("ann", "wexcombe", OTHER) == first
        assert len(two.questions(first)) == 3


def test_the_score_of_an_exam_is_that_of_its_questions(path: str) -> None:
    with open_store(path) as store:
        exam = store.begin("ann", "wexcombe", SCENARIO)
        for number, score in enumerate((10, 3, 0), 1):
            store.mark(exam, number, Mark(score, "", "words"))
        assert store.next_question(exam) is None
        assert store.finish(exam) == 13
        assert store.open_exam("ann") is None
        assert store.exams("ann")[0].score == 13
        assert store.taken("ann", "wexcombe") == ["chest-pain"]


def test_somebody_reads_while_somebody_writes(path: str) -> None:
    with open_store(path) as store, sqlite3.connect(path) as reader:
        exam = store.begin("ann", "wexcombe", SCENARIO)
        open_read = reader.execute("select * from questions")
        open_read.fetchone()
        store.answer(exam, 1, "an infarct")
        assert store.questions(exam)[0].answer == "an infarct"
    reader.close()


def report(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(AGENTS / "viva/report.py"), *arguments]
    return subprocess.run(
        program, env={"VIVA_DB": path}, capture_output=True, text=True, timeout=30, check=False
    )


def test_the_report_shows_questions_answers_and_marks(path: str) -> None:
    with open_store(path) as store:
        exam = store.begin("ann", "wexcombe", SCENARIO)
        store.answer(exam, 1, "an infarct")
        store.mark(exam, 1, Mark(3, "3 out of 10. Go on.", "model"))
        store.answer(exam, 2, "")
    done = report(path, "Ann")
    first, *rest = done.stdout.splitlines()
    assert first.startswith("ann: Wexcombe College of Medicine, chest-pain, ")
    assert first.endswith(" UTC: open, 1 of 3 questions marked")
    assert rest == [
        f"  {SCENARIO.story}",
        f"  1. {SCENARIO.questions[0].text}",
        "     Answer: an infarct",
        "     3 out of 10. Go on. (marked by model)",
        f"  2. {SCENARIO.questions[1].text}",
        "     Answer: (skipped)",
        f"  3. {SCENARIO.questions[2].text}",
    ]


def test_the_report_of_nobody_says_so(path: str) -> None:
    assert report(path, "ben").stdout == "There is no exam of ben.\n"
    assert report(path).returncode == 1
