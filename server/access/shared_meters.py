"""The shares of tokens, counted over all servers.

Each server counts for itself, and every second tells the store what was used since; what others
used in between it takes from its own count, as if it had been used here. So no request waits for
the store, and a share can be exceeded by what is used on other servers within a second and a half.

`parley:used:<token>:<unit>`   what all used together, growing; begins again after a day
`parley:missing:<token>`       how much of each share is taken, and of which sum that was said, for
                               a server that has not counted along, or not for a while
`parley:held:<node>`           conversations at once, by token, of one server, under a lease

While the store is away each server counts alone. What was used then and may have been told is not
told again; conversations of others are forgotten when their lease is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

import msgspec
import trio

from ...cluster.behind import WriteBehind
from ...cluster.registry import LEASE_S, NODES_MAX, RENEW_S
from ...cluster.store import Store, StoreUnavailable
from ...engines.spending import Unit
from ...telemetry import Telemetry
from .limits import SOMETHING, Meter
from .meters import Meters

EVERY_S = 1.0
QUIET_EVERY_S = 30.0
"""For a share that is not full again, and of which nothing is used here."""
FORGOTTEN_S = 45.0
"""Who has not exchanged for so long asks what is missing, rather than what was used since."""
TOLD_EVERY_S = 5.0
"""How often what is missing is written for newcomers."""
DAY_S = 86_400.0

USED = "parley:used:"
MISSING = "parley:missing:"
HELD = "parley:held:"

SHORT = {Unit.AUDIO: "audio", Unit.CHARACTERS: "characters", Unit.REQUESTS: "requests"}
"""How units are called in names and values of the store."""


@dataclass(slots=True)
class _Exchanged:
    """Where the exchange of one token stands. `used` of this server's own and `total` of all were
    told and heard of."""

    used: dict[Unit, float] = field(default_factory=lambda: dict.fromkeys(Unit, 0.0))
    total: dict[Unit, float] = field(default_factory=dict)
    at_s: float = float("-inf")
    told_s: float = float("-inf")
    """When what is missing was written for newcomers."""


class SharedMeters:
    """One per server that has a store; `run` has to be a child of its tree."""

    def __init__(
        self,
        meters: Meters,
        store: Store,
        behind: WriteBehind,
        node_id: str,
        telemetry: Telemetry,
    ) -> None:
        self._meters = meters
        self._store = store
        self._behind = behind
        self._node_id = node_id
        self._telemetry = telemetry
        self._exchanged: dict[str, _Exchanged] = {}
        self._held: dict[str, int] = {}
        self._held_told_s = float("-inf")
        self._heard_s = float("-inf")

    async def run(self) -> None:
        """Exchange, for ever."""
        while True:
            await trio.sleep(EVERY_S)
            try:
                for name, meter in list(self._meters.tokens.items()):
                    await self._exchange(name, meter)
                await self._exchange_held()
            except StoreUnavailable:
                self._telemetry.dropped("shares_not_exchanged")
                self._forget_others()

    # Shares by the hour

    async def _exchange(self, name: str, meter: Meter) -> None:
        if not meter.limited:
            return
        now_s = trio.current_time()
        state = self._exchanged.setdefault(name, _Exchanged())
        used = any(meter.used[unit] != state.used[unit] for unit in meter.limited)
        in_use = used or meter.sessions > 0
        every_s = EVERY_S if in_use else QUIET_EVERY_S
        if now_s - state.at_s < every_s * 0.9 or (meter.is_full(now_s) and not in_use):
            return
        if now_s - state.at_s > FORGOTTEN_S:
            await self._begin(name, meter, state)
        else:
            for unit in meter.limited:
                await self._exchange_unit(name, meter, unit, state)
            if now_s - state.told_s >= TOLD_EVERY_S:
                state.told_s = now_s
                self._tell_missing(name, meter, state)
        state.at_s = now_s

    async def _begin(self, name: str, meter: Meter, state: _Exchanged) -> None:
        """Hear what is missing; what was used here meanwhile is told the next time."""
        told = await self._store.get(MISSING + quote(name, safe=""))
        try:
            missing = msgspec.json.decode(told or b"{}", type=dict[str, tuple[float, float]])
        except (msgspec.MsgspecError, ValueError):
            self._telemetry.dropped("shares_unreadable")
            missing = {}
        for unit in meter.limited:
            total = await self._store.add(_used(name, unit), 0.0, ttl_s=DAY_S)
            state.total[unit] = total
            if SHORT[unit] in missing:
                amount, then = missing[SHORT[unit]]
                since = total - then if total >= then else total
                own = meter.used[unit] - state.used[unit]
                most = 2 * meter.share(unit)
                meter.miss(unit, min(amount + since, most) + own, trio.current_time())

    async def _exchange_unit(self, name: str, meter: Meter, unit: Unit, state: _Exchanged) -> None:
        new = meter.used[unit] - state.used[unit]
        try:
            total = await self._store.add(_used(name, unit), new, ttl_s=DAY_S)
        except StoreUnavailable as problem:
            if problem.sent:
                state.used[unit] += new
            raise
        state.used[unit] += new
        before = state.total.get(unit, 0.0)
        if total < before:  # a day is over
            before = 0.0
        state.total[unit] = total
        others = total - before - new
        if others > SOMETHING:
            meter.spent_elsewhere(unit, others, trio.current_time())

    def _tell_missing(self, name: str, meter: Meter, state: _Exchanged) -> None:
        now_s = trio.current_time()
        told = {
            SHORT[unit]: (round(amount, 3), state.total[unit])
            for unit, amount in meter.missing(now_s).items()
            if unit in state.total
        }
        self._behind.keep(
            MISSING + quote(name, safe=""),
            msgspec.json.encode(told),
            ttl_s=max(meter.full_in_s(now_s), EVERY_S),
        )

    # Conversations at once

    async def _exchange_held(self) -> None:
        now_s = trio.current_time()
        limited = {n: m for n, m in self._meters.tokens.items() if m.limits.sessions}
        held = {name: meter.sessions for name, meter in limited.items() if meter.sessions}
        due = bool(held) and now_s - self._held_told_s >= RENEW_S
        if held != self._held or due:
            await self._store.put(HELD + self._node_id, msgspec.json.encode(held), ttl_s=LEASE_S)
            self._held, self._held_told_s = held, now_s
        if not limited:
            return
        others: dict[str, int] = {}
        for key, told in (await self._store.find(HELD, most=NODES_MAX)).items():
            if key != HELD + self._node_id:
                for name, count in self._read_held(told).items():
                    others[name] = others.get(name, 0) + max(0, count)
        for name, meter in limited.items():
            meter.elsewhere = others.get(name, 0)
        self._heard_s = trio.current_time()

    def _read_held(self, told: bytes) -> dict[str, int]:
        try:
            return msgspec.json.decode(told, type=dict[str, int])
        except (msgspec.MsgspecError, ValueError):
            self._telemetry.dropped("shares_unreadable")
            return {}

    def _forget_others(self) -> None:
        """Their leases are over, as far as anybody can know."""
        if trio.current_time() - self._heard_s > LEASE_S:
            for meter in self._meters.tokens.values():
                meter.elsewhere = 0


def _used(name: str, unit: Unit) -> str:
    return f"{USED}{quote(name, safe='')}:{SHORT[unit]}"
