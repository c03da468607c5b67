"""Which voice speaks where a client asks for one by its name."""

from __future__ import annotations

from dataclasses import dataclass

from parley.engines.tts.asked_voice import in_voice
from parley.engines.tts.interface import Speech
from parley.engines.tts.scripted import ScriptedSynthesizer


@dataclass(frozen=True)
class Voices:
    voices: tuple[str, ...]
    voice: str = "own"

    def with_voice(self, voice: str) -> Voices:
        return Voices(self.voices, voice)

    async def speak(self, text: str) -> Speech:
        raise NotImplementedError


KOKORO = Voices(("af_heart", "bm_george"))
OPENAI = Voices(("alloy", "ash"))


def test_a_voice_that_is_here_speaks() -> None:
    assert in_voice(KOKORO, "bm_george") == Voices(KOKORO.voices, "bm_george")
    assert in_voice(KOKORO, "af_another") == Voices(KOKORO.voices, "af_another")


def test_for_a_name_of_openais_the_own_voice_speaks_where_the_voices_have_other_names() -> None:
    assert in_voice(KOKORO, "ash") is KOKORO
    assert in_voice(OPENAI, "verse") == Voices(OPENAI.voices, "verse")


def test_no_name_and_a_single_voice_change_nothing() -> None:
    assert in_voice(KOKORO, "") is KOKORO
    single = ScriptedSynthesizer()
    assert in_voice(single, "bm_george") is single
