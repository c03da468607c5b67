"""Words and sound together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.engines.failures import EngineFailure, EngineUnavailable, LaneLost
from parley.engines.turn.combined import TextAndAudio, combined
from parley.engines.turn.interface import Pause, TurnEndEngine
from parley.engines.turn.scripted import ScriptedTurnEnd

PAUSE = Pause(text="i would like a", pcm16=bytes(320))
LIKELY = st.floats(0, 1)


@given(LIKELY, LIKELY, LIKELY)
def test_the_sound_moves_the_words_towards_its_own_opinion(
    words: float, sound: float, weight: float
) -> None:
    alone = combined(words, 0.5, weight)
    assert (combined(words, sound, weight) - alone) * (sound - 0.5) >= -1e-9


@given(LIKELY, LIKELY)
def test_the_sound_never_decides_alone(words: float, sound: float) -> None:
    """Whatever it says, words that are clear stay so."""
    found = combined(words, sound)
    if words >= 0.75:
        assert found > 0.6
    if words <= 0.25:
        assert found < 0.4


def test_two_without_an_opinion_have_none_together() -> None:
    assert combined(0.5, 0.5) == pytest.approx(0.5)


def test_the_surer_one_outweighs_the_one_that_doubts() -> None:
    assert combined(0.95, 0.4, 0.5) > 0.7
    assert combined(0.05, 0.6, 0.5) < 0.3


async def test_both_are_asked_of_the_same_pause() -> None:
    text, audio = ScriptedTurnEnd([0.9]), ScriptedTurnEnd([0.1], needs_text=False)
    engine: TurnEndEngine = TextAndAudio(text, audio, audio_weight=0.5)
    assert engine.needs_text
    assert await engine.likelihood(PAUSE) == pytest.approx(0.75)
    assert text.asked == audio.asked == [PAUSE]


@pytest.mark.parametrize("failure", [LaneLost("gone"), EngineUnavailable("no model")])
async def test_where_the_sound_fails_the_words_decide(failure: EngineFailure) -> None:
    engine = TextAndAudio(ScriptedTurnEnd([0.9]), ScriptedTurnEnd([failure]))
    assert await engine.likelihood(PAUSE) == 0.9


async def test_where_the_words_fail_it_fails() -> None:
    engine = TextAndAudio(ScriptedTurnEnd([LaneLost("gone")]), ScriptedTurnEnd([0.9]))
    with pytest.raises(LaneLost):
        await engine.likelihood(PAUSE)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        TextAndAudio(ScriptedTurnEnd(), ScriptedTurnEnd(), audio_weight=weight)
