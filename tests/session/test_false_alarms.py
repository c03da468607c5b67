"""Noises during a reply: it pauses, goes on, and every sample of it is there, once and in order.

Real detectors in whole sessions under virtual time; the noises are made by construction. Silero
takes hardly any of them for speech, and so does not even pause.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pytest
import trio
import trio.testing

from parley.client.noises import NOISES, noise
from parley.client.noises import RATE_HZ as NOISE_RATE_HZ
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.open import chosen_detector
from parley.protocol import io_speech, newspeech, prompt_voice
from parley.protocol.chat import ChatMessage
from parley.telemetry import Telemetry
from parley.testing import open_session
from support.voices import Voice, at_rate, recording

pytestmark = pytest.mark.no_cover  # many runs of code that other tests cover

Clock = trio.testing.MockClock

DIALECTS = {d.DIALECT.profile.name: d.DIALECT for d in (prompt_voice, io_speech, newspeech)}
REPLY = "A reply of a few seconds. It has three phrases, and time to cough. Here it ends."
AFTER_S = (0.05, 0.5, 1.21, 2.0, 3.33)
"""Moments of the reply, from its first audio; it lasts four seconds."""
LEVELS_DBFS = (-8.0, -14.0, -26.0)


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a question, a noise (or none) in its reply, and another question."""

    reply: bytes
    gaps_s: tuple[float, ...]
    """Between one piece of the reply and the next."""
    barge_ins: int
    finals: tuple[str, ...]
    conversations: tuple[tuple[ChatMessage, ...], ...]
    interruptions: bool


async def converse(
    dialect: str, disturbance: bytes, after_s: float, *, thinking_s: float = 0.0, **settings: Any
) -> Told:
    """The disturbance (24 kHz) comes so long after the reply's first audio; with `thinking_s` so
    long after the question, while the answer is late by that much."""
    transcriber = ScriptedTranscriber(["how are you", "and now"])
    responder = ScriptedResponder([[thinking_s, REPLY], ["Good."]])
    engines = Engines(
        detector=chosen_detector,
        transcriber=lambda session: transcriber,
        responder=responder,
        synthesizer=ScriptedSynthesizer(rate_hz=22_050),
    )
    telemetry = Telemetry()
    async with open_session(
        engines,
        dialect=DIALECTS[dialect],
        settings=Settings.defaults(**({"stream_vad_engine": "webrtc"} | settings)),
        telemetry=telemetry,
    ) as (_, client):
        voice = Voice(dialect, client)
        question = at_rate(recording(), 16_000, voice.rate_hz)
        await voice.open()
        await voice.say(question)
        while not thinking_s and not voice.pieces():
            await trio.sleep(0.01)
        await voice.pause(after_s)
        await voice.say(at_rate(disturbance, NOISE_RATE_HZ, voice.rate_hz))
        await voice.pause(6.0)
        first = voice.pieces()
        barge_ins = len(client.of("barge_in"))
        await voice.say(question)
        await voice.pause(1.0)
        finals = [m["text"] for m in client.of("final_transcript", "transcript") if _final(m)]
    return Told(
        reply=b"".join(pcm16 for _, pcm16 in first),
        gaps_s=tuple(later - earlier for (earlier, _), (later, _) in itertools.pairwise(first)),
        barge_ins=barge_ins,
        finals=tuple(finals),
        conversations=tuple(tuple(messages) for messages in responder.conversations),
        interruptions=b"parley_interruptions_total 0.0" not in telemetry.exposition(),
    )


def _final(message: dict[str, Any]) -> bool:
    return bool(message.get("is_final", True))


MOMENTS = [
    (name, AFTER_S[number % len(AFTER_S)], LEVELS_DBFS[number % len(LEVELS_DBFS)])
    for number, name in enumerate(NOISES)
]
"""Every noise, each at another moment and another level."""


_quiet: dict[str, Told] = {}


async def undisturbed(dialect: str) -> Told:
    """The same without any noise. It is made once."""
    if dialect not in _quiet:
        _quiet[dialect] = await converse(dialect, b"", 1.0)
    return _quiet[dialect]


async def nothing_was_lost(dialect: str, told: Told) -> None:
    """Not a sample, not a word of the memory; and nothing was added."""
    quiet = await undisturbed(dialect)
    assert told.reply == quiet.reply
    assert told.barge_ins == 0
    assert not told.interruptions
    assert told.finals == quiet.finals == ("how are you", "and now")
    assert told.conversations == quiet.conversations
    assert [m.text for m in told.conversations[1]][-3:] == ["how are you", REPLY, "and now"]


def test_the_noises_are_many_and_short() -> None:
    assert len(NOISES) >= 20
    for name in NOISES:
        assert len(noise(name)) / 2 / NOISE_RATE_HZ <= 0.2501
        assert noise(name) == noise(name)


@pytest.mark.few(6)
@pytest.mark.parametrize(("name", "after_s", "level_dbfs"), MOMENTS)
async def test_a_noise_holds_the_reply_and_costs_nothing(
    autojump_clock: Clock, name: str, after_s: float, level_dbfs: float
) -> None:
    told = await converse("newspeech", noise(name, level_dbfs), after_s)
    await nothing_was_lost("newspeech", told)
    # It did pause; in the last moments there is nothing left to hold back.
    if after_s < max(AFTER_S):
        assert max(told.gaps_s) > 0.14 > max((await undisturbed("newspeech")).gaps_s)


@pytest.mark.few(6)
@pytest.mark.parametrize(("name", "after_s", "level_dbfs"), MOMENTS)
async def test_a_noise_costs_nothing_on_stream(
    autojump_clock: Clock, name: str, after_s: float, level_dbfs: float
) -> None:
    await nothing_was_lost(
        "io-speech", await converse("io-speech", noise(name, level_dbfs), after_s)
    )


@pytest.mark.few(6)
@pytest.mark.parametrize(("name", "after_s", "level_dbfs"), MOMENTS[::3])
async def test_a_noise_costs_nothing_on_ws(
    autojump_clock: Clock, name: str, after_s: float, level_dbfs: float
) -> None:
    told = await converse("prompt-voice", noise(name, level_dbfs), after_s)
    await nothing_was_lost("prompt-voice", told)


@pytest.mark.few(6)
@pytest.mark.parametrize("engine", ["energy", "newspeech", "silero"])
@pytest.mark.parametrize(("name", "after_s", "level_dbfs"), MOMENTS[1::4])
async def test_a_noise_costs_nothing_with_another_detector(
    autojump_clock: Clock, engine: str, name: str, after_s: float, level_dbfs: float
) -> None:
    told = await converse("newspeech", noise(name, level_dbfs), after_s, stream_vad_engine=engine)
    await nothing_was_lost("newspeech", told)


@pytest.mark.parametrize("name", ["double click", "cough", "ah"])
async def test_a_noise_while_the_answer_is_thought_of_costs_nothing(
    autojump_clock: Clock, name: str
) -> None:
    told = await converse("newspeech", noise(name), 0.0, thinking_s=1.0)
    await nothing_was_lost("newspeech", told)


async def test_noise_after_noise_holds_the_reply_again_and_again(autojump_clock: Clock) -> None:
    pause = bytes(NOISE_RATE_HZ)  # half a second
    noises = pause.join(noise(name) for name in ("cough", "key", "door", "mm", "clap", "beep"))
    told = await converse("newspeech", noises, 0.3)
    await nothing_was_lost("newspeech", told)
    assert sum(gap_s > 0.14 for gap_s in told.gaps_s) >= 5


async def test_typing_does_not_hold_the_reply_for_as_long_as_it_goes_on(
    autojump_clock: Clock,
) -> None:
    key = noise("key")
    told = await converse("newspeech", (key + bytes(6000 - len(key))) * 24, 0.3)  # 8 a second
    await nothing_was_lost("newspeech", told)
    assert 0.14 < max(told.gaps_s) < 0.7


async def test_a_sound_that_lasts_does_interrupt(autojump_clock: Clock) -> None:
    """So that the tests above can fail."""
    told = await converse("newspeech", noise("ah") + noise("ah"), 0.5)
    assert told.barge_ins == 1
    assert len(told.reply) < len((await undisturbed("newspeech")).reply)
