"""The meters of all tokens and addresses, each made when it is needed and forgotten when idle."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from ...config import Limits
from .limits import Meter
from .tokens import Token

ADDRESSES_MAX = 10_000
"""Remembered at most. An attacker with more addresses than that is met by the limits of all."""
LOOKED_AT = 8
"""How many of the oldest are looked at when a new one comes, so that each costs the same."""


class Meters:
    """One per server."""

    def __init__(self, address_limits: Limits) -> None:
        self._address_limits = address_limits
        self._tokens: dict[str, Meter] = {}
        self._addresses: OrderedDict[str, Meter] = OrderedDict()

    def of_token(self, token: Token) -> Meter:
        """What was used under other limits of the same token counts for nothing any more."""
        meter = self._tokens.get(token.name)
        if meter is None:
            meter = self._tokens[token.name] = Meter(f"the token {token.name}", token.limits)
        elif meter.limits != token.limits:
            meter.limit_by(token.limits)
        return meter

    @property
    def tokens(self) -> Mapping[str, Meter]:
        """Of tokens, by their names."""
        return self._tokens

    def of_address(self, address: str, now_s: float) -> Meter:
        meter = self._addresses.get(address)
        if meter is None:
            self._forget(now_s)
            meter = self._addresses[address] = Meter(address, self._address_limits)
        self._addresses.move_to_end(address)
        return meter

    def limited(self) -> Iterator[tuple[str, str, Meter]]:
        """Those that limit anything: of a `token` or an `address`, and of which."""
        for kind, meters in (("token", self._tokens), ("address", self._addresses)):
            for name, meter in meters.items():
                if meter.limits.any:
                    yield kind, name, meter

    def _forget(self, now_s: float) -> None:
        """The oldest that are idle; and the very oldest that has no session, where all are full."""
        for name in list(self._addresses)[:LOOKED_AT]:
            if self._addresses[name].is_idle(now_s):
                del self._addresses[name]
        if len(self._addresses) >= ADDRESSES_MAX:
            oldest = next((n for n, m in self._addresses.items() if not m.sessions), None)
            if oldest is not None:
                del self._addresses[oldest]
