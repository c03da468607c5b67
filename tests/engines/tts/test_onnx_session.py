"""A model tells what it had inside, and is as it was where it has nothing to tell."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parley.engines.failures import EngineUnavailable
from parley.engines.tts import onnx_session
from parley.engines.tts.onnx_session import Node, one_more_output, open_session, read_graph
from support.onnx_file import FLOAT, floats, model, node
from support.tiny_voice import HOP, LENGTHS, write_voice

IDS = np.array([[1, 5, 9, 2]], np.int64)
INPUTS = {"input": IDS, "input_lengths": np.array([4]), "scales": np.ones(3, np.float32)}


def ceils(nodes: Sequence[Node]) -> str | None:
    return next((one.outputs[0] for one in nodes if one.kind == "Ceil"), None)


def ran(path: Path, find: Any = ceils) -> tuple[list[Any], int | None]:
    with open_session(path, find) as opened:
        return opened.session.run(None, INPUTS), opened.lengths


def test_the_lengths_are_told_and_the_sound_is_the_same(tmp_path: Path) -> None:
    (plain,), none = ran(write_voice(tmp_path))
    (sound, lengths), index = ran(write_voice(tmp_path, lengths="inside"))
    assert (none, index) == (None, 1)
    assert np.array_equal(sound, plain)
    assert lengths.tolist() == [[2.0] * 4]
    assert sound.size == HOP * 4


def test_a_model_that_tells_them_already_is_loaded_from_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_voice(tmp_path, lengths="told")
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    (_, lengths), index = ran(path)
    assert (index, lengths.tolist()) == (1, [[2.0] * 4])


def test_a_model_that_cannot_be_copied_is_loaded_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_voice(tmp_path, lengths="inside")
    for name, value in (("MODEL_BYTES_MAX", 10), ("one_more_output", lambda value: b"\xff" * 9)):
        with monkeypatch.context() as patched:
            patched.setattr(onnx_session, name, value)
            outputs, index = ran(path)
            assert (len(outputs), index) == (1, None)

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    outputs, index = ran(path)
    assert (len(outputs), index) == (1, None)


def test_what_is_found_wrongly_harms_nothing(tmp_path: Path) -> None:
    path = write_voice(tmp_path, lengths="inside")
    for find in (lambda nodes: "nobody", lambda nodes: None, lambda nodes: nodes[99]):
        outputs, index = ran(path, find)
        assert (len(outputs), index) == (1, None)


def test_no_copy_and_no_open_file_is_left(tmp_path: Path) -> None:
    path = write_voice(tmp_path, lengths="inside")
    ran(path)
    before = sorted(os.listdir("/proc/self/fd")), sorted(os.listdir(tmp_path))
    for _ in range(3):
        ran(path)
    assert (sorted(os.listdir("/proc/self/fd")), sorted(os.listdir(tmp_path))) == before


def test_a_graph_is_read_without_the_library(tmp_path: Path) -> None:
    data = write_voice(tmp_path, lengths="told").read_bytes()
    nodes, outputs = read_graph(data)
    assert outputs == ["output", LENGTHS]
    assert nodes[-1] == Node(kind="Ceil", inputs=("widths",), outputs=(LENGTHS,))
    assert read_graph(data + one_more_output("x" * 300)) == (nodes, [*outputs, "x" * 300])
    for cut in range(0, len(data), 7):
        try:
            part, _ = read_graph(data[:cut])
        except (ValueError, IndexError):
            continue
        assert part in ([], nodes[: len(part)])


@pytest.mark.parametrize("data", [b"", b"not a model", b"\xff" * 40])
def test_what_is_no_model_is_told_in_a_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "none.onnx"
    path.write_bytes(data)
    with pytest.raises(EngineUnavailable, match=r"none\.onnx cannot be loaded as an ONNX model"):
        ran(path)


def test_a_model_of_two_channels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stereo.onnx"
    two = model(
        [node("Mul", ["in", "ones"], "out")],
        [floats("ones", [1, 2, 1], [1.0, 1.0])],
        [("in", FLOAT, [1, 1, "n"])],
        ("out", FLOAT, [1, 2, "n"]),
    )
    path.write_bytes(two)
    with pytest.raises(
        EngineUnavailable, match=r"gives sound of \[1, 2, 'n'\], not of one channel"
    ):
        ran(path)
