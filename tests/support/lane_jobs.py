"""What the lane's tests run in a worker. Importable there, and light."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from parley.engines.failures import EngineUnavailable

_counter = 0


def nothing() -> None:
    return None


def remark() -> str:
    """An `init` whose engine has something to say."""
    return "it runs on the CPU"


def fail_while_there(path: str) -> None:
    """An `init` that fails as long as the file exists."""
    if Path(path).exists():
        raise OSError("the model is missing")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def print_lines(count: int) -> int:
    """To both streams, by Python and past it; gives how many lines."""
    for number in range(count // 2):
        print(f"line {number} of what a library says", flush=True)
        os.write(2, b"and what its C code says\n")
    return count


def pid() -> int:
    return os.getpid()


def count() -> int:
    global _counter
    _counter += 1
    return _counter


def sleep_for(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


def block_with_lock(seconds: int) -> None:
    """Sleeps in C without releasing the interpreter lock, as pocketsphinx computes."""
    ctypes.PyDLL(None).sleep(seconds)


def append(path: str, word: str, seconds: float = 0.0) -> None:
    time.sleep(seconds)
    with open(path, "a") as file:
        file.write(word + " ")


class Picky(Exception):
    """Cannot be unpickled: its arguments are not what it was made with."""

    def __init__(self, *, needed: int) -> None:
        super().__init__(f"needed {needed}")


def fail(kind: str) -> None:
    if kind == "value":
        raise ValueError("no such phoneme")
    if kind == "picky":
        raise Picky(needed=3)
    if kind == "exit":
        sys.exit(3)
    raise EngineUnavailable("no model")


def unpicklable() -> Any:
    return threading.Lock()


def heavy_modules() -> list[str]:
    return sorted({"trio", "numpy", "openai", "faster_whisper", "sounddevice"} & {*sys.modules})


def interrupt_myself() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)
    return "still here"


def each_with_pid(items: list[str]) -> list[tuple[str, int, int]]:
    """(item, how many were done in this call, which call it was)."""
    call = count()
    return [(item, len(items), call) for item in items]


def too_few(items: list[str]) -> list[str]:
    return items[1:]


def refuse(items: list[str]) -> list[str]:
    raise EngineUnavailable("not these")
