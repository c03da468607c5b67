"""A worker's tie to its parent and its siblings. One per worker; the server holds it.

It tells the others how this worker stands (`board`), waits for its turn to accept (`turns`), does
what the parent says (`handed.Word`), and knows where the siblings listen.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import structlog
import trio

from ..accepting import accept_for_ever
from .board import Beats, Board, Standing
from .handed import Handed, Word
from .listening import SharedListener
from .turns import SILENT_S, is_my_turn

BEAT_S = 0.2
LEAVE_LOOK_S = 0.2
WORD_MAX_BYTES = 4096
BACKLOG = 128
"""Of siblings that ask at once: each asks one thing at a time."""
BOARD = "board"
"""The page's name in the private folder."""

Taker = Callable[[trio.SocketStream], object]
Handler = Callable[[trio.SocketStream], Awaitable[object]]


def socket_of(folder: Path, worker: int) -> Path:
    """Where a worker serves its administration."""
    return folder / f"{worker}.sock"


@dataclass(slots=True)
class Worker:
    """What the link asks of the server: it is handed in, once there is one."""

    sessions: Callable[[], int] = lambda: 0
    idle_connections: Callable[[], int] = lambda: 0
    """Kept open between two requests: they are no load."""
    is_open: Callable[[], bool] = lambda: False
    """Whether another session would be let in."""
    is_ready: Callable[[], bool] = lambda: False
    drain_resting: Callable[[], None] = lambda: None
    """Has those sessions say goodbye in which nobody speaks just now."""


@dataclass(slots=True)
class Link:
    handed: Handed
    board: Board
    worker: Worker = field(default_factory=Worker)
    leaving: bool = False
    _beat: int = 0
    _connections: int = 0
    _beats: Beats = field(default_factory=Beats)

    @property
    def number(self) -> int:
        return self.handed.worker

    @property
    def folder(self) -> Path:
        return Path(self.handed.folder)

    # How this worker stands

    def standing(self) -> Standing:
        ready = self.worker.is_ready()
        return Standing(
            beat=self._beat,
            ready=ready,
            open=ready and not self.leaving and self.worker.is_open(),
            leaving=self.leaving,
            load=max(0, self._connections - self.worker.idle_connections()),
            sessions=self.worker.sessions(),
        )

    def tell(self) -> None:
        """Have the others see it."""
        self.board.write(self.number, self.standing())

    async def beat(self) -> NoReturn:
        """A child of the server's tree: tells how it stands, and looks at the others."""
        while True:
            self._beat += 1
            self.tell()
            self._beats.look(self.board, trio.current_time())
            await trio.sleep(BEAT_S)

    # The others

    def siblings(self) -> dict[int, Standing]:
        """Those that are there, alive or not."""
        return {worker: one for worker, one in self.board if worker != self.number}

    def living(self) -> dict[int, Standing]:
        """The siblings whose event loops go on."""
        now_s = trio.current_time()
        return {
            worker: one
            for worker, one in self.siblings().items()
            if self._beats.silent_s(worker, now_s) < SILENT_S
        }

    def sessions_elsewhere(self) -> int:
        return sum(one.sessions for one in self.siblings().values())

    # Accepting

    async def accept(self, listener: trio.SocketListener, take: Taker) -> NoReturn:
        """As accept_for_ever, when it is this worker's turn. What is taken is served by what
        `counted` makes."""
        await self._accept(listener, take, self._accepted)

    async def accept_late(self, listener: trio.SocketListener, take: Taker) -> NoReturn:
        """The same, once this worker lets nobody in: what is taken is no load."""
        await self._accept(listener, take, _ignore)

    async def _accept(
        self, listener: trio.SocketListener, take: Taker, accepted: Callable[[], None]
    ) -> NoReturn:
        shared = SharedListener(listener, self._is_my_turn, accepted)
        try:
            await accept_for_ever(shared, take)
        finally:
            shared.close()

    def counted(self, handle: Handler) -> Handler:
        """Serves a connection that was accepted by `accept`."""

        async def handle_counted(stream: trio.SocketStream) -> None:
            try:
                await handle(stream)
            finally:
                self._connections -= 1
                self.tell()

        return handle_counted

    def _is_my_turn(self, waited_s: float) -> bool:
        return is_my_turn(self.standing(), self.living().values(), waited_s)

    def _accepted(self) -> None:
        self._connections += 1
        self.tell()

    # The parent

    async def obey(
        self,
        words: int,
        *,
        stop: Callable[[], None],
        end: Callable[[], None],
        reload: Callable[[], None],
        drain_s: float,
    ) -> None:
        """Do what the parent says. Returns where it says nothing more."""
        async with trio.lowlevel.FdStream(words) as stream, trio.open_nursery() as nursery:
            heard = b""
            while more := await stream.receive_some(WORD_MAX_BYTES):
                *lines, heard = (heard + more).split(b"\n")
                for line in lines:
                    match Word(line.decode()):
                        case Word.LEAVE:
                            nursery.start_soon(self._leave, stop, drain_s)
                        case Word.STOP:
                            self.leaving = True
                            stop()
                        case Word.END:
                            end()
                        case Word.RELOAD:
                            reload()
            nursery.cancel_scope.cancel()

    async def _leave(self, stop: Callable[[], None], drain_s: float) -> None:
        """Accept nobody, let sessions end as they come to rest, so that nobody is cut off in
        mid-sentence, and requests be answered; then stop."""
        self.leaving = True
        self.tell()
        structlog.get_logger().info("leaving", sessions=self.worker.sessions())
        with trio.move_on_after(drain_s):
            while self.standing().load:
                self.worker.drain_resting()
                await trio.sleep(LEAVE_LOOK_S)
        stop()


def _ignore() -> None:
    pass


def linked(handed: Handed) -> Link:
    """Raises OSError where there is no page: the parent has gone."""
    return Link(handed, Board(Path(handed.folder) / BOARD))


def serve_at(folder: Path, worker: int) -> trio.SocketListener:
    """A listener for the siblings and for nobody else: the folder is private."""
    place = socket_of(folder, worker)
    place.unlink(missing_ok=True)  # of one that ended under this number
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(os.fspath(place))
    made.listen(BACKLOG)
    return trio.SocketListener(trio.socket.from_stdlib_socket(made))
