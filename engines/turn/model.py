"""Getting Smart Turn's model: one file, known by its digest: no other can take its place."""

from __future__ import annotations

from pathlib import Path

from ..asr.model_pull import Progress, pull_file

NAME = "smart-turn"
REPOSITORY = "pipecat-ai/smart-turn-v3"
FILE = "smart-turn-v3.2-cpu.onnx"
SIZE_BYTES = 8_679_182
SHA256 = "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"
"""Of the file that was measured (docs/TURNS.md)."""


def pull(models_dir: Path, progress: Progress | None = None) -> Path:
    """Download the model into `models_dir` and return its path, for STREAM_TURN_MODEL. Raises
    ModelProblem with one line for whatever goes wrong."""
    return pull_file(
        REPOSITORY, FILE, models_dir, size=SIZE_BYTES, sha256=SHA256, progress=progress
    )
