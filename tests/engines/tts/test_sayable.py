"""A voice of one language leaves out the writing that it cannot read, and says so once."""

from __future__ import annotations

import pytest

from parley.conversation.text.scripts import sayable_by
from parley.engines.failures import Unsayable
from parley.engines.tts.sayable import Sayable, sayable
from parley.engines.tts.scripted import ScriptedStream, ScriptedSynthesizer

TOLD = "There is some text here that I can't pronounce."


@pytest.mark.parametrize(
    ("text", "language", "left"),
    [
        ("plain text", "en", "plain text"),
        ("Grüße à Łódź", "en", "Grüße à Łódź"),
        ("the word 你好 means hello", "en", "the word    means hello"),
        ("Привет, Bob", "en", "      , Bob"),
        ("Привет, Bob", "ru", "Привет, Bob"),
        ("今日は", "zh", "今日 "),
        ("今日は", "ja", "今日は"),
        ("α is small", "en", "α is small"),
        ("καλά", "en", "    "),
        ("100 € and 5 °C", "de", "100 € and 5 °C"),
    ],
)
def test_each_letter_that_cannot_be_read_is_a_space(text: str, language: str, left: str) -> None:
    assert sayable_by(text, language) == left


async def test_it_is_said_once_in_a_reply() -> None:
    voice = ScriptedSynthesizer()
    speaks = Sayable(voice, "en")
    await speaks.speak("你好。")
    with pytest.raises(Unsayable, match="speaks 'en'"):
        await speaks.speak("我们去公园吧！")
    await speaks.speak("The word 你好 is a greeting.")
    assert voice.texts == [TOLD, "The word    is a greeting."]


async def test_what_was_left_out_moves_no_word() -> None:
    voice = ScriptedSynthesizer()
    speech = await Sayable(voice, "en").speak("a 你 b")
    assert voice.read_back(speech.pcm16) == "a   b"


async def test_signs_alone_are_the_voices_own_affair() -> None:
    voice = ScriptedSynthesizer()
    await Sayable(voice, "en").speak("...")
    assert voice.texts == ["..."]


def test_a_service_reads_any_writing() -> None:
    stream = ScriptedStream()
    assert sayable(stream, "en") is stream
