"""`parley serve --workers N`: the parent of several servers on one port.

    parent                 binds the ports, holds no session and no engine
    ├─ worker 1            `parley serve` with the same arguments, on listeners that it was handed
    └─ worker N

It starts as many as are wanted, replaces those that end or hang (`roster` decides), and passes on
what it is told: SIGTERM and SIGINT drain all at once, the second one ends them; SIGHUP has tokens
and certificates read again and then replaces the workers one by one, so that settings and agents'
code are read again. Where it is killed itself, the kernel ends the workers.

Its own failures: CannotListen before anything is started; the exit code of the first worker where
that could not serve. Whatever becomes of a worker later costs that worker's sessions alone.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import structlog
import trio

from ...addresses import url_of
from ...config import Settings, SettingsError
from ...cores import usable
from ...wallclock import unix_ms
from ..bound import Bound, CannotListen, bind, check_may_listen
from ..logs import configure_logging
from ..output import queued_output
from ..signals import watch_signals
from .board import Beats, Board
from .handed import Handed, Word, descriptors
from .kept import KeptProcess, how_it_ended, own_command, start
from .link import BOARD
from .private_folder import private_folder
from .roster import HUNG_S, GiveUpRestart, Leave, Roster, Start, Step
from .shares import cores_each, workers_wanted
from .used_once import FOLDER, remove_old

LOOK_S = 0.1
"""How often the parent looks how its workers stand."""
TIDY_S = 60.0
END_S = 2.0
"""For workers that were told to end at once; then they are killed."""
CLOSING_S = 10.0
"""Beside the drain, for a worker to close what it has open."""
FORCED = 130

FIXED = ("host", "port", "engine_port", "audiosocket_port")
FIXED_ADMIN = ("admin_host", "admin_port")
"""What is bound at the start and stays: a change of these takes a real restart."""

Reread = Callable[[], Settings]


def is_by_workers(settings: Settings) -> bool:
    """Whether `parley serve` is to be several processes."""
    return workers_wanted(settings.serving.workers, usable()) > 1


def serve_by_workers(
    settings: Settings, reread: Reread, command: Sequence[str] | None = None
) -> int:
    """Serve until SIGINT or SIGTERM, by workers that `command` starts: the one that started this
    process. Gives the exit code; raises CannotListen. `reread` gives the settings as they are now,
    or raises SettingsError."""
    check_may_listen(settings)
    with queued_output():
        configure_logging(settings.observing)
        return trio.run(_serve, settings, reread, command or own_command())


async def _serve(settings: Settings, reread: Reread, command: Sequence[str]) -> int:
    bound = await bind(settings)
    with private_folder(unix_ms() / 1000) as folder:
        parent = Parent(settings, bound, folder, command, reread)
        async with trio.open_nursery() as nursery:
            await nursery.start(watch_signals, parent.stop, parent.end, (parent.restart,))
            code = await parent.run()
            nursery.cancel_scope.cancel()
    return code


class Parent:
    """One per server. `folder` is private, and empty but for the folder of used tickets."""

    def __init__(
        self,
        settings: Settings,
        bound: Bound,
        folder: Path,
        command: Sequence[str],
        reread: Reread,
    ) -> None:
        self._settings = settings
        self._bound = bound
        self._descriptors = descriptors(bound)
        self._folder = folder
        self._command = command
        self._reread = reread
        self._board = Board(folder / BOARD, make=True)
        self._beats = Beats()
        self._roster = Roster(workers_wanted(settings.serving.workers, usable()))
        self._kept: dict[int, KeptProcess] = {}
        self._key = secrets.token_bytes(32)
        self._code = 0
        self._stopping = trio.Event()
        self._ending = trio.Event()
        self._changed = trio.Event()
        self._log = structlog.get_logger()

    async def run(self) -> int:
        """Until all workers are gone, whom somebody has told to stop."""
        serving = self._settings.serving
        self._log.info(
            "workers_begin",
            workers=self._roster.wanted,
            url=f"{url_of('tcp', serving.host, self._bound.port)}",
            pid=os.getpid(),
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tidy)
            while not self._stopping.is_set() and not self._roster.failed:
                self._look()
                was_rolling = self._roster.rolling
                for step in self._roster.steps(trio.current_time()):
                    self._do(step, nursery)
                if was_rolling and not self._roster.rolling:
                    self._log.info("restart_over", workers=self._roster.workers)
                with trio.move_on_after(LOOK_S):
                    await self._changed.wait()
                self._changed = trio.Event()
            self._bound.close()  # once the last worker has, who knocks is told at once
            await self._until_gone()
            nursery.cancel_scope.cancel()  # of workers that left in time nobody looks after them
        self._board.close()
        return self._code

    # What it is told

    def stop(self) -> None:
        """Replies finish."""
        self._stopping.set()
        self._changed.set()
        self._say(Word.STOP)

    def end(self) -> None:
        """At once."""
        self._code = FORCED
        self._ending.set()
        self._changed.set()
        self._say(Word.END)

    def restart(self) -> None:
        """Read everything again: what a running worker can, and the rest by new workers."""
        if self._stopping.is_set():
            return
        try:
            settings = self._reread()
            check_may_listen(settings)
        except SettingsError as error:
            self._log.error("not_restarted", problems=error.problems)
            return
        except CannotListen as problem:
            self._log.error("not_restarted", problems=[str(problem)])
            return
        if (changed := _fixed_of(settings) ^ _fixed_of(self._settings)) != set():
            names = sorted({name for name, _ in changed})
            self._log.warning("takes_another_start", settings=names)
        self._settings = settings
        self._roster.wanted = workers_wanted(settings.serving.workers, usable())
        self._say(Word.RELOAD)
        self._roster.roll()
        self._log.info("restarting", workers=self._roster.workers)
        self._changed.set()

    def _say(self, word: Word) -> None:
        for kept in self._kept.values():
            kept.say(word)

    # What it sees

    def _look(self) -> None:
        now_s = trio.current_time()
        self._beats.look(self._board, now_s)
        for worker, standing in self._board:
            self._roster.beats(worker)
            if standing.ready:
                self._roster.is_ready(worker)
            silent_s = self._beats.silent_s(worker, now_s)
            if silent_s > HUNG_S and worker in self._kept:
                self._log.error("worker_hangs", worker=worker, silent_s=round(silent_s, 1))
                self._kept[worker].kill()

    # What it does

    def _do(self, step: Step, nursery: trio.Nursery) -> None:
        match step:
            case Start(worker):
                nursery.start_soon(self._live, worker, not self._roster.proved)
            case Leave(worker):
                self._log.info("worker_leaves", worker=worker)
                if (kept := self._kept.get(worker)) is not None:
                    kept.say(Word.LEAVE)
                    nursery.start_soon(self._limit, kept)
            case GiveUpRestart(worker, why):
                self._log.error("restart_given_up", worker=worker, why=why)

    async def _live(self, worker: int, tells: bool) -> None:
        """One worker's life."""
        handed = Handed(
            worker=worker,
            workers=self._roster.wanted,
            cores=cores_each(usable(), self._roster.wanted),
            folder=str(self._folder),
            listeners=self._descriptors,
            life=-1,
            key=self._key,
            tells=tells,
        )
        code = 1
        try:
            kept = await start(handed, self._command)
            self._kept[worker] = kept
            if self._stopping.is_set():
                kept.say(Word.STOP)
            self._log.info("worker_begun", worker=worker, pid=kept.pid)
            code = await kept.wait()
        except OSError as error:
            self._log.error("worker_cannot_start", worker=worker, error=str(error.strerror))
        self._kept.pop(worker, None)
        self._board.wipe(worker)
        self._roster.ended(worker, trio.current_time())
        if self._roster.failed:
            self._code = code if code > 0 else 1
        level = self._log.info if code == 0 or self._ending.is_set() else self._log.error
        level("worker_gone", worker=worker, how=how_it_ended(code))
        self._changed.set()

    async def _limit(self, kept: KeptProcess) -> None:
        """Kill a worker that leaves and does not end."""
        await trio.sleep(2 * self._settings.serving.drain_s + CLOSING_S)
        if self._kept.get(kept.number) is kept:
            self._log.warning("worker_killed", worker=kept.number)
            kept.kill()

    async def _until_gone(self) -> None:
        """Wait for the workers, as long as their drain may take, or briefly once they are to end at
        once; then kill them."""
        self._say(Word.STOP)
        with trio.move_on_after(self._settings.serving.drain_s + CLOSING_S):
            while self._roster.workers and not self._ending.is_set():
                await self._changed_soon()
        if self._ending.is_set():
            with trio.move_on_after(END_S):
                while self._roster.workers:
                    await self._changed_soon()
        while self._roster.workers:
            for kept in self._kept.values():
                kept.kill()
            await self._changed_soon()

    async def _changed_soon(self) -> None:
        with trio.move_on_after(LOOK_S):
            await self._changed.wait()
        self._changed = trio.Event()

    async def _tidy(self) -> NoReturn:
        """Remove tickets that are over, all the time."""
        while True:
            await trio.sleep(TIDY_S)
            remove_old(self._folder / FOLDER, unix_ms() / 1000)


def _fixed_of(settings: Settings) -> set[tuple[str, object]]:
    serving, admitting = settings.serving, settings.admitting
    return {(name, getattr(serving, name)) for name in FIXED} | {
        (name, getattr(admitting, name)) for name in FIXED_ADMIN
    }
