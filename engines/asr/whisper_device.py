"""Where a Whisper model runs: on the GPU where that works, else on the CPU; and the GPU's library.

CTranslate2 carries all of CUDA that it needs but for cuBLAS. That it opens by its name when the
first matrix is multiplied, so a GPU without it is noticed by a decode and by nothing before.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

Device: TypeAlias = Literal["cuda", "cpu"]

CUBLAS = "libcublas.so.12"
PACKAGE = "nvidia-cublas-cu12"
IN_PACKAGE = ("cublas/lib/libcublasLt.so.12", f"cublas/lib/{CUBLAS}")
"""The second needs the first."""

DEFAULT_TYPE: dict[Device, str] = {"cuda": "float16", "cpu": "int8"}
GPU_ONLY = ("float16", "int8_float16")


def compute_type_on(device: Device, wanted: str, *, instead: bool = False) -> str:
    """The arithmetic for a device; `wanted` "" leaves the choice. `instead`: what was wanted was
    wanted of a GPU, and a CPU may not have it."""
    return DEFAULT_TYPE[device] if not wanted or (instead and wanted in GPU_ONLY) else wanted


def find_cublas() -> None:
    """Have cuBLAS found where pip has put it, unless the system has one: a library that is loaded
    already is found by its name, wherever it lies."""
    if _loads(CUBLAS):
        return
    spec = find_spec("nvidia")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if all(_loads(str(Path(folder) / name)) for name in IN_PACKAGE):
            return


def _loads(library: str) -> bool:
    with suppress(OSError):
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        return True
    return False


def on_cpu_because(error: Exception) -> str:
    """One line for people whose GPU cannot be used."""
    do = f"; pip install {PACKAGE}, and restart" if "libcublas" in str(error) else ""
    return f"Whisper runs on the CPU, for it cannot use the GPU: {error}{do}"


@contextmanager
def ends_with_its_gpu(device: Device) -> Iterator[None]:
    """A GPU that has failed can fail for as long as the process lives. So the worker ends, and the
    lane's next one finds out anew where it can run."""
    try:
        yield
    except RuntimeError as error:
        if device == "cpu":
            raise
        sys.stderr.write(f"Whisper's worker ends, its GPU failed: {error}\n")
        sys.stderr.flush()
        os._exit(1)
