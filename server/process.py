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

from ..addresses import url_of
from ..agents.agent import Agent
from ..agents.registry import Agents
from ..config import Settings
from ..conversation.events import Watcher
from ..cores import take_share, usable
from ..engines.asr.open import fetch_model
from ..engines.kit import OwnEngines
from ..engines.room import NO_OWN_ENGINES, EngineRoom, open_engine_room
from ..wallclock import unix_ms
from . import banner
from .accepting import make_room_for
from .access.tokens import BadTokens
from .bound import Bound, CannotListen, bind, check_may_listen
from .http.tls import BadCertificate
from .logs import configure_logging
from .output import dropped_lines_to, queued_output
from .signals import Reload, watch_signals
from .tree import Server
from .v1.uploads import remove_left_behind
from .workers.handed import Handed, handed_down
from .workers.link import Link, linked
from .workers.shares import shared_out, told

__all__ = ["CannotListen", "serve_until_signalled"]

READY_POLL_S = 0.05

FORCED = 130
"""Exit code after a second signal: what a shell gives for an interrupt."""


Beside: TypeAlias = Callable[[Agents, int], Awaitable[None]]


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
    check_may_listen(settings)
    whole, handed = settings, handed_down()
    if handed is not None:
        settings = _part_of(settings, handed[0])
    answering = Agents(agents, settings)
    with queued_output():
        configure_logging(settings.observing, worker=None if handed is None else handed[0].worker)
        serve = functools.partial(_serve, handed=handed, whole=whole)
        return trio.run(serve, settings, own, answering, watchers, beside, on_reload)


def _part_of(settings: Settings, handed: Handed) -> Settings:
    """What this worker gets of the engines and of the cores; the environment is for its lanes."""
    take_share(handed.cores)
    return shared_out(settings, handed.workers)


async def _serve(
    settings: Settings,
    own: OwnEngines,
    agents: Agents,
    watchers: Sequence[Watcher],
    beside: Sequence[Beside],
    on_reload: Sequence[Reload],
    *,
    handed: tuple[Handed, int] | None,
    whole: Settings,
) -> int:
    """`whole` are the settings of all workers together, of which this may be one."""
    serving = settings.serving
    link = None if handed is None else linked(handed[0])
    bound = await bind(settings) if handed is None else handed[0].bound()
    if own.transcriber is None:
        await fetch_model(settings)
    async with open_engine_room(settings, own) as room:
        make_room_for(serving.max_connections, len(room.lanes))
        try:
            server = Server(settings, room, agents=agents, watchers=watchers, link=link)
        except (BadTokens, BadCertificate) as problem:
            raise CannotListen(str(problem)) from None
        dropped_lines_to(functools.partial(server.telemetry.count, "log_lines_dropped"))
        stopped = False
        async with trio.open_nursery() as nursery:
            end, reload = nursery.cancel_scope.cancel, (server.reload, *on_reload)
            await nursery.start(watch_signals, server.stop, end, reload)
            if link is not None and handed is not None:
                nursery.start_soon(_obey, link, handed[1], server, end, serving.drain_s)
            _log_listening(settings, room, server, bound, agents)
            nursery.start_soon(_tidy)
            for task in beside:
                nursery.start_soon(task, agents, bound.port)
            if settings.observing.log_format == "auto" and (handed is None or handed[0].tells):
                workers = None if handed is None else told(whole, handed[0].workers, usable())
                nursery.start_soon(_tell_people, settings, room, server, bound.port, workers)
            await server.run(
                bound.main,
                engine_listeners=bound.engine,
                audiosocket_listeners=bound.audiosocket,
                admin_listeners=bound.admin,
                agent_listeners=bound.agent,
            )
            stopped = True
            nursery.cancel_scope.cancel()
    return 0 if stopped else FORCED


async def _obey(
    link: Link, words: int, server: Server, end: Callable[[], None], drain_s: float
) -> None:
    """Do what the parent of the workers says; where it says nothing more, it has gone."""
    await link.obey(words, stop=server.stop, end=end, reload=server.reload, drain_s=drain_s)
    end()


def _log_listening(
    settings: Settings,
    room: EngineRoom,
    server: Server,
    bound: Bound,
    agents: Agents,
) -> None:
    serving = settings.serving
    scheme = "ws" if server.certificates is None else "wss"
    structlog.get_logger().info(
        "listening",
        url=f"{url_of(scheme, serving.host, bound.port)}/ws",
        engine_port=serving.engine_port or None,
        audiosocket_port=serving.audiosocket_port or None,
        engines=room.chosen,
        agents=agents.names or None,
    )


async def _tidy() -> None:
    """Remove uploads that a server left behind which was killed."""
    folder, now_s = Path(tempfile.gettempdir()), unix_ms() / 1000
    tidy = functools.partial(remove_left_behind, folder, now_s)
    if removed := await trio.to_thread.run_sync(tidy, abandon_on_cancel=True):
        structlog.get_logger().info("left_behind_uploads_removed", files=removed)


async def _tell_people(
    settings: Settings, room: EngineRoom, server: Server, port: int, workers: str | None = None
) -> None:
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
        _print("", *banner.ready(settings, room, port, workers), "")


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
