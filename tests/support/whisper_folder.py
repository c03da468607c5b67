"""A folder that looks like a Whisper model of CTranslate2's, in a few hundred bytes or many."""

from __future__ import annotations

import json
import struct
from pathlib import Path

SOT = "<|startoftranscript|>"


def model_bin(
    *, spec: str = "WhisperSpec", version: int = 6, weights: tuple[int, ...] = (64, 32)
) -> bytes:
    """The file that CTranslate2 writes, with variables of so many bytes."""

    def string(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    parts = [struct.pack("<I", version), string(spec), struct.pack("<II", 3, len(weights))]
    for number, count in enumerate(weights):
        parts += [string(f"encoder/layer_{number}/weight"), struct.pack("<BI", 1, count)]
        if version >= 4:
            parts.append(struct.pack("<BI", 1, count))
        else:
            parts.append(struct.pack("<BI", 1, count))  # items of one byte each
        parts.append(bytes(number % 256 for _ in range(count)))
    parts += [struct.pack("<I", 1), string("decoder/projection"), string("decoder/embeddings")]
    return b"".join(parts)


def model_files(weights: tuple[int, ...] = (64, 32)) -> dict[str, bytes]:
    """All files of a model, by name."""
    tokenizer = {"model": {"type": "BPE"}, "added_tokens": [{"id": 1, "content": SOT}]}
    preprocessor = {"feature_size": 80, "sampling_rate": 16000, "hop_length": 160}
    return {
        "model.bin": model_bin(weights=weights),
        "config.json": json.dumps({"suppress_ids": []}).encode(),
        "tokenizer.json": json.dumps(tokenizer).encode(),
        "vocabulary.json": json.dumps(["hello", SOT]).encode(),
        "preprocessor_config.json": json.dumps(preprocessor).encode(),
    }


def write_model(folder: Path, **changed: bytes | None) -> Path:
    """Write a whole model, with some files changed or (None) left out; `_` stands for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {name.replace("_json", ".json").replace("_bin", ".bin").replace("_txt", ".txt"): content
             for name, content in changed.items()}  # fmt: skip
    for name, content in (model_files() | named).items():
        if content is not None:
            (folder / name).write_bytes(content)
    return folder
