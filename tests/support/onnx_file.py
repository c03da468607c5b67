"""ONNX files of a few hundred bytes, written by hand in ONNX's protobuf encoding, since nothing
else here needs the `onnx` package."""

from __future__ import annotations

import struct
from collections.abc import Sequence

FLOAT, INT64 = 1, 7

Value = tuple[str, int, Sequence[int | str]]
"""A name, a type and a shape."""


def model(
    nodes: Sequence[bytes], constants: Sequence[bytes], inputs: Sequence[Value], *outputs: Value
) -> bytes:
    """A model with operators of version 13."""
    graph = b"".join(field(1, one) for one in nodes) + field(2, b"graph")
    graph += b"".join(field(5, constant) for constant in constants)
    graph += b"".join(field(11, _value(*value)) for value in inputs)
    graph += b"".join(field(12, _value(*value)) for value in outputs)
    opset = field(1, b"") + number(2, 13)
    return number(1, 8) + field(7, graph) + field(8, opset)


def node(kind: str, inputs: Sequence[str], output: str, attributes: bytes = b"") -> bytes:
    named = b"".join(field(1, name.encode()) for name in inputs)
    return named + field(2, output.encode()) + field(4, kind.encode()) + attributes


def int_attribute(name: str, value: int) -> bytes:
    return field(5, field(1, name.encode()) + number(3, value) + number(20, 2))


def floats(name: str, shape: Sequence[int], values: Sequence[float]) -> bytes:
    return _tensor(name, FLOAT, shape, struct.pack(f"<{len(values)}f", *values))


def integers(name: str, values: Sequence[int]) -> bytes:
    return _tensor(name, INT64, [len(values)], struct.pack(f"<{len(values)}q", *values))


def _tensor(name: str, kind: int, shape: Sequence[int], raw: bytes) -> bytes:
    dimensions = b"".join(number(1, size) for size in shape)
    return dimensions + number(2, kind) + field(8, name.encode()) + field(9, raw)


def _value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    dimensions = b"".join(
        field(1, field(2, size.encode()) if isinstance(size, str) else number(1, size))
        for size in shape
    )
    tensor = number(1, kind) + field(2, dimensions)
    return field(1, name.encode()) + field(2, field(1, tensor))


# Protobuf's two kinds of fields that are needed here


def field(key: int, data: bytes) -> bytes:
    return _varint(key << 3 | 2) + _varint(len(data)) + data


def number(key: int, value: int) -> bytes:
    return _varint(key << 3) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
