"""A Kokoro of a few hundred bytes: the true path without a download.

It has the inputs of Kokoro's model and hums instead of speaking: each phoneme lasts `HOP` samples
at 24,000 Hz.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .onnx_file import FLOAT, INT64, Value, floats, int_attribute, integers, model, node

HOP = 600


def write_kokoro(folder: Path, *, lengths: bool = False) -> tuple[Path, Path]:
    """The model, and a folder with the voices af_heart and bm_george. Whether the `lengths` of the
    phonemes are among the model's values."""
    path = folder / "kokoro.onnx"
    path.write_bytes(_model(lengths))
    voices = folder / "voices"
    voices.mkdir()
    for name in ("af_heart", "bm_george"):
        np.zeros((510, 256), dtype=np.float32).tofile(voices / f"{name}.bin")
    return path, voices


def _model(lengths: bool) -> bytes:
    """sin(id x ramp), one after the other. The lengths are 0 x id + 0.2, rounded, at least 1."""
    ramp = [0.012 * number for number in range(HOP)]
    nodes: tuple[bytes, ...] = (
        node("Cast", ["tokens"], "ids", int_attribute("to", FLOAT)),
        node("Reshape", ["ids", "column"], "one_column"),
        node("Mul", ["one_column", "ramp"], "phases"),
        node("Sin", ["phases"], "tones"),
        node("Reshape", ["tones", "flat"], "audio"),
    )
    constants: tuple[bytes, ...] = (
        integers("column", [-1, 1]),
        floats("ramp", [1, HOP], ramp),
        integers("flat", [-1]),
    )
    inputs: tuple[Value, ...] = (
        ("tokens", INT64, [1, "phonemes"]),
        ("style", FLOAT, [1, 256]),
        ("speed", FLOAT, [1]),
    )
    if lengths:
        nodes += (
            node("Mul", ["ids", "nothing"], "nothings"),
            node("Add", ["nothings", "little"], "durations"),
            node("Round", ["durations"], "rounded"),
            node("Clip", ["rounded", "one"], "limited"),
        )
        constants += (
            floats("nothing", [1], [0.0]),
            floats("little", [1], [0.2]),
            floats("one", [], [1.0]),
        )
    return model(nodes, constants, inputs, ("audio", FLOAT, ["samples"]))
