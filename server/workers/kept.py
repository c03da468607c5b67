"""One worker's process, as its parent sees it: started, told, waited for, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import trio

from .handed import MARK, Handed, Word, flat, packed


def own_command() -> list[str]:
    """What started this process, so that a worker is started with the same arguments."""
    return [sys.executable, *sys.orig_argv[1:]]


@dataclass(slots=True)
class KeptProcess:
    """`life` and `words` are the parent's ends of two pipes."""

    number: int
    _process: trio.Process
    _life: int
    _words: int

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, word: Word) -> None:
        """One that is gone hears nothing."""
        with suppress(OSError):  # also where it is stuck and has not read for thousands of words
            os.write(self._words, f"{word.value}\n".encode())

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        """Its exit code; minus a signal's number where that ended it. To be called by one task."""
        try:
            return await self._process.wait()
        finally:
            for fd in (self._life, self._words):
                os.close(fd)


async def start(handed: Handed, command: Sequence[str]) -> KeptProcess:
    """`handed.life` is not known yet. Raises OSError."""
    life, our_life = os.pipe()
    words, our_words = os.pipe()
    handed = _with_life(handed, life)
    os.set_blocking(our_words, False)
    try:
        os.write(our_words, packed(handed))
        process = await trio.lowlevel.open_process(
            command,
            stdin=subprocess.DEVNULL,
            env=_environment(os.environ, words),
            pass_fds=(life, words, *flat(handed.listeners)),
            process_group=0,  # Ctrl-C is for the parent, which tells them
        )
    except BaseException:
        for fd in (our_life, our_words):
            os.close(fd)
        raise
    finally:
        for fd in (life, words):
            os.close(fd)
    return KeptProcess(handed.worker, process, our_life, our_words)


def how_it_ended(code: int) -> str:
    """For the log."""
    if code < 0:
        with suppress(ValueError):
            return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _with_life(handed: Handed, life: int) -> Handed:
    return msgspec.structs.replace(handed, life=life)


def _environment(environ: Mapping[str, str], words: int) -> dict[str, str]:
    return {**environ, MARK: str(words)}
