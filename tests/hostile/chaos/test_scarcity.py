"""A server that has few descriptors, little memory, no disk, or a clock that is set back."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio

from support.figures import Figures
from support.live_server import HOST, POLL_S, WEATHER, open_client, open_live_server
from support.serve_process import ServeProcess, environment, parley, serving

pytestmark = pytest.mark.slow

DESCRIPTORS = 64
STRANGERS = 100
HOUR_NS = 3600 * 10**9


def events(served: ServeProcess, name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    return [line for line in lines if line["event"] == name]


def high_water_kb(pid: int) -> int:
    """The most memory that a process has used so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line[:5] == "VmHWM")


@pytest.mark.long
async def test_without_descriptors_who_talks_is_not_hurt_and_others_wait(
    tmp_path: Path, figures: Figures
) -> None:
    async with serving(tmp_path, shell=f'ulimit -n {DESCRIPTORS}; exec "$@"') as served:
        async with open_client(served.url) as client, AsyncExitStack() as strangers:
            await client.session_id()
            for _ in range(STRANGERS):
                stream = await trio.open_tcp_stream(HOST, served.port)
                strangers.push_async_callback(trio.aclose_forcefully, stream)
            while not events(served, "cannot_accept"):
                await trio.sleep(POLL_S)
            await client.utter(WEATHER)
            await client.wait_for("tts_complete")
            assert client.codes == []
        async with open_client(served.url) as client:
            await client.utter(WEATHER)
            await client.wait_for("tts_complete")
        assert len(events(served, "few_descriptors")) == 1
        told = events(served, "cannot_accept")
        figures.tell(
            f"{STRANGERS} strangers at {DESCRIPTORS} descriptors", f"{len(told)} line", "1"
        )
        assert len(told) == 1
        assert "Traceback" not in served.log.read_text()
        served.process.terminate()
        assert await served.process.wait() == 0


MEMORY_MB = 512


@pytest.mark.long
async def test_half_a_gigabyte_for_each_process_is_enough(tmp_path: Path, figures: Figures) -> None:
    """The default engines, at a limit of address space, of which little is memory in use."""
    async with serving(tmp_path, shell=f'ulimit -v {MEMORY_MB * 1024}; exec "$@"') as served:
        async with open_client(served.url) as client:
            await client.utter(WEATHER)
            await client.wait_for("tts_complete")
            assert client.codes == []
        peak_mb = high_water_kb(served.process.pid) // 1024
        figures.tell("memory of the server's own process at its highest", f"{peak_mb} MB", "512 MB")


@pytest.mark.few(2)
@pytest.mark.parametrize("limit_mb", [100, 150, 200, 250, 300, 350, 400, 450, 500])
def test_too_little_memory_is_one_clear_line(limit_mb: int, tmp_path: Path) -> None:
    """Below half a gigabyte libraries fail at their import, each in its own way, or never end."""
    words = ["/bin/sh", "-c", f'ulimit -v {limit_mb * 1024}; exec "$@"', "sh", *parley("serve")]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr == (
        f"parley: this process may reserve {limit_mb} MB of memory (ulimit -v), and a server "
        "needs 512 MB: raise that limit\n"
    )


@pytest.mark.long
async def test_a_full_disk_costs_the_recording_and_no_word(tmp_path: Path) -> None:
    """Of files that may not grow: the recording's, and the log's own."""
    folder = tmp_path / "recordings"
    async with (
        serving(tmp_path, shell='ulimit -f 64; exec "$@"', STREAM_RECORD_DIR=str(folder)) as served,
        open_client(served.url) as client,
    ):
        for number in range(1, 4):
            await client.utter(WEATHER)
            await client.wait_for("tts_complete", count=number)
        assert client.codes == []
        (failed,) = events(served, "recording_failed")
        assert "File too large" in failed["error"]
        assert served.process.poll() is None
        assert "Traceback" not in served.log.read_text()


@pytest.mark.long
async def test_a_folder_that_is_gone_costs_the_recording_and_no_word(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    async with (
        serving(tmp_path, STREAM_RECORD_DIR=str(folder)) as served,
        open_client(served.url) as client,
    ):
        await client.utter(WEATHER)
        await client.wait_for("tts_complete")
        shutil.rmtree(folder)
        await client.utter(WEATHER)
        await client.wait_for("tts_complete", count=2)
        assert client.codes == []
        while not events(served, "recording_failed"):
            await trio.sleep(POLL_S)
        async with open_client(served.url) as another:
            await another.utter(WEATHER)
            await another.wait_for("tts_complete")
            assert another.codes == []
        assert len(events(served, "recording_failed")) == 2, "one line for each"


async def test_a_clock_that_is_set_back_an_hour_moves_no_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_live_server() as live, open_client(live.url()) as client:
        real_ns, real_s = time.time_ns, time.time
        await client.utter(WEATHER)
        await client.wait_for("tts_chunk")
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() - HOUR_NS)
        monkeypatch.setattr(time, "time", lambda: real_s() - HOUR_NS / 1e9)
        began_s = trio.current_time()
        await client.wait_for("tts_complete")
        await client.utter(WEATHER)
        await client.wait_for("tts_complete", count=2)
        assert client.codes == []
        assert trio.current_time() - began_s < 60
        assert (await live.get("/ready")).status == 200
