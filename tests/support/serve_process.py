"""`parley serve` in a process of its own, as a service manager or a shell would start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import trio

from parley.client.server_process import free_port, is_ready
from support.live_server import HOST, POLL_S, is_alive

LIMIT_S = 90.0
OURS = ("OPENAI_", "STREAM_", "WS_", "VAD_", "AUDIO_", "PARLEY_")


def environment(**variables: str) -> dict[str, str]:
    """This process' own without any setting, and these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | variables


def parley(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "parley", *arguments]


@dataclass(slots=True)
class ServeProcess:
    process: trio.Process
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"ws://{HOST}:{self.port}/ws"

    async def until_ready(self) -> None:
        while not await is_ready(self.port):
            assert self.process.poll() is None, self.log.read_text()
            await trio.sleep(POLL_S)


RULES = {
    "STREAM_ASR_ENGINE": "pocketsphinx",
    "STREAM_TTS_ENGINE": "pyttsx3",
    "STREAM_LLM_ENGINE": "local",
    "STREAM_VAD_ENGINE": "webrtc",
}
"""Engines that are there in a moment, for tests in which nobody talks."""


@asynccontextmanager
async def serving(
    folder: Path,
    *,
    shell: str = 'exec "$@"',
    options: Mapping[str, Any] = MappingProxyType({}),
    ready: bool = True,
    environ: Mapping[str, str] = MappingProxyType({}),
    **variables: str,
) -> AsyncIterator[ServeProcess]:
    """A ready server in its own process; it is killed at the end if it still runs.

    `shell` is what /bin/sh does before it becomes the server, and `options` are those of the
    process, both on top of a log that goes to a file.
    """
    port = free_port()
    log = folder / "log"
    quick = {
        "STREAM_ASR_LANES": "1",
        "STREAM_TTS_THREAD_WORKERS": "1",
        "STREAM_LOG_FORMAT": "json",  # no words for people in the log
    }
    with trio.fail_after(LIMIT_S):
        with log.open("wb") as output:
            command = parley("serve", "--port", str(port))
            process = await trio.lowlevel.open_process(
                ["/bin/sh", "-c", shell, "sh", *command],
                cwd=folder,
                env=environment(**(quick | dict(environ) | variables)),
                **{"stdout": output, "stderr": output, **options},
            )
        try:
            served = ServeProcess(process, port, log)
            if ready:
                await served.until_ready()
            yield served
        finally:
            if process.poll() is None:
                process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


async def until_all_gone(pids: set[int]) -> None:
    while any(is_alive(pid) for pid in pids):
        await trio.sleep(POLL_S)


def finished(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        parley(*arguments),
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
