"""A Piper voice of a few hundred bytes: the true path without a download.

Its model has the inputs of every Piper voice (`input`, `input_lengths`, `scales`) and its output's
shape, but instead of speaking it hums: each phoneme id lasts `HOP` samples, as a tone whose pitch
goes with the id. So its length says how many ids it was given.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .onnx_file import FLOAT, INT64, Value, floats, int_attribute, integers, model, node

HOP = 512
LENGTHS = "/Ceil_output_0"
RATE_HZ = 22_050

IPA = "æðŋɐ\u0251ɒɔəɚɛɜ\u0261\u026aɹɾʃʊʌʒ\u02c8ˌ\u02d0θᵻ"
PHONEMES = "_^$ !'(),-.:;?abcdefhijklmnopqrstuvwxyz" + IPA


def write_voice(
    folder: Path, *, num_speakers: int = 1, lengths: str = "none", **changes: Any
) -> Path:
    """The path of the voice's model; `changes` replace top-level parts of its settings. `lengths`
    of the phonemes are among the model's values ("inside"), or also told ("told")."""
    path = folder / "hum.onnx"
    path.write_bytes(_model(lengths))
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


def _model(lengths: str) -> bytes:
    """sin(id x ramp), reshaped from [ids, HOP] to [1, 1, 1, samples]. The lengths are two hops of
    Piper's for each id: 0 x id + 1.5, rounded up."""
    ramp = [0.012 * number for number in range(HOP)]
    nodes: tuple[bytes, ...] = (
        node("Cast", ["input"], "ids", int_attribute("to", FLOAT)),
        node("Reshape", ["ids", "column"], "one_column"),
        node("Mul", ["one_column", "ramp"], "phases"),
        node("Sin", ["phases"], "tones"),
        node("Reshape", ["tones", "flat"], "output"),
    )
    constants: tuple[bytes, ...] = (
        integers("column", [-1, 1]),
        floats("ramp", [1, HOP], ramp),
        integers("flat", [1, 1, 1, -1]),
    )
    inputs: tuple[Value, ...] = (
        ("input", INT64, [1, "phonemes"]),
        ("input_lengths", INT64, [1]),
        ("scales", FLOAT, [3]),
    )
    output: Value = ("output", FLOAT, [1, 1, 1, "samples"])
    if lengths == "none":
        return model(nodes, constants, inputs, output)
    nodes += (
        node("Mul", ["ids", "nothing"], "nothings"),
        node("Add", ["nothings", "hops"], "widths"),
        node("Ceil", ["widths"], LENGTHS),
    )
    constants += (floats("nothing", [1], [0.0]), floats("hops", [1], [1.5]))
    told: Value = (LENGTHS, FLOAT, [1, "phonemes"])
    return model(nodes, constants, inputs, output, *([told] if lengths == "told" else []))
