"""Where calls may go: to a number with its country's code, or to a SIP address.

Everything else is refused, so that no word of a model or a caller becomes part of an instruction.
"""

from __future__ import annotations

import re

from ...config import E164

SIP = re.compile(
    r"sips?:[A-Za-z0-9_.!~*'()&=+$%-]{1,200}@[A-Za-z0-9.:\[\]-]{1,200}(;[\w.=;-]+)?", re.ASCII
)
_SEPARATORS = re.compile(r"[\s.\-/]")
"""How people write numbers. No brackets: the zero in +49 (0)30 must not be dialed."""
_CALL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_=+-]{0,199}")


class BadNumber(ValueError):
    """It is no number and no address that a call can go to. The message says what one is."""


def destination(text: str) -> str:
    """A number as E.164, or a SIP address. Raises BadNumber."""
    text = text.strip()
    number = _SEPARATORS.sub("", text)
    if E164.fullmatch(number):
        return number
    if SIP.fullmatch(text):
        return text
    raise BadNumber(
        f"{text[:40]!r} is no number with its country's code (+4930123456) and no SIP address "
        "(sip:name@sip.example.org)"
    )


def is_sip(to: str) -> bool:
    return to.lower().startswith(("sip:", "sips:"))


def is_call_id(text: str) -> bool:
    """Whether an id can stand in the path of a service's API and mean nothing but itself."""
    return _CALL_ID.fullmatch(text) is not None
