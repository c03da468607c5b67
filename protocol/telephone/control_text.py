"""The text messages beside binary audio: JSON objects, and what is read out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..codes import Breach, Violation

MAX_CHARS = 64 * 1024

_decode = msgspec.json.Decoder().decode


def object_of(text: str) -> Mapping[str, Any]:
    """Raises Violation for what is no JSON object."""
    if len(text) > MAX_CHARS:
        raise Violation(Breach.OVERSIZED_FRAME, f"a text of {len(text)} characters")
    try:
        message: object = _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Violation(Breach.INVALID_JSON, f"not valid JSON: {error}") from None
    if not isinstance(message, Mapping):
        raise Violation(Breach.INVALID_JSON, "a JSON object is expected")
    return message


def object_or_none(text: str) -> Mapping[str, Any] | None:
    try:
        return object_of(text)
    except Violation:
        return None


def inner(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object of this name; an empty one where there is none."""
    found = message.get(name)
    return found if isinstance(found, Mapping) else {}
