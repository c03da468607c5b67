"""Where the two meet who know of a silence: one counts it, the other knows the words."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from parley.actors.pauses import ANSWER_LIMIT_S, Pauses
from parley.conversation.patience import NO_OPINION

Clock = trio.testing.MockClock


async def test_an_answer_is_waited_for_but_not_for_long(autojump_clock: Clock) -> None:
    pauses = Pauses()
    pauses.answer(pauses.begin(), 0.9)
    assert await pauses.likelihood() == 0.9
    pauses.begin()
    began_s = trio.current_time()
    assert await pauses.likelihood() == NO_OPINION
    assert trio.current_time() - began_s == pytest.approx(ANSWER_LIMIT_S)


async def test_an_answer_to_a_pause_that_is_over_is_no_answer_to_the_next() -> None:
    pauses = Pauses()
    first = pauses.begin()
    second = pauses.begin()
    pauses.answer(first, 1.0)
    pauses.answer(second, 7.0)
    assert await pauses.likelihood() == 1.0  # of the second, bounded
