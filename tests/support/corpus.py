"""Conversations that the corpus of recordings holds; scripted, in virtual time.

`tests/recordings/*.mcap` were made of these by `scripts/make_corpus.py`. A recording stays as it is
when the code changes: that is what it is for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import trio

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import LaneLost
from parley.engines.kit import Engines
from parley.engines.llm.scripted import HANG, ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.turn.scripted import ScriptedTurnEnd
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.dialects import DIALECTS
from parley.recording.tap import Tap, TappedTransport, tapped
from parley.recording.tape import Header, MemoryTape, Recording
from parley.session.life import Session
from parley.telemetry import Telemetry
from parley.testing import silence, speech
from parley.transport import MemoryTransport, memory_pair
from parley.turnstile import Turnstile

FRAME_SAMPLES = 320
REPLY = (0.15, "The ", 0.04, "light ", "is ", "off. ", 0.3, "Is ", "there ", 0.9, "more?")

Talk = Callable[[InMemoryClient, Session], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One conversation of the corpus."""

    dialect: str
    talk: Talk
    asr: dict[str, Any] = field(default_factory=dict)
    reply: tuple[Any, ...] = REPLY
    settings: dict[str, Any] = field(default_factory=dict)
    capacity: int = 1000
    slow_s: float = 0.0
    """How long the client takes over each message."""
    turn_end: tuple[float, ...] = ()
    """How likely each pause is the end; empty: nobody is asked."""


async def _interrupt(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(600) + silence(1500), chunk_ms=20)
    await client.speak(speech(500) + silence(1000), chunk_ms=20)
    await trio.sleep(2)


async def _cough(client: InMemoryClient, session: Session) -> None:
    await _say(client, speech(500) + silence(1700), 24_000)
    await _say(client, speech(160) + silence(2500), 24_000)


async def _two_turns(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(700) + silence(900))
    await client.wait_for("tts_complete")
    await client.say(type="stop")
    await trio.sleep(0.5)


async def _io_speech(client: InMemoryClient, session: Session) -> None:
    await client.say(type="control", action="start_listening")
    for number, start in enumerate(range(0, 48_000, 3200)):
        pcm16 = (speech(600) + silence(900))[start : start + 3200]
        data = base64.b64encode(pcm16).decode()
        await trio.sleep(0.1)
        await client.say(type="audio", data=data, timestamp=0, sequence=number)
    await trio.sleep(3)
    await client.say(type="control", action="stop_listening")
    await trio.sleep(0.2)


async def _typed(client: InMemoryClient, session: Session) -> None:
    await client.say(type="text", content="hello")
    await trio.sleep(0.9)
    await client.say(type="barge_in", energy=0.5)
    await client.say(type="text", content="again")
    await trio.sleep(3)
    await client.say(type="control", command="end_session")
    await client.wait_closed()


async def _drained(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(500) + silence(900))
    session.drain()
    await client.wait_closed()


async def _no_answer(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(500) + silence(900))
    await client.wait_for("error")
    await trio.sleep(1)


async def _hesitates(client: InMemoryClient, session: Session) -> None:
    await _say(client, speech(500) + silence(400) + speech(400) + silence(700), 24_000)
    await _say(client, speech(300) + silence(2500), 24_000)
    await _say(client, speech(400) + silence(1200), 24_000)


async def _say(client: InMemoryClient, pcm16: bytes, rate_hz: int) -> None:
    """Frames of 80 ms at another rate: each sample again and again, which is good enough here."""
    count = len(pcm16) // 2 * rate_hz // 16_000
    frame = rate_hz * 80 // 1000
    samples = [pcm16[i * 16_000 // rate_hz * 2 :][:2] for i in range(count)]
    for at in range(0, count, frame):
        await trio.sleep(0.08)
        await client.transport.send(b"".join(samples[at : at + frame]))


SCENES: dict[str, Scene] = {
    "barge-in": Scene(dialect="prompt-voice", talk=_interrupt),
    "false-alarm": Scene(dialect="newspeech", talk=_cough),
    "recognizer-crashes": Scene(
        dialect="prompt-voice", talk=_two_turns, asr={"fail_on": {("feed", 3): LaneLost("gone")}}
    ),
    "backpressure": Scene(
        dialect="prompt-voice",
        talk=_two_turns,
        settings={"stream_backpressure_threshold": 2, "stream_partial_min_gap_ms": 20},
        capacity=1,
        slow_s=0.12,
    ),
    "llm-timeout": Scene(
        dialect="prompt-voice",
        talk=_no_answer,
        reply=("Well ", HANG),
        settings={"stream_llm_gap_s": 0.5},
    ),
    "io-speech": Scene(dialect="io-speech", talk=_io_speech),
    "typed": Scene(dialect="newspeech", talk=_typed),
    "drain": Scene(dialect="prompt-voice", talk=_drained),
    "begun-early": Scene(dialect="prompt-voice", talk=_two_turns, turn_end=(0.9,)),
    "begun-in-vain": Scene(dialect="newspeech", talk=_hesitates, turn_end=(0.1, 0.2, 1.0)),
}


async def record(name: str) -> tuple[Recording, list[str | bytes]]:
    """A scene as a recording, and the frames that its client got."""
    scene = SCENES[name]
    tape, turnstile = MemoryTape(), Turnstile()
    tap = Tap(turnstile, tape)
    server_end, client_end = memory_pair(scene.capacity)
    dialect = next(d for d in DIALECTS if d.profile.name == scene.dialect)
    settings = Settings.defaults(**scene.settings)
    delays_s = {"feed": 0.012, "conclude": 0.06, "finish": 0.0 if scene.turn_end else 0.06}
    asr: dict[str, Any] = {"delays_s": delays_s, "word_ms": 150}
    engines = Engines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(
            ["turn the light off", "stop that now", "thank you"], **(asr | scene.asr)
        ),
        responder=ScriptedResponder(then=scene.reply),
        synthesizer=ScriptedSynthesizer(delay_s=0.08, ms_per_char=40, rate_hz=8000),
        turn_end=ScriptedTurnEnd(scene.turn_end, delay_s=0.02) if scene.turn_end else None,
    )
    session = Session(
        transport=TappedTransport(server_end, tap),
        dialect=dialect,
        engines=tapped(engines, tap),
        settings=settings,
        telemetry=Telemetry(),
        session_id=name,
        opened_ms=1_763_640_000_000,
        turnstile=turnstile,
    )
    ear = _Ear(client_end, scene.slow_s)
    client = InMemoryClient(cast(MemoryTransport, ear))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        nursery.start_soon(client.read)
        await scene.talk(client, session)
        await client_end.close()
    header = Header(
        session_id=name,
        dialect=scene.dialect,
        opened_ms=1_763_640_000_000,
        settings=json.loads(json.dumps(settings.public())),
        detector_frame_samples=FRAME_SAMPLES,
        engines={"vad": "scripted", "asr": "scripted", "llm": "scripted", "tts": "scripted"},
        turn_end="text" if scene.turn_end else "",
    )
    return Recording(header=header, entries=tape.entries), ear.received


class _Ear:
    """The client's end, which keeps what came, and may be slow."""

    def __init__(self, end: MemoryTransport, slow_s: float) -> None:
        self.send = end.send
        self.received: list[str | bytes] = []
        self._end = end
        self._slow_s = slow_s

    async def receive(self) -> str | bytes:
        frame = await self._end.receive()
        self.received.append(frame)
        await trio.sleep(self._slow_s)
        return frame
