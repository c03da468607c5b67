"""Voices by the names that clients have for them."""

from __future__ import annotations

import pytest

from parley.engines.tts.asked_voice import OPENAI_VOICES as ALIASES
from parley.engines.tts.interface import Synthesizer
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.server.http.head import BadRequest
from parley.server.v1.voices import KnownVoices


class Many(ScriptedSynthesizer):
    """One with several voices; `chosen` is the last one that was asked for."""

    voices = ("anna", "bert", "carl")

    def __init__(self, chosen: str = "") -> None:
        super().__init__()
        self.chosen = chosen

    def with_voice(self, voice: str) -> Synthesizer:
        return Many(voice)


def chosen(known: KnownVoices, name: str | None) -> str:
    found = known.of(name)
    assert isinstance(found, Many)
    return found.chosen


def test_a_voice_of_ones_own_is_found_by_its_name() -> None:
    known = KnownVoices(Many(), ("anna", "bert", "carl", "dora"))
    assert [chosen(known, name) for name in (None, "default", "anna", "dora")] == [
        *("", "", "", "dora")
    ]


def test_openais_names_are_spread_always_in_the_same_way() -> None:
    known = KnownVoices(Many(), ("anna", "bert", "carl", "dora"))
    found = [chosen(known, name) for name in ALIASES]
    assert found == [chosen(known, name.upper()) for name in ALIASES]
    assert set(found) == {"", "bert", "carl"}  # the one that is set, and those that are suggested


def test_where_there_is_one_voice_they_all_mean_it() -> None:
    voice = ScriptedSynthesizer()
    known = KnownVoices(voice, ("joe",))
    assert all(known.of(name) is voice for name in (*ALIASES, "joe", None))
    assert known.listed == ("joe", *ALIASES)


def test_a_service_knows_its_own_names() -> None:
    known = KnownVoices(Many(), ("alloy",), any_name=True)
    assert [chosen(known, name) for name in ("alloy", "nova", "whoever")] == ["", "nova", "whoever"]


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    known = KnownVoices(Many(), tuple(f"v{number}" for number in range(100)))
    with pytest.raises(BadRequest, match=r"no voice 'x'; there is v0, .* and 88 others") as caught:
        known.of("x")
    assert caught.value.param == "voice"
