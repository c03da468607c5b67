"""JSON from a service, which may send anything."""

from __future__ import annotations

from typing import TypeVar

import msgspec

Shape = TypeVar("Shape")


def parse_json(data: bytes, shape: type[Shape]) -> Shape:
    """`data` as a `shape`. Raises ValueError for whatever it is not, also where it is nested so
    deeply that the parser gives up."""
    try:
        return msgspec.json.decode(data, type=shape)  # its errors are ValueErrors
    except RecursionError as error:
        raise ValueError(str(error)) from None
