"""What can be done to a call beside its sound: ended, transferred, sent digits, made.

`CallControl` is what a session and the outbound endpoint see; each service has its own, which asks
the service's API. What goes wrong there is one exception, CarrierRefused, with words for a person
and no secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ...protocol.call_start import CallStart
from .numbers import BadNumber, destination, is_call_id

DIGITS = re.compile(r"[0-9*#A-Da-dwW]{1,64}")
"""What can be dialed within a call; w is a pause of half a second, W of a whole one."""


class CarrierRefused(Exception):
    """A service did not do what it was asked. The message says why, and quotes no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOut:
    """A call that is to be made."""

    to: str
    from_: str
    agent: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    detect_machine: bool = False


class CallControl(Protocol):
    """Each method raises CarrierRefused. A call that is over already has been ended."""

    async def hang_up(self, call: CallStart) -> None: ...

    async def transfer(self, call: CallStart, to: str) -> None:
        """Put the caller through to a number or a SIP address. The stream ends by it."""
        ...

    async def send_digits(self, call: CallStart, digits: str) -> None:
        """Dial within the call."""
        ...

    async def dial(self, out: CallOut) -> str:
        """Make a call; its id. It rings at first: what becomes of it is told by callbacks."""
        ...


def checked_id(call: CallStart) -> str:
    """The call's id. Raises CarrierRefused for one that cannot stand in an address."""
    if not is_call_id(call.call_id):
        raise CarrierRefused(f"{call.service} told no usable id of this call")
    return call.call_id


def checked_destination(to: str) -> str:
    """Raises CarrierRefused for what is no number and no address."""
    try:
        return destination(to)
    except BadNumber as problem:
        raise CarrierRefused(str(problem)) from None


def checked_digits(digits: str) -> str:
    if not DIGITS.fullmatch(digits):
        raise CarrierRefused(f"{digits[:40]!r} cannot be dialed; it takes digits, *, # and w")
    return digits


class ByClosing:
    """A service whose calls end with their stream, and that takes no other wishes from here."""

    def __init__(self, service: str, otherwise: str) -> None:
        self._service = service
        self._otherwise = otherwise

    async def hang_up(self, call: CallStart) -> None:
        """Nothing: whoever closes the stream has ended the call."""

    async def transfer(self, call: CallStart, to: str) -> None:
        raise self._cannot("transfer a call")

    async def send_digits(self, call: CallStart, digits: str) -> None:
        raise self._cannot("dial within a call")

    async def dial(self, out: CallOut) -> str:
        raise self._cannot("make calls")

    def _cannot(self, what: str) -> CarrierRefused:
        return CarrierRefused(f"Parley cannot {what} at {self._service}: {self._otherwise}")
