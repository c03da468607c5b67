"""Whether a folder holds a Whisper model that CTranslate2 can load, found out without loading it.

Loading takes seconds and its errors speak of byte offsets; this takes milliseconds and says what
is wrong and what to do. `model.bin` is walked from variable to variable by their lengths, as
CTranslate2 does it (src/models/model.cc), so a file that was copied by half is noticed wherever
it ends. The weights themselves are not read.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import BinaryIO

from ..failures import ModelProblem
from .model_names import WHISPER_REPOSITORIES

MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")
"""What must be there, besides a vocabulary."""
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
PREPROCESSOR = "preprocessor_config.json"

BINARY_VERSIONS = range(3, 7)
"""The formats whose layout is known here. What CTranslate2 may yet invent is left to it."""
HIGHEST_PLAUSIBLE_VERSION = 1000
MAX_VARIABLES = 1_000_000
"""A large Whisper has about 2,000 variables. More than this is no count but other bytes."""
MAX_JSON_BYTES = 64 * 2**20
"""A tokenizer has 2 to 5 MB. What is far above was not meant."""

OTHER_KINDS = ("*.safetensors", "pytorch_model*.bin", "*.pt", "*.pth", "*.onnx", "ggml*.bin",
               "*.gguf", "*.h5", "*.msgpack")  # fmt: skip
"""Files by which a model of another library is recognised."""

LFS_POINTER = b"version https://git-lfs"
"""What a clone without Git LFS has in place of large files."""

CONVERT = (
    "this is not a CTranslate2 Whisper model; convert it with ct2-transformers-converter "
    "--copy_files tokenizer.json preprocessor_config.json, or `parley models pull small`"
)


def check_model(folder: Path) -> None:
    """Return if the folder looks like a whole Whisper model of CTranslate2's.

    Raises ModelProblem for the first thing that is wrong. Never touches a network; a folder that
    passes has its own tokenizer, so that faster-whisper asks nobody for one.
    """
    try:
        _check_folder(folder)
        _check_weights(folder / "model.bin")
        _check_object(folder / "config.json")
        _check_tokenizer(folder / "tokenizer.json")
        _check_vocabulary(folder)
        if (folder / PREPROCESSOR).exists():  # without one there are defaults
            _check_preprocessor(folder / PREPROCESSOR)
    except OSError as error:
        raise ModelProblem(
            f"{error.filename or folder} cannot be read: {error.strerror or error}; "
            "give the server's user the right to read it"
        ) from None


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        raise ModelProblem(f"{folder}: there is no such folder; name one that is there")
    if not folder.is_dir():
        raise ModelProblem(f"{folder} is a file; name the folder that holds model.bin")
    names = os.listdir(folder)
    if not any(not name.startswith(".") for name in names):
        raise ModelProblem(f"{folder} is empty; {_again(folder)}")
    if "model.bin" not in names:
        if any(found for kind in OTHER_KINDS for found in folder.glob(kind)):
            raise ModelProblem(f"{folder}: {CONVERT}")
        raise ModelProblem(f"{folder}: model.bin is missing; {_again(folder)}")
    for name in MODEL_FILES:
        if not (folder / name).exists():
            extra = " (faster-whisper would fetch one)" if name == "tokenizer.json" else ""
            raise ModelProblem(f"{folder}: {name} is missing{extra}; {_again(folder)}")
    if not any((folder / name).exists() for name in VOCABULARIES):
        raise ModelProblem(f"{folder}: vocabulary.json or vocabulary.txt is missing; "
                           f"{_again(folder)}")  # fmt: skip


def _again(folder: Path) -> str:
    name = folder.name.replace("--", "/")
    if name in WHISPER_REPOSITORIES or "/" in name:
        return f"delete the folder and `parley models pull {name}`"
    return "copy the folder again as a whole"


# The weights


class _Ended(Exception):
    """The file ends before what its own numbers promise."""


def _check_weights(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise ModelProblem(f"{path} has no bytes; {_again(path.parent)}")
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise ModelProblem(
                f"{path} is a pointer of Git LFS's; run `git lfs pull` in the folder"
            )
        file.seek(0)
        try:
            _walk(file, path, size)
        except _Ended:
            raise ModelProblem(
                f"{path} is cut off after {size} bytes; {_again(path.parent)}"
            ) from None


def _walk(file: BinaryIO, path: Path, size: int) -> None:
    """Read what describes the weights, and step over the weights."""
    foreign = ModelProblem(f"{path}: {CONVERT}")
    (version,) = _numbers(file, "I")
    if not 1 <= version <= HIGHEST_PLAUSIBLE_VERSION:
        raise foreign
    if version not in BINARY_VERSIONS:
        return
    spec = _string(file)
    if spec != b"WhisperSpec":
        if not spec.endswith(b"Spec"):
            raise foreign
        raise ModelProblem(
            f"{path} is a {spec.decode('ascii', 'replace')} of CTranslate2, no WhisperSpec: "
            "it does something else than transcribe; name a Whisper model"
        )
    _, count = _numbers(file, "II")  # the specification's revision, and how many follow
    if count > MAX_VARIABLES:
        raise foreign
    for _ in range(count):
        _string(file)
        (rank,) = _numbers(file, "B")
        _numbers(file, f"{rank}I")
        kind, length = _numbers(file, "BI")
        if version < 4:
            length *= kind  # items and the size of one, instead of a type and bytes
        if file.seek(length, os.SEEK_CUR) > size:
            raise _Ended
    (aliases,) = _numbers(file, "I")
    for _ in range(min(aliases, MAX_VARIABLES) * 2):
        _string(file)


def _numbers(file: BinaryIO, form: str) -> tuple[int, ...]:
    # Without alignment, as the file is written.
    return struct.unpack(f"<{form}", _exactly(file, struct.calcsize(f"<{form}")))


def _string(file: BinaryIO) -> bytes:
    (length,) = _numbers(file, "H")
    return _exactly(file, length).rstrip(b"\0")


def _exactly(file: BinaryIO, count: int) -> bytes:
    read = file.read(count)
    if len(read) < count:
        raise _Ended
    return read


# What lies beside them


def _json(path: Path) -> object:
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ModelProblem(f"{path} is far too large for what it should be; {_again(path.parent)}")
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):  # bad JSON, bad UTF-8, or nested without end
        raise ModelProblem(f"{path} is no valid JSON; {_again(path.parent)}") from None


def _check_object(path: Path) -> dict[str, object]:
    value = _json(path)
    if not isinstance(value, dict):
        raise ModelProblem(f"{path} holds no JSON object; {_again(path.parent)}")
    return value


def _check_tokenizer(path: Path) -> None:
    tokenizer = _check_object(path)
    added = tokenizer.get("added_tokens")
    tokens = [token.get("content") for token in added if isinstance(token, dict)] if isinstance(
        added, list) else []  # fmt: skip
    if "model" not in tokenizer or "<|startoftranscript|>" not in tokens:
        raise ModelProblem(f"{path} is no tokenizer of Whisper's; {_again(path.parent)}")


def _check_vocabulary(folder: Path) -> None:
    path = next(folder / name for name in VOCABULARIES if (folder / name).exists())
    if path.suffix == ".json":
        tokens = _json(path)
        usable = isinstance(tokens, list) and bool(tokens)
    else:
        usable = path.stat().st_size > 0
    if not usable:
        raise ModelProblem(f"{path} holds no tokens; {_again(folder)}")


def _check_preprocessor(path: Path) -> None:
    """The feature extractor takes its numbers from here; a wrong one is silent nonsense."""
    values = _check_object(path)
    for name in ("feature_size", "sampling_rate", "hop_length", "chunk_length", "n_fft"):
        value = values.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ModelProblem(f"{path}: {name} is {value!r}, no number; {_again(path.parent)}")
