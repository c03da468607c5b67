"""A server as a process: its signals, its output and its exit code. `parley serve` is this."""

from __future__ import annotations

import functools
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import structlog
import trio

from ..addresses import place_of, url_of
from ..agents.agent import Agent
from ..agents.registry import Agents
from ..config import Settings
from ..conversation.events import Watcher
from ..engines.asr.open import fetch_model
from ..engines.kit import OwnEngines
from ..engines.room import NO_OWN_ENGINES, EngineRoom, open_engine_room
from ..wallclock import unix_ms
from . import banner
from .accepting import make_room_for
from .access.binding import Exposed, check_binding
from .access.tokens import BadTokens
from .http.tls import BadCertificate
from .logs import configure_logging
from .output import dropped_lines_to, queued_output
from .signals import Reload, watch_signals
from .tree import PortInUse, Server, open_listeners
from .v1.uploads import remove_left_behind

READY_POLL_S = 0.05

FORCED = 130
"""Exit code after a second signal: what a shell gives for an interrupt."""


Beside: TypeAlias = Callable[[Agents, int], Awaitable[None]]


class CannotListen(Exception):
    """The address cannot be bound, or must not be; the message says which and why, in one line."""


def serve_until_signalled(
    settings: Settings,
    own: OwnEngines = NO_OWN_ENGINES,
    *,
    agents: Sequence[Agent[Any]] = (),
    watchers: Sequence[Watcher] = (),
    beside: Sequence[Beside] = (),
    on_reload: Sequence[Reload] = (),
) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit code; raises CannotListen, and BadAgent for
    agents that cannot be served together. What runs `beside` is given the agents and the port, and
    ends with the server. `on_reload` is called at SIGHUP, behind what the server loads again."""
    try:
        check_binding(settings)
    except Exposed as problem:
        raise CannotListen(str(problem)) from None
    answering = Agents(agents, settings)
    with queued_output():
        configure_logging(settings.observing)
        return trio.run(_serve, settings, own, answering, watchers, beside, on_reload)


async def _serve(
    settings: Settings,
    own: OwnEngines,
    agents: Agents,
    watchers: Sequence[Watcher],
    beside: Sequence[Beside],
    on_reload: Sequence[Reload],
) -> int:
    serving = settings.serving
    listeners = await _bind(serving.host, serving.port, "--port")
    engine_listeners = (
        await _bind(serving.host, serving.engine_port, "PARLEY_ENGINE_PORT")
        if serving.engine_port
        else []
    )
    audiosocket_listeners = (
        await _bind(serving.host, serving.audiosocket_port, "PARLEY_AUDIOSOCKET_PORT")
        if serving.audiosocket_port
        else []
    )
    admin_listeners = (
        await _bind(
            settings.admitting.admin_host, settings.admitting.admin_port, "PARLEY_ADMIN_PORT"
        )
        if settings.admitting.admin_port
        else []
    )
    agent_listeners = (
        await _bind(serving.agent_host, serving.agent_port, "PARLEY_AGENT_PORT")
        if serving.agent_port
        else []
    )
    if own.transcriber is None:
        await fetch_model(settings)
    async with open_engine_room(settings, own) as room:
        make_room_for(serving.max_connections, len(room.lanes))
        try:
            server = Server(settings, room, agents=agents, watchers=watchers)
        except (BadTokens, BadCertificate) as problem:
            raise CannotListen(str(problem)) from None
        dropped_lines_to(functools.partial(server.telemetry.count, "log_lines_dropped"))
        log = structlog.get_logger()
        stopped = False
        async with trio.open_nursery() as nursery:
            await nursery.start(
                watch_signals,
                server.stop,
                nursery.cancel_scope.cancel,
                (server.reload, *on_reload),
            )
            port = listeners[0].socket.getsockname()[1]
            scheme = "ws" if server.certificates is None else "wss"
            log.info(
                "listening",
                url=f"{url_of(scheme, serving.host, port)}/ws",
                engine_port=serving.engine_port or None,
                audiosocket_port=serving.audiosocket_port or None,
                engines=room.chosen,
                agents=agents.names or None,
            )
            nursery.start_soon(_tidy)
            for task in beside:
                nursery.start_soon(task, agents, port)
            if settings.observing.log_format == "auto":
                nursery.start_soon(_tell_people, settings, room, server, port)
            await server.run(
                listeners,
                engine_listeners=engine_listeners,
                audiosocket_listeners=audiosocket_listeners,
                admin_listeners=admin_listeners,
                agent_listeners=agent_listeners,
            )
            stopped = True
            nursery.cancel_scope.cancel()
    return 0 if stopped else FORCED


async def _tidy() -> None:
    """Remove uploads that a server left behind which was killed."""
    folder, now_s = Path(tempfile.gettempdir()), unix_ms() / 1000
    tidy = functools.partial(remove_left_behind, folder, now_s)
    if removed := await trio.to_thread.run_sync(tidy, abandon_on_cancel=True):
        structlog.get_logger().info("left_behind_uploads_removed", files=removed)


async def _tell_people(settings: Settings, room: EngineRoom, server: Server, port: int) -> None:
    """Print the banner, once it is known whether the server can talk; none if it stops before."""
    _print(banner.starting())
    while room.not_ready() and not room.load_errors():  # noqa: ASYNC110 (a lane tells nobody)
        await trio.sleep(READY_POLL_S)
    if server.stopping:
        return
    if problems := room.load_errors():
        _print("", *banner.cannot(problems), "")
    while room.not_ready():  # noqa: ASYNC110 (it may be mended: a lane tries again)
        await trio.sleep(READY_POLL_S)
    if not server.stopping:
        _print("", *banner.ready(settings, room, port), "")


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


async def _bind(host: str, port: int, name: str) -> list[trio.SocketListener]:
    try:
        return await open_listeners(host, port)
    except PortInUse as error:
        raise CannotListen(f"{error}; stop what runs there or choose another {name}") from None
    except OSError as error:
        raise CannotListen(f"cannot listen on {place_of(host, port)}: {error}") from None
