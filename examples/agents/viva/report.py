"""Print a candidate's exams from the database.

    python examples/agents/viva/report.py ann

VIVA_DB says which database, as it does for the examiner.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from content import COLLEGES
from marking import BEST
from store import Asked, Exam, Store, open_store


def report(store: Store, candidate: str) -> Iterator[str]:
    """Its lines."""
    exams = store.exams(candidate)
    if not exams:
        yield f"There is no exam of {candidate}."
    for exam in exams:
        yield from _exam(exam, store.questions(exam))


def _exam(exam: Exam, questions: list[Asked]) -> Iterator[str]:
    college = COLLEGES[exam.college].name if exam.college in COLLEGES else exam.college
    marked = sum(asked.score is not None for asked in questions)
    result = (
        f"open, {marked} of {len(questions)} questions marked"
        if exam.over is None
        else f"{exam.score} of {BEST * len(questions)} points"
    )
    yield f"{exam.candidate}: {college}, {exam.scenario}, {exam.began} UTC: {result}"
    yield f"  {exam.story}"
    for asked in questions:
        yield f"  {asked.number}. {asked.text}"
        if asked.answer is not None:
            yield f"     Answer: {asked.answer or '(skipped)'}"
        if asked.score is not None:
            yield f"     {asked.feedback} (marked by {asked.marked_by})"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: report.py CANDIDATE")
    with open_store() as store:
        for line in report(store, sys.argv[1].lower()):
            sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
