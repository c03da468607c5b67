"""What a reply says while nobody may know of it yet.

A reply that was begun before it is certain that the person has finished says everything into here.
If the person goes on, all of it is dropped with the turn; if not, the dialogue lets it out in the
order in which it was said. So neither a message nor a report of a reply that was begun in vain ever
was anywhere else.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

from ..protocol.events import Outbound
from ..turnstile import SendsItems, turn
from .messages import Report

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
    """A turn's way out: `outbox` to the client, `reports` to the dialogue."""

    def __init__(
        self, outbox: SendsItems[Outbound], reports: SendsItems[Report], *, held: bool = False
    ) -> None:
        self._held: deque[HeldEvent | HeldReport] = deque()
        self.released = trio.Event()
        """Until then no audio leaves either."""
        if not held:
            self.released.set()
        self.outbox: SendsItems[Outbound] = _Way(self, outbox, HeldEvent)
        self.reports: SendsItems[Report] = _Way(self, reports, HeldReport)

    async def hold(self, item: HeldEvent | HeldReport) -> bool:
        """Whether it is kept here; False: say it yourself."""
        if self.released.is_set():
            return False
        await turn()
        if len(self._held) >= HELD_MAX:
            await self.released.wait()
        if self.released.is_set():
            return False
        self._held.append(item)
        return True

    def __len__(self) -> int:
        return len(self._held)

    def next(self) -> HeldEvent | HeldReport | None:
        """The oldest that is held; where there is none, from now on nothing is."""
        if self._held:
            return self._held.popleft()
        self.released.set()
        return None


class _Way(Generic[Item]):
    def __init__(
        self,
        way: ReplyExit,
        inner: SendsItems[Item],
        kind: type[HeldEvent] | type[HeldReport],
    ) -> None:
        self._way, self._inner, self._kind = way, inner, kind

    async def send(self, value: Item, /) -> None:
        if not await self._way.hold(self._kind(value)):  # type: ignore[arg-type]
            await self._inner.send(value)
