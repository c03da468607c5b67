"""What a session is opened with: its id, its voice, its agent, and its recording where it has one.

Whoever opens a session runs it inside the block. At the end of the block, and where the session
could not be built, what was opened for it is closed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from ..agents.registry import Agents
from ..agents.resumable import Resumable
from ..agents.running import RunningAgent
from ..config import Settings
from ..conversation.caller import Caller
from ..conversation.events import Watcher
from ..engines.agent.interface import Conductor
from ..engines.kit import Engines, SessionInfo
from ..engines.room import EngineRoom
from ..engines.tts.interface import ManyVoices
from ..engines.turn.interface import TurnEndEngine
from ..protocol.dialect import Dialect
from ..recording.recordings import Recordings
from ..recording.tap import Tap, TappedConductor, TappedTransport, tapped
from ..session.life import Session
from ..supervisor import Child
from ..telemetry import Telemetry
from ..transport import Transport
from ..turnstile import Turnstile
from ..wallclock import unix_ms
from .resuming.resumption import Held

if TYPE_CHECKING:
    from .traces import Traces
    from .turn_spans import ConversationSpans


class SessionOpener:
    """One per server."""

    def __init__(
        self,
        settings: Settings,
        room: EngineRoom,
        recordings: Recordings,
        telemetry: Telemetry,
        watchers: Sequence[Watcher] = (),
        agents: Agents | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces
        self._settings = settings
        self._agents = agents
        self._room = room
        self._recordings = recordings
        self._telemetry = telemetry
        self._watchers = tuple(watchers)
        self._frames: dict[str, int] = {}  # a dialect's name to its detector's frame

    @contextmanager
    def open(
        self,
        transport: Transport,
        dialect: Dialect,
        *,
        settings: Settings,
        companions: Sequence[Child] = (),
        record: str | None = None,
        caller: Caller | None = None,
        agent: str = "",
        watchers: Sequence[Watcher] = (),
        held: Held | None = None,
    ) -> Iterator[Session]:
        """A session that was not run yet.

        `held`: it is kept, and may go on from another connection.

        `caller` says who calls, and `agent` by name who answers: the server's first, where it is
        empty. Raises UnknownAgent.
        `record` is the token by which the client wants to fetch the session's recording.
        `settings` are the session's own: of them count those that a session reads, and the voice;
        engines were chosen, and lanes began, with the server's. Raises what a factory of own
        engines raises.
        """
        session_id, opened_ms = uuid.uuid4().hex[:12], unix_ms()
        caller = replace(caller or Caller(), session_id=session_id, dialect=dialect.profile.name)
        settings, conductor = self._conducted(settings, caller, agent, held)
        engines = self._voiced(settings)
        turnstile = None
        token = record if self._recordings.grants(record) else None
        with ExitStack() as opened:
            if token is not None or self._recordings.takes(session_id):
                recorder = self._recordings.start(
                    session_id,
                    dialect,
                    opened_ms=opened_ms,
                    frame_samples=self._frame_samples(dialect),
                    settings=settings,
                    turn_end=_looks_at(engines.turn_end),
                    token=token,
                )
                if recorder is not None:
                    opened.callback(recorder.close)
                    turnstile = Turnstile()
                    tap = Tap(turnstile, recorder)
                    transport, engines = TappedTransport(transport, tap), tapped(engines, tap)
                    conductor = TappedConductor(conductor, tap) if conductor else None
            trace = None
            if self._traces is not None:
                trace = self._traces.session(session_id, caller, opened_ms)
                opened.callback(_end, trace, trio.current_time())
            session = Session(
                transport=transport,
                dialect=dialect,
                engines=engines,
                settings=settings,
                telemetry=self._telemetry,
                session_id=session_id,
                opened_ms=opened_ms,
                watchers=(*self._watchers, *watchers),
                companions=companions,
                turnstile=turnstile,
                conductor=conductor,
                trace=trace,
            )
            if held is not None:
                held.session, held.drop = session, transport.abort
            yield session

    def _conducted(
        self, settings: Settings, caller: Caller, name: str, held: Held | None
    ) -> tuple[Settings, Conductor | None]:
        """The settings with what the agent has of its own, and whoever conducts, if anybody."""
        settings, running = self._agent_at_work(settings, caller, name, held)
        if held is None:
            return settings, running
        if running is not None:
            held.agent_state = running.kept_state
        return settings, Resumable(held.go_on(conducted=running is not None), running)

    def _agent_at_work(
        self, settings: Settings, caller: Caller, name: str, held: Held | None
    ) -> tuple[Settings, RunningAgent | None]:
        """An agent that has handed over a conversation which goes on here is not asked again: the
        one that it was handed to is, where there is one of this name."""
        agents, goes_on = self._agents, held.kept if held is not None else None
        agent = agents.choose(name) if agents is not None else None
        if agents is None or agent is None:
            return settings, None
        if goes_on is not None and goes_on.agent in agents.names:
            agent = agents.choose(goes_on.agent) or agent
        settings = agents.settings_for(agent, settings)
        if agent.voice and (voice := self._room.voice_setting):
            settings = settings.model_copy(update={voice: agent.voice})
        responder = self._room.engines.responder
        return settings, agents.running(agent, caller, responder, goes_on)

    def _voiced(self, settings: Settings) -> Engines:
        """The engines, with the voice that these settings name where it is not the server's."""
        engines, name = self._room.engines, self._room.voice_setting
        if name is None or not isinstance(engines.synthesizer, ManyVoices):
            return engines
        voice: str | None = getattr(settings, name)
        if voice is None or voice == getattr(self._settings, name):
            return engines
        return replace(engines, synthesizer=engines.synthesizer.with_voice(voice))

    def _frame_samples(self, dialect: Dialect) -> int:
        """How the detector cuts audio: a replay has none that it could ask. 0 where it cannot be
        made; the session will say so itself."""
        name = dialect.profile.name
        if name not in self._frames:
            asked = SessionInfo.outside(name, self._settings.hearing_for(name))
            try:
                detector = self._room.engines.detector(asked)
            except Exception:
                return 0
            self._frames[name] = detector.frame_samples
        return self._frames[name]


def _looks_at(engine: TurnEndEngine | None) -> str:
    """For a recording's header."""
    if engine is None:
        return ""
    return "text" if engine.needs_text else "audio"


def _end(trace: ConversationSpans, opened_s: float) -> None:
    trace.end(trio.current_time() - opened_s)
