"""A voice's model in onnxruntime, with the lengths of its phonemes told beside the sound.

The models of Piper and Kokoro decide how long each phoneme lasts, and most are exported without
telling it. A file in ONNX's format is one protobuf message, and two messages one behind the other
are read as one with the fields of both: so a few bytes behind the model's make one of its inner
values an output. The file itself stays as it is: the model is loaded from a nameless copy.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...cores import share_of
from ..failures import EngineUnavailable

MODEL_BYTES_MAX = 600_000_000
"""Larger ones are loaded from their own file, as they are: a copy of them would take its time."""

# Where things stand in the format: message ModelProto, GraphProto, NodeProto, ValueInfoProto.
_GRAPH, _NODE, _OUTPUT = 7, 1, 12
_INPUT_NAMES, _OUTPUT_NAMES, _KIND = 1, 2, 4
_VALUE_NAME = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


Find = Callable[[Sequence[Node]], str | None]
"""Which value of a graph is the phonemes' lengths; None where it cannot be told for sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    session: Any
    lengths: int | None
    """Which of its outputs tells the phonemes' lengths; None where none is known to."""


@contextmanager
def open_session(model: Path, find: Find) -> Iterator[Opened]:
    """The model, with what `find` finds as its last output, or as it is where that is an output
    already or is not to be had. The file that it was loaded from is there until the block ends.
    Raises EngineUnavailable."""
    with ExitStack() as stack:
        session = value = None
        try:
            path, value = stack.enter_context(_with_output(model, find))
            session = _load(path)
        except Exception:  # whatever is unusual about this model, its own file is what counts
            session = None
        try:
            session = session or _load(str(model))
        except Exception as error:  # onnxruntime's own exceptions have no common class
            reason = str(error).splitlines()[0]
            raise EngineUnavailable(
                f"{model} cannot be loaded as an ONNX model ({reason})"
            ) from None
        _one_channel(model, session)
        names = [output.name for output in session.get_outputs()]
        yield Opened(session=session, lengths=names.index(value) if value in names else None)


def _load(path: str) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    # Half the cores: the recognizers have work at the same time. And no spinning between calls.
    options.intra_op_num_threads = max(1, share_of(os.cpu_count()) // 2)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # fatal only; the rest would go to stderr past our logs
    return onnxruntime.InferenceSession(
        path, sess_options=options, providers=["CPUExecutionProvider"]
    )


def _one_channel(model: Path, session: Any) -> None:
    """The sound is the first output; all its sizes but the last are 1, or told when it speaks."""
    shape = session.get_outputs()[0].shape
    if any(isinstance(size, int) and size > 1 for size in shape[:-1]):
        raise EngineUnavailable(f"{model} gives sound of {shape}, not of one channel")


@contextmanager
def _with_output(model: Path, find: Find) -> Iterator[tuple[str, str | None]]:
    """The path of a copy with that output, and the output's name. The copy itself has no name in
    any folder, so it leaves nothing behind when this process is killed."""
    if model.stat().st_size > MODEL_BYTES_MAX:
        raise ValueError("too large for a copy")
    nodes, outputs = read_graph(model.read_bytes())
    value = find(nodes)
    if value is None or value in outputs:
        yield str(model), value
        return
    with model.open("rb") as original, tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(original, copy)
        copy.write(one_more_output(value))
        copy.flush()
        copy.seek(0)
        yield f"/dev/fd/{copy.fileno()}", value


# The format


def one_more_output(value: str) -> bytes:
    """What makes `value` an output, behind the bytes of a model."""
    return _field(_GRAPH, _field(_OUTPUT, _field(_VALUE_NAME, value.encode())))


def read_graph(data: bytes) -> tuple[list[Node], list[str]]:
    """The nodes of a model's graph, and the names of its outputs. Raises ValueError or IndexError
    where it is no model."""
    nodes, outputs = [], []
    for key, start, end in _fields(data, 0, len(data)):
        if key != _GRAPH:
            continue
        for part, begin, over in _fields(data, start, end):
            if part == _NODE:
                names: dict[int, list[str]] = {_INPUT_NAMES: [], _OUTPUT_NAMES: [], _KIND: [""]}
                for name, left, right in _fields(data, begin, over):
                    if name in names:
                        names[name].append(data[left:right].decode())
                nodes.append(
                    Node(
                        kind=names[_KIND][-1],
                        inputs=tuple(names[_INPUT_NAMES]),
                        outputs=tuple(names[_OUTPUT_NAMES]),
                    )
                )
            elif part == _OUTPUT:
                for name, left, right in _fields(data, begin, over):
                    if name == _VALUE_NAME:
                        outputs.append(data[left:right].decode())
    return nodes, outputs


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The key of each field with a length, and where its contents stand; others are passed over."""
    while at < end:
        key, at = _number(data, at)
        kind = key & 7
        if kind == 2:
            length, at = _number(data, at)
            yield key >> 3, at, at + length
            at += length
        elif kind == 0:
            _, at = _number(data, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError("no protobuf message")
    if at != end:
        raise ValueError("a cut protobuf message")


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _field(key: int, contents: bytes) -> bytes:
    return _varint(key << 3 | 2) + _varint(len(contents)) + contents


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
