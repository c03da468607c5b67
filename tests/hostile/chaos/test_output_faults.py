"""What a server prints to is full, gone, closed or never read: it costs lines of the log."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
import trio

from parley.engines.lanes.lane import Lane
from parley.server.output import queued_output
from support import lane_jobs
from support.figures import Figures
from support.live_server import WEATHER, open_client, request_http
from support.serve_process import RULES, ServeProcess, serving

pytestmark = pytest.mark.slow

PIPE_BYTES = 4096
REQUESTS = 300
"""At `debug` each is a line of some 150 bytes: ten times what the pipe takes."""
SESSIONS = 2
LINES = 20_000
SOON_S = 15.0


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """A small one: (to read, to write). It is nobody's duty to read it."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    ends = {read_end, write_end}
    try:
        yield read_end, write_end
    finally:
        for fd in ends:
            with suppress(OSError):  # the test may have closed it
                os.close(fd)


@asynccontextmanager
async def loud(
    folder: Path, write_end: int | None = None, shell: str = 'exec "$@"', **variables: str
) -> AsyncIterator[ServeProcess]:
    """A server that logs each request, to a pipe; its end here is closed once it runs."""
    options = {} if write_end is None else {"stdout": write_end, "stderr": write_end}
    environ = {**RULES, "STREAM_LOG_LEVEL": "debug", **variables}
    async with serving(folder, shell=shell, options=options, environ=environ) as served:
        if write_end is not None:
            os.close(write_end)
        yield served


async def ask(served: ServeProcess, path: str) -> bytes:
    with trio.fail_after(SOON_S):
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        answer = await request_http(served.port, request)
    assert answer.status == 200
    return answer.body


async def dropped(served: ServeProcess) -> int:
    """As /metrics tells it."""
    for line in (await ask(served, "/metrics")).decode().splitlines():
        if line.startswith("parley_log_lines_dropped_total "):
            return int(float(line.partition(" ")[2]))
    raise AssertionError("there is no such metric")


async def sessions_work(served: ServeProcess) -> None:
    for _ in range(SESSIONS):
        with trio.fail_after(SOON_S):
            async with open_client(served.url) as client:
                await client.utter(WEATHER)
                await client.wait_for("tts_complete")


async def ends_well(served: ServeProcess) -> None:
    served.process.terminate()
    with trio.fail_after(SOON_S):
        assert await served.process.wait() == 0


async def read_on(fd: int, until: bytes) -> bytes:
    """What is in the pipe, until these words were read."""
    found = b""
    with trio.fail_after(SOON_S):
        while until not in found:
            found += await trio.to_thread.run_sync(os.read, fd, 65536, abandon_on_cancel=True)
    return found


@pytest.mark.long
async def test_a_log_that_nobody_reads_stops_nobody(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    with pipe() as (read_end, write_end):
        async with loud(tmp_path, write_end) as served:
            count = 20_000 if full else REQUESTS
            for _ in range(count):
                await ask(served, "/health")
            await sessions_work(served)
            if full:  # the queue is full too by now
                assert await dropped(served) > 0
                assert b'"event": "log_lines_dropped"' in await read_on(read_end, b"lines_dropped")
            figures.tell("requests answered with a log that nobody reads", count, "all")
            await ends_well(served)  # also with lines that will never be written


@pytest.mark.long
async def test_a_log_whose_reader_is_gone_costs_lines(tmp_path: Path) -> None:
    with pipe() as (read_end, write_end):
        async with loud(tmp_path, write_end) as served:
            os.close(read_end)
            for _ in range(20):
                await ask(served, "/health")
            await sessions_work(served)
            assert await dropped(served) >= 20
            await ends_well(served)


@pytest.mark.long
async def test_a_server_without_output_serves(tmp_path: Path) -> None:
    closed = 'exec "$@" <&- >&- 2>&-'
    async with loud(tmp_path, shell=closed) as served:
        await sessions_work(served)
        assert await dropped(served) == 0, "nothing was lost of what nobody wanted"
        standard = [os.readlink(f"/proc/{served.process.pid}/fd/{fd}") for fd in range(3)]
        assert standard == ["/dev/null"] * 3, "and no socket has such a number"
        await ends_well(served)
    assert served.log.read_text() == ""


@pytest.mark.long
async def test_a_log_on_a_full_disk_costs_lines(tmp_path: Path) -> None:
    full_disk = 'exec "$@" > /dev/full 2>&1'
    async with loud(tmp_path, shell=full_disk, PARLEY_NO_SUCH="1") as served:
        await sessions_work(served)
        assert await dropped(served) > 0
        await ends_well(served)


async def test_the_last_words_come_in_order_and_whole(tmp_path: Path) -> None:
    async with loud(tmp_path) as served:
        for _ in range(50):
            await ask(served, "/health")
        await ends_well(served)
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert [line["event"] for line in lines].count("http") >= 50
    assert lines[-1]["event"] == "stopping"
    assert [line["timestamp"] for line in lines] == sorted(line["timestamp"] for line in lines)


async def test_a_worker_that_prints_without_end_is_not_stopped_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its output goes the server's way, and nobody reads that."""
    with pipe() as (_, write_end), os.fdopen(write_end, "w", closefd=False) as stuck:
        monkeypatch.setattr(sys, "stdout", stuck)
        monkeypatch.setattr(sys, "stderr", stuck)
        with queued_output(), trio.fail_after(20):
            lane = Lane("lane", lane_jobs.nothing)
            async with trio.open_nursery() as nursery:
                await nursery.start(lane.run)
                assert await lane.call(lane_jobs.print_lines, LINES) == LINES
                nursery.cancel_scope.cancel()
