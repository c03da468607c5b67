"""A client of dialect D in memory, which holds every event that it gets to the contract: the SDK's
own types, and the order."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import trio
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from parley.agents.agent import Agent
from parley.agents.registry import Agents
from parley.audio.resampler import Resampler
from parley.config import Settings
from parley.conversation.caller import Caller
from parley.conversation.events import SessionEvent
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.interface import Synthesizer
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.turn.interface import TurnEndEngine
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.realtime.dialect import DIALECT
from parley.session.life import Session
from parley.telemetry import Telemetry
from parley.testing import InMemoryClient, open_session, silence, speech

from .realtime_order import Event, OrderModel

MS_PER_CHAR = 50
AUDIO = "response.output_audio.delta"


@cache
def contract() -> TypeAdapter[Any]:
    return TypeAdapter(RealtimeServerEvent)


def check(events: Sequence[Event], model: OrderModel) -> None:
    """Raises where an event has not the shape, or not the place, that it must have."""
    for event in events:
        contract().validate_python(event)
        try:
            model.take(event)
        except AssertionError as wrong:
            shown = [e["type"] for e in events[: model.events]]
            raise AssertionError(f"{event['type']}: {wrong}; after {shown[-12:]}") from wrong


@dataclass(kw_only=True)
class Realtime:
    """The client's end, and what happened."""

    session: Session
    client: InMemoryClient
    responder: ScriptedResponder
    telemetry: Telemetry
    watched: list[SessionEvent] = field(default_factory=list)
    model: OrderModel = field(default_factory=OrderModel)
    sent: int = 0

    async def send(self, kind: str, **fields: Any) -> str:
        """Send an event. Gives its id."""
        self.sent += 1
        event_id = f"client_{self.sent}"
        await self.client.say(type=kind, event_id=event_id, **fields)
        return event_id

    async def update(self, **session: Any) -> None:
        await self.send("session.update", session={"type": "realtime", **session})

    async def hears_by(self, detection: dict[str, Any] | None, **more: Any) -> None:
        """Set how turns are detected, with transcription told."""
        audio = {"turn_detection": detection, "transcription": {"model": "whisper-1"}}
        await self.update(audio={"input": audio}, **more)

    async def append(self, pcm16: bytes) -> None:
        """PCM16 at 24 kHz, at once."""
        audio = base64.b64encode(pcm16).decode()
        await self.send("input_audio_buffer.append", audio=audio)

    async def speak(self, ms: int, pause_ms: int = 0, *, chunk_ms: int = 20) -> None:
        """Speech, then silence, in real time."""
        resampler = Resampler(16_000, 24_000)
        pcm16 = resampler.push(speech(ms) + silence(pause_ms)) + resampler.flush()
        step = 48 * chunk_ms
        for start in range(0, len(pcm16), step):
            await trio.sleep(chunk_ms / 1000)
            await self.append(pcm16[start : start + step])

    async def quiet(self, ms: int) -> None:
        await self.speak(0, ms)

    async def types(self, text: str, **fields: Any) -> None:
        """Put a message into the conversation."""
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text}],
            **fields,
        }
        await self.send("conversation.item.create", item=item)

    async def responds(self, **response: Any) -> Event:
        """Ask for a response, and wait for its end."""
        count = len(self.of("response.done")) + 1
        await self.send("response.create", **({"response": response} if response else {}))
        done: Event = (await self.wait("response.done", count=count))["response"]
        return done

    async def wait(self, kind: str, *, count: int = 1) -> Event:
        return await self.client.wait_for(kind, count=count)

    async def error(self, ref: str) -> Event:
        """The error that answers the event of this id."""
        found = await self.client.wait_for(
            "error", where=lambda event: event["error"].get("event_id") == ref
        )
        error: Event = found["error"]
        return error

    def of(self, *kinds: str) -> list[Event]:
        return self.client.of(*kinds)

    @property
    def events(self) -> list[Event]:
        return [event for _, event in self.client.received]

    @property
    def kinds(self) -> list[str]:
        """Of all events, those that repeat one after another once."""
        kinds: list[str] = []
        for event in self.events:
            if not kinds or kinds[-1] != event["type"]:
                kinds.append(event["type"])
        return kinds

    def audio(self, response_id: str) -> bytes:
        deltas = [e["delta"] for e in self.of(AUDIO) if e["response_id"] == response_id]
        return b"".join(map(base64.b64decode, deltas))

    def asked(self, number: int = -1) -> list[tuple[str, str]]:
        """What the model was asked, without the system message."""
        conversation = self.responder.conversations[number]
        return [(m.role, m.text) for m in conversation if m.role != "system"]

    def instructions(self, number: int = -1) -> str:
        conversation = self.responder.conversations[number]
        return "".join(m.text for m in conversation if m.role == "system")


@asynccontextmanager
async def realtime(
    replies: Sequence[Sequence[Any]] = (),
    *,
    then: Sequence[Any] | None = ("Fine.",),
    words: Sequence[Any] = (),
    choices: dict[str, str] | None = None,
    agent: Agent[Any] | None = None,
    interrupts: bool = True,
    synthesizer: Synthesizer | None = None,
    turn_end: TurnEndEngine | None = None,
    must_hold: bool = True,
    **settings: Any,
) -> AsyncIterator[Realtime]:
    """A session in memory. When the block is left, everything that came is held to the contract,
    unless a test means to break it (`must_hold`)."""
    chosen = Settings.defaults(**({"stream_turn_engine": "fixed"} | settings))
    responder = ScriptedResponder(replies, then=then)
    telemetry, watched = Telemetry(), list[SessionEvent]()
    transcriber = ScriptedTranscriber([*words, *["and so on please"] * 50], word_ms=100)
    conductor = None
    if agent is not None:
        agent.name = agent.name or "agent"
        registry = Agents([agent], chosen)
        caller = Caller(session_id="test", dialect=DIALECT.profile.name)
        chosen, conductor = (
            registry.settings_for(agent, chosen),
            registry.running(agent, caller, responder),
        )
    async with open_session(
        Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: transcriber,
            responder=responder,
            turn_end=turn_end,
            synthesizer=synthesizer or ScriptedSynthesizer(ms_per_char=MS_PER_CHAR),
        ),
        settings=chosen,
        dialect=DIALECT.with_choices(choices or {}, choices or {}),
        telemetry=telemetry,
        watchers=[watched.append],
        conductor=conductor,
    ) as (session, client):
        talk = Realtime(
            session=session,
            client=client,
            responder=responder,
            telemetry=telemetry,
            watched=watched,
            model=OrderModel(interrupts=interrupts),
        )
        yield talk
        if must_hold:
            check(json.loads(json.dumps(talk.events)), talk.model)
