"""Bodies of JSON, checked: what is wrong is a BadRequest (400) that names the field."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from ..http.head import BadRequest

Shape = TypeVar("Shape")

_PLACE = re.compile(r"at `\$\.([^`]*)`")


def json_body(body: bytes, shape: type[Shape]) -> Shape:
    """The body as `shape`. Fields that it does not know are left out."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        raise BadRequest(400, str(error), param=place[1] if place else None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(400, f"the body is not valid JSON: {error}") from None
