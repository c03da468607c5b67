"""JSON text frames, as every dialect uses them: an object with a `type`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from .codes import Breach, Violation

T = TypeVar("T")

MAX_BINARY_BYTES = 64 * 1024
"""A binary frame that is larger is audio, whatever it looks like. The longest text that is taken
has 8,000 characters, six bytes each where all are escaped."""


class _Typed(msgspec.Struct):
    type: str | msgspec.UnsetType = msgspec.UNSET


_decode_typed = msgspec.json.Decoder(_Typed).decode
_encode = msgspec.json.Encoder().encode


MAX_DEPTH = 64
"""No message needs three. How deep a parser can go differs between versions of Python; this does
not."""

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')


def _too_deep(text: str) -> bool:
    """Whether arrays and objects are nested deeper than MAX_DEPTH. Looks closer only where there
    are brackets enough for that."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for sign in _STRINGS.sub("", text):
        if sign in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif sign in "]}":
            depth -= 1
    return False


def type_of(text: str, untyped: str | None = None) -> str:
    """The message's type; `untyped` is the type of an object that names none.

    Raises Violation: INVALID_JSON; or MISSING_TYPE for what is no object, for a type that is no
    string, and where `untyped` is None for an object that names no type.
    """
    if _too_deep(text):
        raise Violation(Breach.INVALID_JSON, f"JSON is nested more than {MAX_DEPTH} levels deep")
    try:
        message = _decode_typed(text)
    except msgspec.ValidationError as error:
        raise Violation(
            Breach.MISSING_TYPE, f"a message is an object with a type: {error}"
        ) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Violation(Breach.INVALID_JSON, f"not valid JSON: {error}") from None
    if isinstance(message.type, msgspec.UnsetType):
        if untyped is not None:
            return untyped
        raise Violation(Breach.MISSING_TYPE, "a message has no type")
    return message.type


LEAST_BINARY_BYTES = 7
"""Of `{"a":1}`."""


class _Shape(msgspec.Struct):
    """What tells a message in a binary frame from audio."""

    type: str | msgspec.UnsetType = msgspec.UNSET
    content: str | msgspec.UnsetType = msgspec.UNSET


_SHAPE = msgspec.json.Decoder(_Shape)
_BEGINNINGS = frozenset(b"{ \t\r\n")


def message_in(frame: bytes, *, named: bool = False) -> str | None:
    """The JSON text in a binary frame; None where it is audio.

    Some clients send all their messages as bytes. A frame is a message if it has at most
    MAX_BINARY_BYTES, is enclosed in braces but for white space around them, and as a whole is UTF-8
    and a JSON object that is not empty; where `named`, only with a string as its `type` or
    `content`. Audio does not do that by chance.
    """
    if (
        len(frame) < LEAST_BINARY_BYTES
        or frame[0] not in _BEGINNINGS
        or len(frame) > MAX_BINARY_BYTES
    ):
        return None
    enclosed = frame.strip(b" \t\r\n")
    if not (enclosed.startswith(b"{") and enclosed.endswith(b"}")):
        return None
    try:
        shape = _SHAPE.decode(enclosed)
        text = enclosed.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if named and shape.type is msgspec.UNSET and shape.content is msgspec.UNSET:
        return None
    return text


def fields_of(decoder: msgspec.json.Decoder[T], text: str, breach: Breach, name: str) -> T:
    """The fields of a message whose type is known. Raises Violation with `breach`."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise Violation(breach, f"{name}: {error}") from None
    except msgspec.DecodeError as error:
        raise Violation(Breach.INVALID_JSON, f"not valid JSON: {error}") from None


def as_json(message: Mapping[str, Any]) -> str:
    """JSON text; half of a surrogate pair (a model may cut one in two) becomes a question mark."""
    try:
        return _encode(message).decode()
    except UnicodeEncodeError:
        whole = {
            key: value.encode(errors="replace").decode() if isinstance(value, str) else value
            for key, value in message.items()
        }
        return _encode(whole).decode()
