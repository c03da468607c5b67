"""What tokens and addresses use of their shares, told by each worker to the others.

Four times a second each tells what was used since it told last, and how many conversations there
are; the others take that from the same buckets. So a share is one for all workers, and may be
exceeded by what is used within that quarter of a second. A worker that has just been started knows
of nothing that was used before, as a server that was started anew.

`Told` is plain: what is to be said to whom. Only tokens and addresses with limits are told of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

import msgspec
import trio

from ..access.access import Access
from . import siblings
from .link import Link

SPENT = "/workers/spent"
"""At a worker's own socket."""
TELL_S = 0.25
SPENT_BYTES = 4 * 1024 * 1024
"""Ten thousand addresses at once."""


class Use(msgspec.Struct, frozen=True, array_like=True):
    """Of one token or address. `taken` is by bucket, in their order."""

    kind: str
    name: str
    sessions: int
    taken: tuple[float, ...]


class Spent(msgspec.Struct, frozen=True):
    worker: int
    uses: list[Use]


@dataclass(slots=True)
class Told:
    """What each sibling knows of this worker's meters."""

    _known: dict[int, dict[tuple[str, str], Use]] = field(default_factory=dict)

    def news(self, sibling: int, now: Iterable[Use]) -> list[Use]:
        """What has changed since it was told; counted as told when `heard` is called. One that is
        new is told of conversations, and of what is used from now on."""
        found = []
        known = self._known.get(sibling)
        for use in now:
            before = None if known is None else known.get((use.kind, use.name))
            if before is None:
                taken = use.taken if known is not None else (0.0,) * len(use.taken)
                sessions_before = 0
            else:
                pairs = zip(use.taken, before.taken, strict=True)
                # Limits that were changed begin anew.
                taken = tuple(now if now < then else now - then for now, then in pairs)
                sessions_before = before.sessions
            if any(taken) or use.sessions != sessions_before:
                found.append(Use(use.kind, use.name, use.sessions, taken))
        return found

    def heard(self, sibling: int, now: Iterable[Use]) -> None:
        self._known[sibling] = {(use.kind, use.name): use for use in now}

    def forget_all_but(self, living: Iterable[int]) -> None:
        living = set(living)
        self._known = {one: known for one, known in self._known.items() if one in living}


class SharedQuotas:
    """One per worker."""

    def __init__(self, link: Link, access: Access, *, tells: bool = True) -> None:
        """`tells` False: a store does it, which other machines read, too."""
        self._link = link
        self._tells = tells
        self._access = access
        self._told = Told()

    async def run(self) -> NoReturn:
        """Tell the others, for ever."""
        if not self._tells:
            await trio.sleep_forever()
        while True:
            await trio.sleep(TELL_S)
            living = self._link.living()
            self._told.forget_all_but(living)
            self._forget_sessions_of_the_gone()
            now = self.uses()
            async with trio.open_nursery() as nursery:
                for sibling in living:
                    nursery.start_soon(self._tell, sibling, now)

    def uses(self) -> list[Use]:
        """What this worker's guests have used so far."""
        return [
            Use(kind, name, meter.sessions, tuple(bucket.taken for bucket in meter.buckets))
            for kind, name, meter in self._access.meters.limited()
        ]

    def take(self, spent: Spent) -> None:
        """What another worker says."""
        now_s = trio.current_time()
        for use in spent.uses:
            if (meter := self._access.meter_of(use.kind, use.name)) is None:
                continue
            for bucket, amount in zip(meter.buckets, use.taken, strict=False):
                if amount:
                    bucket.taken_elsewhere(amount, now_s)
            if use.sessions:
                meter.sessions_elsewhere[spent.worker] = use.sessions
            else:
                meter.sessions_elsewhere.pop(spent.worker, None)

    async def _tell(self, sibling: int, now: list[Use]) -> None:
        if news := self._told.news(sibling, now):
            body = msgspec.json.encode(Spent(self._link.number, news))
            place = self._link.folder
            answers = await siblings.ask(place, [sibling], SPENT, method="POST", body=body)
            if not answers.given:
                return  # it is told again with the next
        self._told.heard(sibling, now)

    def _forget_sessions_of_the_gone(self) -> None:
        there = self._link.siblings()
        for _, _, meter in self._access.meters.limited():
            for worker in meter.sessions_elsewhere.keys() - there.keys():
                del meter.sessions_elsewhere[worker]
