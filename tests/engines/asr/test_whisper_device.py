"""A GPU that cannot be used costs a line, and the CPU hears; without a GPU, and without a model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import ctranslate2
import faster_whisper
import pytest

from parley.engines.asr import whisper_device, whisper_worker
from parley.engines.asr.whisper_device import CUBLAS, IN_PACKAGE, ends_with_its_gpu, find_cublas
from parley.engines.asr.whisper_worker import load
from parley.engines.failures import EngineFailure

NO_CUBLAS = "Library libcublas.so.12 is not found or cannot be loaded"
"""In CTranslate2's own words, when the first matrix is multiplied."""
NO_MEMORY = "CUDA failed with error out of memory"


class Machine:
    """What CTranslate2 and faster-whisper do on some machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, gpus: int = 1) -> None:
        self.opened: list[tuple[str, str]] = []
        """Device and arithmetic of each model that was asked for."""
        self.cannot_open: dict[str, Exception] = {}
        self.cannot_decode: dict[str, Exception] = {}
        monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: gpus)
        monkeypatch.setattr(faster_whisper, "WhisperModel", self._open)
        monkeypatch.setattr(whisper_worker, "_Prompts", lambda whisper: None)
        monkeypatch.setattr(whisper_worker, "_decode", self._decode)
        monkeypatch.setattr(whisper_worker, "find_cublas", lambda: None)

    def _open(self, folder: str, *, device: str, compute_type: str, **more: Any) -> object:
        self.opened.append((device, compute_type))
        if device in self.cannot_open:
            raise self.cannot_open[device]
        return object()

    def _decode(self, model: Any, passes: object) -> list[object]:
        if model.device in self.cannot_decode:
            raise self.cannot_decode[model.device]
        return []


@pytest.fixture(autouse=True)
def no_model_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    before, whisper_worker._model = whisper_worker._model, None
    yield
    whisper_worker._model = before


def device() -> str:
    assert whisper_worker._model is not None
    return whisper_worker._model.device


def test_a_gpu_that_works_is_used_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    assert load("folder", "", 1) is None
    assert (device(), machine.opened) == ("cuda", [("cuda", "float16")])


def test_a_gpu_without_cublas_leaves_it_to_the_cpu_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch)
    machine.cannot_decode["cuda"] = RuntimeError(NO_CUBLAS)
    remark = load("folder", "", 1)
    assert remark == (
        f"Whisper runs on the CPU, for it cannot use the GPU: {NO_CUBLAS}; "
        "pip install nvidia-cublas-cu12, and restart"
    )
    assert (device(), machine.opened) == ("cpu", [("cuda", "float16"), ("cpu", "int8")])


def test_a_gpu_without_memory_is_told_without_advice_that_does_not_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch)
    machine.cannot_open["cuda"] = RuntimeError(NO_MEMORY)
    remark = load("folder", "", 1)
    assert remark is not None
    assert remark.endswith(NO_MEMORY)
    assert device() == "cpu"


@pytest.mark.parametrize(
    ("wanted", "instead"),
    [("float16", "int8"), ("int8_float16", "int8"), ("int8", "int8"), ("float32", "float32")],
)
def test_arithmetic_that_was_wanted_of_the_gpu_is_not_wanted_of_the_cpu(
    wanted: str, instead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch)
    machine.cannot_decode["cuda"] = RuntimeError(NO_CUBLAS)
    load("folder", wanted, 1)
    assert machine.opened == [("cuda", wanted), ("cpu", instead)]


def test_without_a_gpu_the_cpu_is_asked_for_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, gpus=0)
    assert load("folder", "float16", 1) is None
    assert load("folder", "", 1) is None
    assert machine.opened == [("cpu", "float16"), ("cpu", "int8")]


def test_a_folder_that_works_nowhere_is_the_folders_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    broken = RuntimeError("File model.bin is incomplete")
    machine.cannot_open = {"cuda": broken, "cpu": broken}
    with pytest.raises(EngineFailure, match="Whisper model in folder cannot be loaded: File"):
        load("folder", "", 1)
    assert whisper_worker._model is None


def test_a_worker_ends_with_its_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def exit_(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", exit_)
    machine = Machine(monkeypatch)
    load("folder", "", 1)
    machine.cannot_decode["cuda"] = RuntimeError(NO_MEMORY)
    with pytest.raises(SystemExit):
        whisper_worker.decode([])
    assert capsys.readouterr().err == f"Whisper's worker ends, its GPU failed: {NO_MEMORY}\n"


def test_a_bug_on_the_cpu_ends_no_worker() -> None:
    with pytest.raises(RuntimeError, match="a bug"), ends_with_its_gpu("cpu"):
        raise RuntimeError("a bug")


def test_cublas_is_found_where_pip_has_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModuleSpec("nvidia", None)
    spec.submodule_search_locations = [str(tmp_path)]
    asked: list[str] = []

    def loads(library: str) -> bool:
        asked.append(library)
        return library in there

    monkeypatch.setattr(whisper_device, "_loads", loads)
    in_package = [str(tmp_path / name) for name in IN_PACKAGE]
    monkeypatch.setattr(whisper_device, "find_spec", lambda name: spec)
    there = set(in_package)
    find_cublas()
    assert asked == [CUBLAS, *in_package]
    asked.clear()
    there = {CUBLAS}
    find_cublas()
    assert asked == [CUBLAS], "the system's own goes first"
    asked.clear()
    there = set()
    monkeypatch.setattr(whisper_device, "find_spec", lambda name: None)
    find_cublas()
    assert asked == [CUBLAS]


def test_a_library_that_is_not_there_is_not_loaded() -> None:
    assert not whisper_device._loads("/nowhere/libcublas.so.12")
