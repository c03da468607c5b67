"""JSON text frames, as every dialect uses them: an object with a `type`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from .codes import Breach, Violation

T = TypeVar("T")


class _Typed(msgspec.Struct):
    type: str | msgspec.UnsetType = msgspec.UNSET


_decode_typed = msgspec.json.Decoder(_Typed).decode
_encode = msgspec.json.Encoder().encode


def type_of(text: str) -> str:
    """The message's type. Raises Violation: INVALID_JSON or MISSING_TYPE."""
    try:
        message = _decode_typed(text)
    except msgspec.ValidationError as error:
        raise Violation(
            Breach.MISSING_TYPE, f"a message is an object with a type: {error}"
        ) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Violation(Breach.INVALID_JSON, f"not valid JSON: {error}") from None
    if isinstance(message.type, msgspec.UnsetType):
        raise Violation(Breach.MISSING_TYPE, "a message has no type")
    return message.type


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
