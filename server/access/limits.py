"""How much one token, or one address, may use, and how much of that is used. No I/O, no clock.

Everything that is counted by time is a bucket that fills at a steady rate up to a share; what is
taken may exceed what is there by the last piece, and then nothing more is given until it is full
again by that much. So an hour's share can be used at once or slowly, and how long somebody has to
wait is always known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ...config import Limits
from ...engines.spending import Unit

HOUR_S = 3600.0
SOMETHING = 1e-3
"""The least that counts as something."""
BURST_S = 2.0
"""How many seconds of a rate may come at once: a page opens its connections together."""


@dataclass(slots=True)
class Bucket:
    """Fills at `rate` a second up to `share`; 0 is no limit."""

    rate: float
    share: float
    taken: float = field(default=0.0, init=False)
    """In all, by this process."""
    _level: float = field(init=False)
    _at_s: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self._level = self.share

    def take(self, amount: float, now_s: float) -> None:
        """Take it, whether it is there or not."""
        self.taken += amount
        self.taken_elsewhere(amount, now_s)

    def taken_elsewhere(self, amount: float, now_s: float) -> None:
        """Another process of the same server has taken it."""
        if self.rate:
            self._level = self._now(now_s) - amount
            self._at_s = now_s

    def wait_s(self, now_s: float, wanted: float = SOMETHING) -> float:
        """How long until so much is there; 0 where it is."""
        if not self.rate:
            return 0.0
        level = self._now(now_s)
        return 0.0 if level >= wanted else (wanted - level) / self.rate

    def is_full(self, now_s: float) -> bool:
        """Whether it is as if nobody had ever taken anything."""
        return not self.rate or self._now(now_s) >= self.share

    def missing(self, now_s: float) -> float:
        """How much of the share is taken; more than the share where more was taken than there
        was."""
        return self.share - self._now(now_s) if self.rate else 0.0

    def miss(self, amount: float, now_s: float) -> None:
        """At least so much of the share is taken."""
        if self.rate:
            self._level = min(self._now(now_s), self.share - amount)
            self._at_s = now_s

    def _now(self, now_s: float) -> float:
        if self._at_s == -math.inf:
            return self._level
        return min(self.share, self._level + max(0.0, now_s - self._at_s) * self.rate)


class Meter:
    """What one token, or one address, uses. `name` says which, for words and logs."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.sessions = 0
        self.elsewhere = 0
        """Sessions on other servers, as far as they are known."""
        self.sessions_elsewhere: dict[int, int] = {}
        """By the number of another process of the same server."""
        self.used = dict.fromkeys(Unit, 0.0)
        """Here, since the beginning."""
        self.limit_by(limits)

    def limit_by(self, limits: Limits) -> None:
        """From now on. What was used until then is forgotten, but for the sessions there are."""
        self.limits = limits
        self.handshakes = _by_second(limits.handshakes_per_s)
        self.bytes = _by_second(limits.bytes_per_s)
        self._hourly = {
            Unit.AUDIO: _by_hour(limits.audio_s_per_hour),
            Unit.CHARACTERS: _by_hour(limits.characters_per_hour),
            Unit.REQUESTS: _by_hour(limits.requests_per_hour),
        }

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """All, always in the same order."""
        return (self.handshakes, self.bytes, *self._hourly.values())

    @property
    def all_sessions(self) -> int:
        """With those of other servers, and of other processes of the same server."""
        return self.sessions + self.elsewhere + sum(self.sessions_elsewhere.values())

    def spend(self, unit: Unit, amount: float, now_s: float) -> None:
        self.used[unit] += amount
        self._hourly[unit].take(amount, now_s)

    def spent_elsewhere(self, unit: Unit, amount: float, now_s: float) -> None:
        """The same share was used on another server. Two shares at most are taken for it: what was
        used while servers did not hear of each other is forgiven beyond that."""
        bucket = self._hourly[unit]
        bucket.take(min(amount, 2 * bucket.share), now_s)

    @property
    def limited(self) -> tuple[Unit, ...]:
        """The units of which there is a share by the hour."""
        return tuple(unit for unit, bucket in self._hourly.items() if bucket.rate)

    def share(self, unit: Unit) -> float:
        """Of an hour; 0 where there is no limit."""
        return self._hourly[unit].share

    def is_full(self, now_s: float) -> bool:
        """Whether nothing of any share by the hour is taken."""
        return all(bucket.is_full(now_s) for bucket in self._hourly.values())

    def missing(self, now_s: float) -> dict[Unit, float]:
        """How much of each share is taken."""
        return {unit: self._hourly[unit].missing(now_s) for unit in self.limited}

    def miss(self, unit: Unit, amount: float, now_s: float) -> None:
        """At least so much of a share is taken."""
        self._hourly[unit].miss(amount, now_s)

    def full_in_s(self, now_s: float) -> float:
        """When all shares are there again, if nothing more is used."""
        buckets = (self._hourly[unit] for unit in self.limited)
        return max((bucket.wait_s(now_s, bucket.share) for bucket in buckets), default=0.0)

    def exhausted(self, now_s: float) -> tuple[Unit, float] | None:
        """What is used up, and in how many seconds there is some again; None where there is."""
        waits = {unit: bucket.wait_s(now_s) for unit, bucket in self._hourly.items()}
        unit = max(waits, key=lambda one: waits[one])
        return (unit, waits[unit]) if waits[unit] > 0 else None

    @property
    def full(self) -> bool:
        """Whether it has as many sessions as it may have."""
        return 0 < self.limits.sessions <= self.all_sessions

    def is_idle(self, now_s: float) -> bool:
        """Whether forgetting it would change nothing."""
        return self.all_sessions == 0 and all(bucket.is_full(now_s) for bucket in self.buckets)


def _by_second(rate: float) -> Bucket:
    return Bucket(rate, max(1.0, rate * BURST_S))


def _by_hour(share: float) -> Bucket:
    return Bucket(share / HOUR_S, share)
