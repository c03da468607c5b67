"""A session with an agent, scripted engines and a person, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio

from parley.agents.agent import Agent
from parley.agents.registry import Agents
from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.conversation.caller import Caller
from parley.conversation.events import (
    CallEnding,
    ReplyOver,
    SessionEvent,
    ToolCalled,
    ToolReturned,
)
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.interface import ToolCall
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.dialect import Dialect
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.session.life import Session
from parley.telemetry import Telemetry
from parley.testing import open_session, silence, speech

MS_PER_CHAR = 50

E = TypeVar("E", bound=SessionEvent)


def calls(name: str, arguments: str = "{}", call_id: str = "") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


@dataclass(kw_only=True)
class Conversation:
    """The person's end, and what happened."""

    session: Session
    client: InMemoryClient
    responder: ScriptedResponder
    synthesizer: ScriptedSynthesizer
    telemetry: Telemetry
    began_s: float
    events: list[tuple[float, SessionEvent]] = field(default_factory=list)

    async def types(self, text: str) -> None:
        await self.client.say(type="text", content=text)

    async def speaks(self, ms: int = 600, pause_ms: int = 900) -> None:
        await self.client.speak(speech(ms) + silence(pause_ms), chunk_ms=20)

    async def quiet(self, ms: int) -> None:
        await self.client.speak(silence(ms), chunk_ms=20)

    def of(self, kind: type[E]) -> list[E]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def at(self, kind: type[SessionEvent], where: int = 0) -> float:
        """When the event came, in seconds since the session began."""
        times = [at for at, event in self.events if isinstance(event, kind)]
        return round(times[where] - self.began_s, 3)

    @property
    def now_s(self) -> float:
        return round(trio.current_time() - self.began_s, 3)

    @property
    def replies(self) -> list[str]:
        return [event.text for event in self.of(ReplyOver)]

    @property
    def heard(self) -> list[str]:
        return [event.heard for event in self.of(ReplyOver)]

    @property
    def results(self) -> list[tuple[str, str, str]]:
        """(tool, outcome, output) of each call, in the order of the results."""
        return [
            (event.call.name, event.result.outcome.value, event.result.output)
            for event in self.of(ToolReturned)
        ]

    @property
    def called(self) -> list[str]:
        return [event.call.name for event in self.of(ToolCalled)]

    @property
    def ending(self) -> str | None:
        endings = self.of(CallEnding)
        return endings[0].reason if endings else None

    def asked(self, number: int = -1) -> list[tuple[str, str]]:
        """What the model was asked, without the system message."""
        conversation = self.responder.conversations[number]
        return [(m.role, m.text) for m in conversation if m.role != "system"]

    def instructions(self, number: int = -1) -> str:
        return next(m.text for m in self.responder.conversations[number] if m.role == "system")


@asynccontextmanager
async def conversation(
    agent: Agent[Any],
    replies: Sequence[Sequence[Any]] = (),
    *,
    then: Sequence[Any] | None = ("Fine.",),
    words: Sequence[str] = (),
    query: dict[str, str] | None = None,
    dialect: Dialect = NEWSPEECH,
    tts: dict[str, Any] | None = None,
    agents: Sequence[Agent[Any]] = (),
    **settings: Any,
) -> AsyncIterator[Conversation]:
    """The session is over when the block is left."""
    agent.name = agent.name or "agent"
    chosen = Settings.defaults(**({"stream_turn_engine": "fixed"} | settings))
    responder = ScriptedResponder(replies, then=then)
    synthesizer = ScriptedSynthesizer(**({"ms_per_char": MS_PER_CHAR} | (tts or {})))
    telemetry = Telemetry()
    transcriber = ScriptedTranscriber([*words, *["and so on please"] * 20], word_ms=100)
    registry = Agents([agent, *agents], chosen)
    caller = Caller(session_id="test", dialect=dialect.profile.name, query=query or {})
    events: list[tuple[float, SessionEvent]] = []
    async with open_session(
        Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: transcriber,
            responder=responder,
            synthesizer=synthesizer,
        ),
        settings=registry.settings_for(agent, chosen),
        dialect=dialect,
        telemetry=telemetry,
        watchers=[lambda event: events.append((trio.current_time(), event))],
        conductor=registry.running(agent, caller, responder),
    ) as (session, client):
        yield Conversation(
            session=session,
            client=client,
            responder=responder,
            synthesizer=synthesizer,
            telemetry=telemetry,
            began_s=trio.current_time(),
            events=events,
        )
