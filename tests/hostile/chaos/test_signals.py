"""Signals to a real server with real engines: to it alone, and to its whole process group, as a
terminal and a service manager send them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import termios
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.server.signals import TOGETHER_S
from support.figures import Figures
from support.live_server import (
    POLL_S,
    WEATHER,
    Answer,
    LiveClient,
    children_of,
    is_alive,
    open_client,
    request_http,
)
from support.llm_server import open_llm_server, stall_after
from support.serve_process import ServeProcess, serving, until_all_gone

pytestmark = pytest.mark.slow

OWN_GROUP = {"start_new_session": True}
AT_ONCE_S = 5.0
"""For a machine on which other things run too; the figure is in the table."""
GONE_S = 2.0


async def get(served: ServeProcess, path: str) -> Answer:
    return await request_http(
        served.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    )


def members_of(group: int) -> set[int]:
    """The living processes of a process group."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_alive(int(entry.name)):
            try:
                if os.getpgid(int(entry.name)) == group:
                    found.add(int(entry.name))
            except ProcessLookupError:
                continue
    return found


def events(served: ServeProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in served.log.read_text().splitlines() if line]


async def in_mid_reply(client: LiveClient) -> None:
    await client.utter(WEATHER)
    await client.wait_for("tts_chunk")


@pytest.mark.few(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
async def test_a_signal_to_the_whole_group_lets_the_reply_finish(
    number: signal.Signals, tmp_path: Path, figures: Figures
) -> None:
    async with (
        serving(tmp_path, options=OWN_GROUP) as served,
        open_client(served.url) as talker,
        open_client(served.url) as speaker,
    ):
        group = members_of(served.process.pid)
        assert len(group) >= 3, "the server and its workers"
        await speaker.start()
        await speaker.speak(WEATHER.pcm16)
        await speaker.wait_for("partial_transcript")
        await in_mid_reply(talker)
        os.killpg(served.process.pid, number)
        began_s = trio.current_time()
        with trio.fail_after(AT_ONCE_S):
            while (ready := await get(served, "/ready")).status != 503:
                await trio.sleep(POLL_S)
        told_ms = (trio.current_time() - began_s) * 1000
        assert ready.json()["waiting_for"] == ["the server is shutting down"]
        assert (await get(served, "/health")).status == 200
        closed = await talker.wait_closed()
        await speaker.wait_closed()
        assert await served.process.wait() == 0
        with trio.fail_after(GONE_S):
            await until_all_gone(group)
    assert closed.code == 1001
    assert talker.kinds[-1] == "tts_complete"
    assert talker.codes == []
    assert [final["text"] for final in speaker.of("final_transcript")], "the last utterance is told"
    assert [e for e in events(served) if e["level"] not in ("info", "debug")] == []
    figures.tell(f"/ready is 503 after {number.name} to the group", f"{told_ms:.0f} ms", "at once")


@pytest.mark.long
async def test_a_second_signal_to_the_group_ends_at_once(tmp_path: Path) -> None:
    """A model that never goes on holds the first."""
    async with open_llm_server() as llm:
        llm.script(stall_after("Wait for me", "."))
        async with (
            serving(tmp_path, options=OWN_GROUP, OPENAI_BASE_URL=llm.base_url) as served,
            open_client(served.url) as client,
        ):
            group = members_of(served.process.pid)
            await client.utter(WEATHER)
            await client.wait_for("tts_chunk")
            os.killpg(served.process.pid, signal.SIGTERM)
            await client.wait_for("info", where=lambda m: "shutting down" in m["message"])
            await trio.sleep(TOGETHER_S + 0.1)
            os.killpg(served.process.pid, signal.SIGINT)
            with trio.fail_after(GONE_S):
                assert await served.process.wait() == 130
                await until_all_gone(group)
    assert "Traceback" not in served.log.read_text()


async def test_sigkill_leaves_nobody_of_the_group(tmp_path: Path, figures: Figures) -> None:
    async with serving(tmp_path, options=OWN_GROUP) as served, open_client(served.url) as client:
        group = members_of(served.process.pid) | children_of(served.process.pid)
        await client.start()
        await client.speak(WEATHER.pcm16, speed=6)
        served.process.kill()
        began_s = trio.current_time()
        with trio.fail_after(GONE_S):
            await until_all_gone(group)
        took_s = trio.current_time() - began_s
        await client.wait_closed()
    figures.tell("after SIGKILL the last process is gone after", f"{took_s * 1000:.0f} ms", "2 s")


@pytest.mark.long
async def test_a_hangup_loads_again_and_ends_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, options=OWN_GROUP) as served, open_client(served.url) as client:
        await in_mid_reply(client)
        for _ in range(3):
            os.killpg(served.process.pid, signal.SIGHUP)
            await trio.sleep(0.1)
        await client.wait_for("tts_complete")
        await client.utter(WEATHER)
        await client.wait_for("tts_complete", count=2)
        assert client.closed is None
        assert "reloaded" in [event["event"] for event in events(served)]
        served.process.terminate()
        assert await served.process.wait() == 0


@pytest.mark.long
async def test_a_terminal_that_is_closed_stops_the_server_in_peace(tmp_path: Path) -> None:
    """Its window is closed in mid-reply: the reply finishes, also with nowhere to print to."""
    master, slave = pty.openpty()
    options = {
        "stdin": slave,
        "stdout": slave,
        "stderr": slave,
        "start_new_session": True,
        "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    }
    async with serving(tmp_path, options=options) as served:
        os.close(slave)
        async with open_client(served.url) as client:
            await in_mid_reply(client)
            os.close(master)
            closed = await client.wait_closed()
        assert await served.process.wait() == 0
    assert closed.code == 1001
    assert client.kinds[-1] == "tts_complete"
