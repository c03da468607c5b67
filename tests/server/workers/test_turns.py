"""Who accepts the next connection."""

from __future__ import annotations

import random

import pytest

from parley.server.workers.board import Standing
from parley.server.workers.turns import MAX_WAIT_S, is_my_turn


def open_with(load: int) -> Standing:
    return Standing(open=True, load=load)


CLOSED = Standing(open=False, load=0)


@pytest.mark.parametrize(
    ("mine", "others", "waited_s", "expected"),
    [
        (open_with(0), [], 0.0, True),
        (open_with(3), [open_with(3)], 0.0, True),
        (open_with(2), [open_with(3)], 0.0, True),
        (open_with(4), [open_with(3)], 0.0, False),
        (open_with(4), [open_with(5), open_with(3)], 0.0, False),
        # The others are slow: it is not left to them for ever.
        (open_with(4), [open_with(3)], MAX_WAIT_S, True),
        # Among many nobody waits for an exact tie.
        (open_with(103), [open_with(100)], 0.0, True),
        (open_with(104), [open_with(100)], 0.0, False),
        # Who lets nobody in leaves it to those that do, however long that takes.
        (CLOSED, [open_with(90)], 10.0, False),
        (open_with(90), [CLOSED], 0.0, True),
        # Where nobody does, somebody has to say so.
        (CLOSED, [CLOSED, CLOSED], 0.0, True),
        (CLOSED, [], 0.0, True),
    ],
)
def test_the_turn(mine: Standing, others: list[Standing], waited_s: float, expected: bool) -> None:
    assert is_my_turn(mine, others, waited_s) is expected


@pytest.mark.parametrize("workers", [2, 3, 4, 16])
@pytest.mark.parametrize("seed", range(5))
def test_sessions_are_shared_evenly_whoever_wakes_first(workers: int, seed: int) -> None:
    """Some leave, some come; those who wake first are mostly the same, as with the kernel's
    queue."""
    rng = random.Random(seed)
    loads = [0] * workers
    for _ in range(workers * 200):
        if rng.random() < 0.3 and any(loads):
            loads[rng.choice([n for n, load in enumerate(loads) if load])] -= 1
        order = sorted(range(workers), key=lambda worker: (rng.random() < 0.2, worker))
        standing = [open_with(load) for load in loads]
        taker = next(
            worker
            for worker in order
            if is_my_turn(standing[worker], standing[:worker] + standing[worker + 1 :], 0.0)
        )
        loads[taker] += 1
    mean = sum(loads) / workers
    assert max(loads) - min(loads) <= max(2, 0.1 * mean)
