"""Recordings of scripted sessions, made in memory under virtual time."""

from __future__ import annotations

import functools
import json
from array import array
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from parley.audio.resampler import Resampler
from parley.audio.wav import read_wav
from parley.client.in_memory import InMemoryClient
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import LaneLost
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts import pyttsx3_worker
from parley.engines.tts.interface import Speech
from parley.engines.vad.webrtc import WebRtcDetector
from parley.protocol.dialect import Dialect
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.recording.tape import Entry, Header, Recording
from parley.session.life import Session
from parley.testing.performing import OPENED_MS, perform
from parley.testing.scene import Scene
from parley.testing.scenes import SCENES

AUDIO = Path(__file__).resolve().parents[2] / "examples/audio"


def recording_of(entries: list[Entry], spoken: Dialect, **header: Any) -> Recording:
    known: Mapping[str, Any] = {
        "session_id": "recorded",
        "dialect": spoken.profile.name,
        "opened_ms": OPENED_MS,
        "settings": {},
        "detector_frame_samples": 320,
    }
    return Recording(header=Header(**{**known, **header}), entries=entries)


async def recorded(scene: Scene | str) -> Recording:
    """A scene, or that of a name, as a recording."""
    performance = await perform(SCENES[scene] if isinstance(scene, str) else scene)
    return performance.recording()


def made(scene: Scene | str) -> Recording:
    """The same for tests without an event loop."""
    return trio.run(recorded, scene, clock=trio.testing.MockClock(autojump_threshold=0))


# One that is worth looking at: real voices, the real detector


class EspeakSynthesizer:
    """espeak-ng in this process: it takes no virtual time, so a delay stands for it."""

    def __init__(self, delay_s: float = 0.12) -> None:
        pyttsx3_worker.load({"voice": "en-us+f3", "rate": 165})
        self._delay_s = delay_s

    async def speak(self, text: str) -> Speech:
        speech = pyttsx3_worker.speak(text)
        await trio.sleep(self._delay_s)
        return speech


def _growing(text: str, *, slips: Mapping[int, str] | None = None) -> list[str]:
    """Hypotheses word by word; `slips` says what a word was taken for until the next came."""
    words, grown = text.split(), []
    for count in range(1, len(words) + 1):
        last = (slips or {}).get(count, words[count - 1])
        grown.append(" ".join([*words[: count - 1], last]))
    return [*grown[:-1], " ".join(words)] if grown else [""]


def _reply(text: str, first_s: float = 0.31) -> list[str | float | Exception | Any]:
    steps: list[Any] = [first_s]
    for number, word in enumerate(text.split()):
        steps += [word + " ", 0.045 if number % 5 else 0.11]
    return steps


def lively_engines() -> Engines:
    """A question, an interruption, a cough in a reply, a recognizer that is lost, a voice too."""
    said = [
        _growing("what is the weather like today", slips={3: "a", 4: "whether"}),
        _growing("please turn on the lights in the kitchen", slips={6: "light"}),
        _growing("set a timer for ten minutes", slips={5: "tent"}),
        _growing("remind me to call my mother tomorrow morning", slips={4: "cold"}),
    ]
    replies = [
        _reply(
            "It is sunny, with a light wind from the west. In the afternoon clouds will come up, "
            "and in the evening there may be some rain."
        ),
        _reply("The lights in the kitchen are on. Shall I turn them off at eleven, as always?"),
        _reply("Ten minutes, starting now."),
        _reply("I will remind you at nine. Anything else for tomorrow?"),
    ]
    return Engines(
        detector=lambda session: WebRtcDetector(2),
        transcriber=lambda session: ScriptedTranscriber(
            said,
            word_ms=290,
            delays_s={"feed": 0.02, "finish": 0.09},
            fail_on={("feed", 44): LaneLost("the worker process is gone")},
        ),
        responder=ScriptedResponder(replies),
        synthesizer=EspeakSynthesizer(),
    )


def _cough() -> bytes:
    """A burst of noise of 150 ms that falls off."""
    state, samples = 1, array("h")
    for number in range(2400):
        state = state * 1_103_515_245 + 12_345 & 0x7FFFFFFF
        samples.append(int((state / 0x40000000 - 1) * 11_000 * (1 - number / 2400)))
    return samples.tobytes()


async def lively(client: InMemoryClient, session: Session) -> None:
    """Dialect C, 24 kHz."""
    resampler = Resampler(16_000, 24_000)

    async def hear(pcm16: bytes) -> None:
        at_24 = resampler.push(pcm16)
        for start in range(0, len(at_24), 1920):
            await trio.sleep(0.04)
            await client.transport.send(at_24[start : start + 1920])

    def spoken(name: str) -> bytes:
        return read_wav(AUDIO / f"{name}.wav").pcm16

    room = functools.partial(bytes.__mul__, array("h", [9, -7, 4, -8, 2, -3, 8, -5]).tobytes())
    await client.say(type="control", command="start_session")
    await hear(spoken("1-weather") + room(2000 * 3))
    await hear(spoken("4-lights") + room(2000 * 2))
    await hear(_cough() + room(2000 * 5))
    await hear(spoken("3-timer") + room(2000 * 4))
    await hear(spoken("8-mother") + room(2000 * 6))
    await client.say(type="control", command="end_session")
    await client.wait_closed()


async def lively_recording() -> Recording:
    """About half a minute."""
    scene = replace(SCENES["two-turns"], dialect=NEWSPEECH, peer=lively)
    performance = await perform(scene, engines=lively_engines())
    pyttsx3_worker._engine = None  # at the interpreter's end it could not be closed any more
    names = {"vad": "webrtc", "asr": "scripted", "llm": "scripted", "tts": "pyttsx3"}
    return performance.recording(
        detector_frame_samples=480, engines=names, session_id="a8c1f0d24b7e"
    )


def words_sent(recording: Recording, kind: str) -> list[dict[str, Any]]:
    """The messages of this type that the server sent."""
    texts = [e.data["text"] for e in recording.entries if e.kind == "out" and "text" in e.data]
    return [m for m in map(json.loads, texts) if m["type"] == kind]
