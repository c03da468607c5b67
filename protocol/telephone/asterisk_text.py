"""The control messages of Asterisk's chan_websocket, as plain text and as JSON, and its formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from ..codes import Breach, Violation
from ..jsontext import as_json
from .control_text import object_of
from .sound import Sound, sound_of

Control: TypeAlias = Literal["plain", "json"]

COMMAND_BYTES = 128
"""A longer command is left out without a word."""

_SLIN_HZ = {
    "slin": 8_000,
    "slin12": 12_000,
    "slin16": 16_000,
    "slin24": 24_000,
    "slin32": 32_000,
    "slin44": 44_100,
    "slin48": 48_000,
}

_BARE = ("MEDIA_MARK_PROCESSED", "MEDIA_BUFFERING_COMPLETED")
"""Messages whose value bears no name in plain text."""


def format_of(name: object) -> Sound:
    """The sound of a channel's format. Raises Violation for one that is not understood."""
    if name in ("ulaw", "alaw"):
        return sound_of(name, 8_000)
    rate_hz = _SLIN_HZ.get(str(name))
    if rate_hz is None:
        raise Violation(
            Breach.INVALID_AUDIO,
            f"the format {str(name)[:40]!r} is not understood: choose c(ulaw), c(alaw), or "
            "c(slin) to c(slin48) in the dialplan",
        )
    return Sound("l16", rate_hz)


def told_by(text: str) -> tuple[Mapping[str, Any], Control]:
    """A message by the names that it has as JSON, and how it was written. Raises Violation."""
    if text.lstrip().startswith("{"):
        return object_of(text), "json"
    event, _, rest = text.strip().partition(" ")
    if not (event.isascii() and event.replace("_", "").isalpha() and event.isupper()):
        raise Violation(Breach.UNKNOWN_TYPE, f"no control message: {text[:40]!r}")
    if event in _BARE:
        return {"event": event, "correlation_id": rest.strip()}, "plain"
    pairs = (pair.partition(":") for pair in rest.split())
    return {**{name: value for name, _, value in pairs if name}, "event": event}, "plain"


def command(control: Control, name: str, value: str = "") -> str:
    """A command of ours."""
    if control == "plain":
        return f"{name} {value}".rstrip()
    return as_json({"command": name, **({"correlation_id": value} if value else {})})
