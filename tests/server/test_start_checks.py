"""What cannot work is told at the start, in one line each, with what to do."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

import pytest

from parley.config import Settings
from parley.server.start_checks import cannot_write, start_problems


def lines(own: tuple[str, ...] = (), **settings: Any) -> list[str]:
    return [problem.line() for problem in start_problems(Settings.defaults(**settings), own)]


def test_nothing_is_told_where_nothing_is_wrong(tmp_path: Path) -> None:
    assert lines(stream_record_dir=str(tmp_path)) == []
    assert lines(stream_record_dir=str(tmp_path / "new" / "folder")) == []
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("engine", ["moonshine", "whisper"])
def test_a_recognizer_without_its_model(engine: str, tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"stream_asr_engine": engine, "parley_models_dir": str(tmp_path)}
    [line] = lines(**wanted)
    assert line.startswith("recognizer: ")
    assert "STREAM_ASR_ENGINE=pocketsphinx" in line
    assert "\n" not in line
    assert lines(("asr",), **wanted) == []


def test_a_voice_whose_file_is_not_there(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.onnx")
    [line] = lines(stream_tts_engine="piper", stream_piper_voice=missing)
    assert line == f"voice: {missing} is not there; or set STREAM_TTS_ENGINE=pyttsx3"
    assert lines(("tts",), stream_tts_engine="piper", stream_piper_voice=missing) == []


def test_a_model_that_is_not_there_and_an_extra_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(tmp_path / "none.gguf")
    monkeypatch.setattr(
        "parley.server.start_checks.find_spec",
        lambda name: None if name == "xllamacpp" else importlib.util.find_spec(name),
    )
    assert lines(stream_llm_engine="gguf", stream_gguf_model=missing) == [
        f"model: {missing} is not there; mend STREAM_GGUF_MODEL",
        "model: xllamacpp is not installed; pip install 'parley-voice[gguf]'",
    ]
    assert lines(("llm",), stream_llm_engine="gguf", stream_gguf_model=missing) == []


def test_folders_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    assert cannot_write(tmp_path) is None
    assert cannot_write(file / "below") == f"{file} is no folder"
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    assert cannot_write(dangling / "below") == f"{dangling / 'below'} cannot be made"
    [line] = lines(stream_record_dir=str(file / "below"))
    assert line.startswith(f"recordings: {file} is no folder; nothing is recorded; mend STREAM_REC")
    monkeypatch.setattr(tempfile, "tempdir", str(file))
    [line] = lines()
    assert line.startswith("uploads: no temporary folder can be written")
