"""What a protocol's own server takes in silence is silent here: every message, in every state.

At most one `info` a session tells of it, never an error, and the conversation goes on behind it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.scripted import HANG, ScriptedResponder, Step
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol import io_speech, newspeech, prompt_voice
from parley.session.life import Session
from parley.telemetry import Telemetry
from parley.testing import LOUD, open_session

pytestmark = pytest.mark.no_cover  # many runs of code that other tests cover

Clock = trio.testing.MockClock
Frame = str | bytes

DIALECTS = {"A": prompt_voice.DIALECT, "B": io_speech.DIALECT, "C": newspeech.DIALECT}
RATES_HZ = {"A": 16_000, "B": 16_000, "C": 24_000}

START: dict[str, Frame] = {
    "A": '{"type":"start","sample_rate":16000}',
    "B": '{"type":"control","action":"start_listening"}',
    "C": '{"type":"control","command":"start_session"}',
}
STOP: dict[str, Frame] = {
    "A": '{"type":"stop"}',
    "B": '{"type":"control","action":"stop_listening"}',
}
FINAL = {"A": "final_transcript", "B": "transcript", "C": "final_transcript"}
AUDIO = {"A": "tts_chunk", "B": "audio_output", "C": "binary"}


def audio(dialect: str, ms: int, sample: bytes = bytes(2), **fields: Any) -> Frame:
    pcm16 = sample * (RATES_HZ[dialect] * ms // 1000)
    if dialect != "B":
        return pcm16
    data = base64.b64encode(pcm16).decode()
    return json.dumps({"type": "audio", "data": data, "timestamp": 0} | fields)


HARMLESS: dict[str, dict[str, Frame]] = {
    "A": {
        "start": START["A"],
        "start without a rate": '{"type":"start"}',
        "start at another rate": '{"type":"start","sample_rate":48000}',
        "stop": STOP["A"],
        "cancel": '{"type":"cancel"}',
        "played": '{"type":"played","ms":5}',
        "empty audio": b"",
        "odd audio": bytes(3),
    },
    "B": {
        "start": START["B"],
        "start with more fields": '{"type":"control","action":"start_listening","timestamp":1,'
        '"endpointing":{"hangover_ms":500},"asr_profile":"fast"}',
        "stop": STOP["B"],
        "cancel_tts": '{"type":"control","action":"cancel_tts"}',
        "audio": audio("B", 20),
        "audio out of sequence": audio("B", 20, sequence=700),
        "audio with a sequence that is no number": audio("B", 20, sequence="x"),
    },
    "C": {
        "start": START["C"],
        "barge_in": '{"type":"barge_in","energy":-20.5}',
        "barge_in as bytes": b'{"type":"barge_in"}',
        "ping": '{"type":"control","command":"ping"}',
        "text that is no JSON": "hello",
        "JSON that is no object": "[5]",
        "an object without anything": "{}",
        "no content": '{"type":"text"}',
        "empty content": '{"content":""}',
        "content that is no text": '{"content":5}',
        "an unknown type": '{"type":"dance"}',
        "an unknown type as bytes": b'{"type":"dance"}',
        "an unknown command": '{"type":"control","command":"dance"}',
        "no command": '{"type":"control"}',
        "empty audio": b"",
        "odd audio": bytes(3),
        "audio": audio("C", 20),
    },
}

STATES = ("new", "listening", "hearing", "thinking", "speaking", "answered", "stopped")

CASES = [
    pytest.param(dialect, state, frame, id=f"{dialect}-{state}-{name}")
    for dialect, frames in HARMLESS.items()
    for state in STATES
    for name, frame in frames.items()
    if not (state == "stopped" and dialect not in STOP)
    # Before its start the first protocol takes no audio at all.
    if not (state == "new" and dialect == "A" and isinstance(frame, bytes))
]


class Caller:
    """One who speaks, in any dialect."""

    def __init__(self, dialect: str, client: InMemoryClient) -> None:
        self.dialect = dialect
        self.client = client

    async def send(self, frame: Frame) -> None:
        await self.client.transport.send(frame)

    async def speak(self, ms: int, silence_ms: int = 0) -> None:
        for sample, length_ms in ((LOUD, ms), (bytes(2), silence_ms)):
            for _ in range(length_ms // 100):
                await trio.sleep(0.1)
                await self.send(audio(self.dialect, 100, sample))

    async def bring_to(self, state: str) -> None:
        """The state in which the messages come. Nobody speaks in it but in "hearing"."""
        if state == "new":
            return
        await self.send(START[self.dialect])
        if state == "hearing":
            await self.speak(500)
        elif state in ("thinking", "speaking", "answered"):
            await self.speak(600, 800)
            if state != "thinking":
                await self.client.wait_for(AUDIO[self.dialect])
        elif state == "stopped":
            await self.send(STOP[self.dialect])
        if state == "answered":
            await trio.sleep(3)
        await trio.testing.wait_all_tasks_blocked()

    def finals(self) -> list[str]:
        found = self.client.of(FINAL[self.dialect])
        return [m["text"] for m in found if m.get("is_final", True) and m["text"]]


def replies_in(state: str) -> list[list[Step]]:
    if state == "thinking":
        return [[HANG]]
    if state == "speaking":
        return [["A long sentence that goes on and on and on for a while."]]
    return []


Talk = Callable[[Caller, Session], Any]


async def converse(dialect: str, state: str, talk: Talk) -> tuple[InMemoryClient, Telemetry]:
    """Bring a session to the state, and talk."""
    telemetry = Telemetry()
    engines = Engines(
        detector=lambda hearing: ScriptedDetector(),
        transcriber=lambda session_id: ScriptedTranscriber([f"words {n}" for n in range(9)]),
        responder=ScriptedResponder(replies_in(state), then=["Fine."]),
        synthesizer=ScriptedSynthesizer(),
    )
    with trio.fail_after(300):
        async with open_session(engines, dialect=DIALECTS[dialect], telemetry=telemetry) as (
            session,
            client,
        ):
            caller = Caller(dialect, client)
            await caller.bring_to(state)
            await talk(caller, session)
    return client, telemetry


def errors(client: InMemoryClient) -> list[dict[str, Any]]:
    """All but the documented answer to `cancel`."""
    return [m for m in client.of("error") if m["code"] != "CANCELLED"]


@pytest.mark.few(30)
@pytest.mark.parametrize(("dialect", "state", "frame"), CASES)
async def test_a_harmless_message_is_no_error_in_any_state_and_the_conversation_goes_on(
    autojump_clock: Clock, dialect: str, state: str, frame: Frame
) -> None:
    async def talk(caller: Caller, session: Session) -> None:
        for _ in range(3):
            await caller.send(frame)
        await trio.testing.wait_all_tasks_blocked()
        await caller.speak(0, 1000 if state == "hearing" and dialect != "A" else 0)
        before = len(caller.finals()), len(caller.client.of(AUDIO[dialect]))
        await caller.send(START[dialect])
        await caller.speak(700, 900)
        await trio.sleep(5)
        assert len(caller.finals()) > before[0]
        assert len(caller.client.of(AUDIO[dialect])) > before[1]

    client, telemetry = await converse(dialect, state, talk)
    assert errors(client) == []
    infos = [
        m for m in client.of("info") if m["message"] not in ("Session created", "Session complete")
    ]
    assert len(infos) <= 1
    assert telemetry.registry.get_sample_value("parley_restarts_total", {"child": "vad"}) is None


@pytest.mark.parametrize("state", STATES)
async def test_every_start_listening_is_answered_with_listening(
    autojump_clock: Clock, state: str
) -> None:
    async def talk(caller: Caller, session: Session) -> None:
        for _ in range(2):
            before = len(caller.client.of("status"))
            await caller.send(START["B"])
            await trio.testing.wait_all_tasks_blocked()
            answers = [m["status"] for m in caller.client.of("status")[before:]]
            assert "listening" in answers

    await converse("B", state, talk)


@pytest.mark.parametrize("state", STATES)
async def test_every_stop_listening_is_answered_with_connected(
    autojump_clock: Clock, state: str
) -> None:
    async def talk(caller: Caller, session: Session) -> None:
        for _ in range(2):
            before = len(caller.client.of("status"))
            await caller.send(STOP["B"])
            await trio.sleep(20)
            answers = [m["status"] for m in caller.client.of("status")[before:]]
            assert answers[-1] == "connected"
            assert not session.status()["is_listening"]

    await converse("B", state, talk)


@pytest.mark.parametrize("dialect", ["A", "C"])
async def test_what_is_ignored_is_told_once_a_session_whatever_it_is(
    autojump_clock: Clock, dialect: str
) -> None:
    silent = ("start", "start without a rate", "start at another rate", "played", "stop", "cancel")

    async def talk(caller: Caller, session: Session) -> None:
        for name, frame in HARMLESS[dialect].items():
            if name not in silent:
                await caller.send(frame)
        await trio.testing.wait_all_tasks_blocked()

    client, telemetry = await converse(dialect, "listening", talk)
    infos = [
        m for m in client.of("info") if m["message"] not in ("Session created", "Session complete")
    ]
    assert len(infos) == 1
    counted = telemetry.exposition().decode()
    assert 'parley_violations_total{breach="invalid_audio"}' in counted
