"""A Piper voice of a few hundred bytes: the true path without a download.

Its model has the inputs of every Piper voice (`input`, `input_lengths`, `scales`) and its output's
shape, but instead of speaking it hums: each phoneme id lasts `HOP` samples, as a tone whose pitch
goes with the id. So its length says how many ids it was given. Written by hand in ONNX's protobuf
encoding, since nothing else here needs the `onnx` package.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

HOP = 512
RATE_HZ = 22_050

FLOAT, INT64 = 1, 7
IPA = "æðŋɐ\u0251ɒɔəɚɛɜ\u0261\u026aɹɾʃʊʌʒ\u02c8ˌ\u02d0θᵻ"
PHONEMES = "_^$ !'(),-.:;?abcdefhijklmnopqrstuvwxyz" + IPA


def write_voice(folder: Path, *, num_speakers: int = 1, **changes: Any) -> Path:
    """The path of the voice's model; `changes` replace top-level parts of its settings."""
    path = folder / "hum.onnx"
    path.write_bytes(_model())
    settings = {
        "audio": {"sample_rate": RATE_HZ},
        "espeak": {"voice": "en-us"},
        "phoneme_type": "espeak",
        "num_symbols": 256,
        "num_speakers": num_speakers,
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_id_map": {letter: [number] for number, letter in enumerate(PHONEMES)},
    }
    Path(f"{path}.json").write_text(json.dumps(settings | changes), encoding="utf-8")
    return path


def _model() -> bytes:
    """sin(id x ramp), reshaped from [ids, HOP] to [1, 1, 1, samples]."""
    ramp = [0.012 * number for number in range(HOP)]
    nodes = (
        _node("Cast", ["input"], "ids", _field(5, _int_attribute("to", FLOAT))),
        _node("Reshape", ["ids", "column"], "one_column"),
        _node("Mul", ["one_column", "ramp"], "phases"),
        _node("Sin", ["phases"], "tones"),
        _node("Reshape", ["tones", "flat"], "output"),
    )
    constants = (
        _tensor("column", INT64, [2], struct.pack("<2q", -1, 1)),
        _tensor("ramp", FLOAT, [1, HOP], struct.pack(f"<{HOP}f", *ramp)),
        _tensor("flat", INT64, [4], struct.pack("<4q", 1, 1, 1, -1)),
    )
    inputs = (
        _value("input", INT64, [1, "phonemes"]),
        _value("input_lengths", INT64, [1]),
        _value("scales", FLOAT, [3]),
    )
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"hum")
    graph += b"".join(_field(5, constant) for constant in constants)
    graph += b"".join(_field(11, value) for value in inputs)
    graph += _field(12, _value("output", FLOAT, [1, 1, 1, "samples"]))
    opset = _field(1, b"") + _number(2, 13)
    return _number(1, 8) + _field(7, graph) + _field(8, opset)


def _node(kind: str, inputs: list[str], output: str, attributes: bytes = b"") -> bytes:
    named = b"".join(_field(1, name.encode()) for name in inputs)
    return named + _field(2, output.encode()) + _field(4, kind.encode()) + attributes


def _int_attribute(name: str, value: int) -> bytes:
    return _field(1, name.encode()) + _number(3, value) + _number(20, 2)


def _tensor(name: str, kind: int, shape: list[int], raw: bytes) -> bytes:
    dimensions = b"".join(_number(1, size) for size in shape)
    return dimensions + _number(2, kind) + _field(8, name.encode()) + _field(9, raw)


def _value(name: str, kind: int, shape: list[int | str]) -> bytes:
    dimensions = b"".join(
        _field(1, _field(2, size.encode()) if isinstance(size, str) else _number(1, size))
        for size in shape
    )
    tensor = _number(1, kind) + _field(2, dimensions)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


# Protobuf's two kinds of fields that are needed here


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
