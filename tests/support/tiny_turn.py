"""A model with Smart Turn's input and output and no opinion worth having: its answer is the sigmoid
of the mean of the newest second's features, so loud endings give more than quiet ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .onnx_file import FLOAT, floats, integers, model, node


def write_turn_model(
    folder: Path,
    *,
    name: str = "input_features",
    shape: Sequence[int | str] = ("batch", 80, 800),
    likely: bool = True,
) -> Path:
    """The path of the model. Not `likely`: what it gives is 2, no likelihood."""
    path = folder / "turn.onnx"
    nodes = (
        node("Slice", [name, "from", "to", "axis"], "newest"),
        node("ReduceMean", ["newest"], "level"),
        node("Reshape", ["level", "one"], "column"),
        node("Sigmoid" if likely else "Identity", ["column"], "answer"),
        node("Mul" if likely else "Max", ["answer", "factor"], "logits"),
    )
    constants = (
        integers("from", [-100]),
        integers("to", [2**31]),
        integers("axis", [-1]),
        integers("one", [1, 1]),
        floats("factor", [1], [1.0 if likely else 2.0]),
    )
    path.write_bytes(model(nodes, constants, [(name, FLOAT, shape)], ("logits", FLOAT, ["b", 1])))
    return path
