"""Answers that are taken back, in real time: hundreds of conversations with scripted engines.

    python scripts/measure_taken_back.py [--conversations 500] [--talkers 25]

Each is the conversation of `tests/session/test_taken_back.py`, on the machine's clock instead of a
virtual one: the memory must hold each word once, in order, and one answer to all of them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import structlog
import trio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.going_on import converse_at_random  # noqa: E402


async def measure(conversations: int, talkers: int) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    seeds = iter(range(conversations))
    wrong: list[int] = []
    taken_back = 0.0

    async def talk() -> None:
        nonlocal taken_back
        for seed in seeds:
            try:
                found = await converse_at_random(seed)
                taken_back += found
            except* AssertionError:
                wrong.append(seed)

    async with trio.open_nursery() as nursery:
        for _ in range(talkers):
            nursery.start_soon(talk)
    print(f"{conversations} conversations, {taken_back:.0f} answers taken back")
    print(f"{len(wrong)} that are not as they must be", *wrong[:20])
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--talkers", type=int, default=25)
    arguments = parser.parse_args()
    return trio.run(measure, arguments.conversations, arguments.talkers)


if __name__ == "__main__":
    sys.exit(main())
