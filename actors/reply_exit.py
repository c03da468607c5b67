"""The one way out of a turn: to the client, and to the dialogue.

It holds what the turn says while nobody may know of it: a reply that was begun before it is certain
that the person has finished, and one that was suspended because somebody began to speak. Then the
dialogue lets out what is held, in the order in which it was said, or drops it with the turn. It
also knows what of the turn waits in the outbox, so that a reply that is suspended takes that back:
its words are said again later, its audio is made again from the first sample that was not heard.

What comes back into a turn, the news of tools that its model called, stands beside it (`returns`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import trio

from ..conversation.ledger import Ledger
from ..protocol.events import Event, Outbound, PhraseDone, ReplyAudio, ReplyComplete
from ..turnstile import SendsItems, turn
from .messages import Report
from .tool_returns import ToolReturns

HELD_MAX = 128
"""Messages, tokens nearly all of them: some phrases' worth, and half of what the outbox takes. Who
has more to say waits."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class HeldEvent:
    event: Outbound


@dataclass(frozen=True, slots=True)
class HeldReport:
    report: Report


class ReplyExit:
    """Of one turn. `outbox` and `reports` are where its actors send."""

    def __init__(
        self,
        turn_number: int,
        outbox: SendsItems[Outbound],
        reports: SendsItems[Report],
        ledger: Ledger,
        *,
        held: bool = False,
    ) -> None:
        self.turn = turn_number
        self.generation = 0
        """How often the turn was suspended: what left the turn before is void."""
        self.ledger = ledger
        self.returns = ToolReturns()
        self._to_client = outbox
        self._held: deque[HeldEvent | HeldReport] = deque()
        self._queued: dict[int, Event] = {}
        """By identity, in order: what was sent to the outbox and has not left."""
        self._opened = trio.Event()
        self._news = trio.Event()
        self._playing = trio.CancelScope()
        if not held:
            self._opened.set()
        self.outbox: SendsItems[Outbound] = _EventsOut(self)
        self.reports: SendsItems[Report] = _ReportsOut(self, reports)

    @property
    def holding(self) -> bool:
        """Whether what is said is kept here."""
        return not self._opened.is_set()

    async def wait_open(self) -> None:
        await self._opened.wait()

    @contextmanager
    def playing(self) -> Iterator[None]:
        """Around what plays the reply: cancelled where the reply is suspended meanwhile."""
        with trio.CancelScope() as self._playing:
            yield

    # What the turn says

    async def hold(self, item: HeldEvent | HeldReport) -> bool:
        """Whether it is kept here; False: nothing is held any more, say it yourself."""
        await turn()
        while len(self._held) >= HELD_MAX and not self._opened.is_set():
            await self._opened.wait()
        if self._opened.is_set():
            return False
        self._held.append(item)
        return True

    async def tell(self, event: Outbound) -> None:
        """For the dialogue, which never waits for itself: say it, or have it kept."""
        if self.holding:
            self._held.append(HeldEvent(event))
        else:
            await self.send(event)

    def tell_first(self, event: Outbound) -> None:
        """Say this before everything else that is held. Of a reply that holds what it says."""
        self._held.appendleft(HeldEvent(event))

    async def send(self, event: Outbound) -> None:
        """To the outbox."""
        if self.generation:
            event = msgspec.structs.replace(event, generation=self.generation)
        self._queued[id(event)] = event
        try:
            await self._to_client.send(event)
        except BaseException:
            self._queued.pop(id(event), None)  # it never got there
            raise

    # What becomes of it

    def left(self, event: Event, now_s: float) -> None:
        """The transport took it."""
        mine = self._queued.pop(id(event), None) is not None
        if mine and isinstance(event, ReplyAudio):
            self.ledger.sent(now_s)
            self._news.set()
            self._news = trio.Event()

    async def wait_left(self) -> None:
        """Until the transport has taken all audio that is on its way."""
        while self.ledger.waiting:
            await self._news.wait()

    async def wait_news(self) -> None:
        """Until the transport takes the next piece of audio."""
        await self._news.wait()

    def suspend(self, now_s: float, *, writing: Event | None) -> None:
        """Take back what waits in the outbox, and keep what comes. `writing` is what is half
        written to the peer at this moment."""
        if not self.holding:
            self._opened = trio.Event()
        self.ledger.cut(now_s)
        self.generation += 1
        for event in reversed(self._queued.values()):
            made_again = isinstance(event, ReplyAudio | PhraseDone | ReplyComplete)
            # What bears no turn (latencies) is not void, and leaves all the same.
            if event is not writing and not made_again and event.turn:
                self._held.appendleft(HeldEvent(event))  # type: ignore[arg-type]
        self._queued.clear()
        self._playing.cancel()

    def __len__(self) -> int:
        return len(self._held)

    def next(self) -> HeldEvent | HeldReport | None:
        """The oldest that is held; where there is none, from now on nothing is."""
        if self._held:
            return self._held.popleft()
        self._opened.set()
        return None


class _EventsOut:
    def __init__(self, reply: ReplyExit) -> None:
        self._exit = reply

    async def send(self, value: Outbound, /) -> None:
        if not (self._exit.holding and await self._exit.hold(HeldEvent(value))):
            await self._exit.send(value)


class _ReportsOut(Generic[Item]):
    def __init__(self, reply: ReplyExit, inner: SendsItems[Item]) -> None:
        self._exit, self._inner = reply, inner

    async def send(self, value: Item, /) -> None:
        if not (self._exit.holding and await self._exit.hold(HeldReport(value))):  # type: ignore[arg-type]
            await self._inner.send(value)
