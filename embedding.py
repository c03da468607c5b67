"""Parley in your own process: a whole server as one `async with`, and sessions without a socket.

    async with open_server(port=0) as server:
        async with server.connect("/engine") as client:
            ...

The server is the one that `parley serve` runs, on the same actors; leaving the block drains it.
Everything that an embedder imports is here; `parley.testing` has what tests want besides.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import trio

from .addresses import url_of
from .agents.agent import Agent
from .agents.problems import BadAgent
from .agents.registry import Agents, UnknownAgent
from .client.in_memory import InMemoryClient
from .config import Settings, load_settings
from .conversation.caller import Caller
from .conversation.events import (
    AudioHeard,
    BargedIn,
    CallEnding,
    CallerSilent,
    ConductorChanged,
    Connected,
    Disconnected,
    ReplyOver,
    Resumed,
    SessionEvent,
    TakenBack,
    TextHeard,
    ToolCalled,
    ToolReturned,
    Watcher,
)
from .engines.asr.interface import Hypothesis, Transcriber, Transcript
from .engines.failures import (
    EngineBusy,
    EngineFailure,
    EngineTimeout,
    EngineUnavailable,
    LaneLost,
)
from .engines.kit import Engines, OwnEngines, SessionInfo
from .engines.llm.interface import (
    Alive,
    ChatMessage,
    ForgetLater,
    HasSecond,
    Remark,
    ReplyPart,
    Responder,
    SayLater,
    Warms,
    Wish,
)
from .engines.room import NO_OWN_ENGINES, open_engine_room
from .engines.tts.interface import (
    ManyLanguages,
    ManyVoices,
    Speech,
    Streams,
    Synthesizer,
    WordTime,
)
from .engines.turn.interface import Pause, TurnEndEngine
from .engines.vad.interface import Detector
from .nurseries import plain_nursery
from .protocol.codes import Code
from .protocol.dialect import Dialect
from .protocol.dialects import DIALECTS
from .protocol.states import State
from .server.access.binding import check_binding
from .server.connections import SessionRefused
from .server.logs import configure_for_embedding
from .server.status import Limits, ServerStatus, SessionStatus
from .server.tree import PortInUse, Server, open_listeners
from .transport import PeerGone

__all__ = [
    "DIALECTS",
    "Agent",
    "Alive",
    "AudioHeard",
    "BadAgent",
    "BargedIn",
    "CallEnding",
    "Caller",
    "CallerSilent",
    "ChatMessage",
    "Code",
    "ConductorChanged",
    "Connected",
    "Detector",
    "Dialect",
    "Disconnected",
    "EngineBusy",
    "EngineFailure",
    "EngineTimeout",
    "EngineUnavailable",
    "Engines",
    "ForgetLater",
    "HasSecond",
    "Hypothesis",
    "InMemoryClient",
    "LaneLost",
    "Limits",
    "ManyLanguages",
    "ManyVoices",
    "OwnEngines",
    "Pause",
    "PeerGone",
    "PortInUse",
    "Remark",
    "ReplyOver",
    "ReplyPart",
    "Responder",
    "Resumed",
    "RunningServer",
    "SayLater",
    "ServerStatus",
    "SessionEvent",
    "SessionInfo",
    "SessionRefused",
    "SessionStatus",
    "Settings",
    "Speech",
    "State",
    "Streams",
    "Synthesizer",
    "TakenBack",
    "TextHeard",
    "ToolCalled",
    "ToolReturned",
    "Transcriber",
    "Transcript",
    "TurnEndEngine",
    "UnknownAgent",
    "Warms",
    "Watcher",
    "Wish",
    "WordTime",
    "load_settings",
    "open_server",
]

READY_POLL_S = 0.02

NO_GUARD = (
    "a server is being opened while a worker process imports this script; put what starts the "
    'server under `if __name__ == "__main__":`'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """The handle on a running server."""

    host: str
    port: int
    """0 where it has no socket."""
    _server: Server

    def url(self, path: str = "/ws") -> str:
        """Where a WebSocket client connects. Raises ValueError for a path that nothing is served
        at, and where the server has no socket."""
        _dialect_at(path)
        if not self.port:
            raise ValueError("this server has no socket: open it with a port, 0 for a free one")
        scheme = "ws" if self._server.certificates is None else "wss"
        return f"{url_of(scheme, self.host, self.port)}{path}"

    def status(self) -> ServerStatus:
        """Running, ready, clients, limits, and each session."""
        return self._server.status()

    async def until_ready(self) -> None:
        """Wait until the engines can talk. Raises EngineUnavailable where one cannot be loaded,
        with the reason, and RuntimeError where the server has stopped."""
        while not (status := self.status()).ready:
            if errors := self._server.load_errors():
                raise EngineUnavailable("; ".join(errors))
            if not status.running:
                raise RuntimeError("the server is not running")
            await trio.sleep(READY_POLL_S)
        await trio.lowlevel.checkpoint()

    async def broadcast_audio(
        self, pcm16: bytes, rate_hz: int, *, exclude: Collection[str] = ()
    ) -> int:
        """Send PCM16 mono to every client but those whose session ids are in `exclude`. Returns
        to how many, when it has left for the slowest. Raises ValueError for what is no PCM16."""
        return await self._server.broadcast_audio(pcm16, rate_hz, exclude=exclude)

    def cancel_reply(self, session_id: str) -> bool:
        """End what one session is saying, or about to say, as if the person had interrupted it: it
        remembers what was heard, and the conversation goes on. Returns whether there was a reply.
        Raises LookupError for an unknown id."""
        return self._server.cancel_reply(session_id)

    async def close_session(self, session_id: str) -> None:
        """Have one session say goodbye: its reply finishes, and its connection closes with 1000.
        Returns when it is gone, within STREAM_DRAIN_S. Raises LookupError for an unknown id."""
        await self._server.close_session(session_id)

    @asynccontextmanager
    async def connect(
        self,
        path: str = "/ws",
        *,
        settings: Settings | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[InMemoryClient]:
        """A client in memory, in the dialect of `path`, which may have a query with the dialect's
        options (`/stream?events=document`) and the call's parameters; `settings` for this session
        alone (those that a session reads, and the voice). With agents, `/ws/shop` or
        `/ws?agent=shop` says who answers. An agent's code sees path, query and `headers`. Leaving
        the block hangs up.

        Its session is supervised like one from a socket: it counts against the limit of
        connections, and what goes wrong in it is seen by its client alone, as a close with 1011.
        Raises ValueError for a path that nothing is served at, or an option's value that does
        not exist; UnknownAgent; SessionRefused where every place is taken or the server is
        stopping.
        """
        dialect = _dialect_at(path)
        _check_settings(settings)
        bare, _, query = path.partition("?")
        named = dict(parse_qsl(query))
        caller = Caller(
            path=bare,
            peer="memory",
            query=named,
            headers={name.lower(): value for name, value in (headers or {}).items()},
        )
        transport, over = await self._server.connect(
            dialect,
            settings=settings,
            caller=caller,
            agent=_agent_at(bare) or named.get("agent", "").strip(),
        )
        client = InMemoryClient(transport, dialect)
        try:
            async with plain_nursery() as nursery:
                nursery.start_soon(client.read)
                try:
                    yield client
                finally:
                    transport.abort()
        finally:
            await over.wait()


@asynccontextmanager
async def open_server(
    settings: Settings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    own: OwnEngines = NO_OWN_ENGINES,
    watchers: Sequence[Watcher] = (),
    agents: Sequence[Agent[Any]] = (),
) -> AsyncIterator[RunningServer]:
    """A running server.

    `port` None: no socket, clients `connect` in memory; 0: a free one. `own` are your engines in
    the place of the configured ones; `watchers` are told what happens; `agents` answer, the first
    where a client names none.
    Leaving the block stops it gracefully: replies finish within STREAM_DRAIN_S. Where the block
    raises, everything ends at once, and what it raised comes out as it is.

    Raises ValueError for arguments that cannot be meant (BadAgent is one; so is a `host` that
    others reach without a token, see docs/ACCESS.md), PortInUse,
    EngineUnavailable for engines that cannot work, and RuntimeError where a script forgot its
    `if __name__ == "__main__":`.
    """
    _check_main_guard()
    _check_settings(settings)
    _check_arguments(host, own, watchers)
    settings = settings or Settings.defaults()
    configure_for_embedding(settings.observing)
    if port is not None:
        settings = settings.model_copy(update={"parley_host": host})
        check_binding(settings)
    async with AsyncExitStack() as opened:
        listeners = [] if port is None else await open_listeners(host, port)
        for listener in listeners:
            opened.push_async_callback(listener.aclose)
        room = await opened.enter_async_context(open_engine_room(settings, own))
        answering = Agents(agents, settings)
        server = Server(settings, room, watchers=watchers, agents=answering)
        bound = listeners[0].socket.getsockname()[1] if listeners else 0
        nursery = await opened.enter_async_context(plain_nursery())
        await nursery.start(server.run, listeners)
        yield RunningServer(host=host, port=bound, _server=server)
        server.stop()


def _dialect_at(path: object) -> Dialect:
    bare, _, query = path.partition("?") if isinstance(path, str) else (path, "", "")
    for dialect in DIALECTS:
        if bare in dialect.paths or str(bare).rpartition("/")[0] in dialect.paths:
            return dialect.with_choices(dict(parse_qsl(query)))
    known = ", ".join(path for dialect in DIALECTS for path in dialect.paths)
    raise ValueError(f"nothing is served at {path!r}; known: {known}")


def _agent_at(path: str) -> str:
    """The agent that a path names: the last part of `/ws/shop`."""
    place, _, name = path.rpartition("/")
    return name if place else ""


def _check_settings(settings: object) -> None:
    if settings is not None and not isinstance(settings, Settings):
        raise ValueError(
            f"settings are Settings.defaults(...) or load_settings(), not {settings!r}"
        )


def _check_arguments(host: object, own: object, watchers: object) -> None:
    if not isinstance(own, OwnEngines):
        raise ValueError(f"own is an OwnEngines(...), not {own!r}")
    if not isinstance(watchers, Sequence) or not all(callable(one) for one in watchers):
        raise ValueError(f"watchers are a list of functions of one event, not {watchers!r}")
    if not isinstance(host, str) or not host:
        raise ValueError(f"host is an address or a name, not {host!r}")


def _check_main_guard() -> None:
    """A worker imports the script that started the server; it must not start another."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(NO_GUARD)
