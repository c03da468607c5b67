"""`parley serve` and `parley talk` as a person meets them: processes, signals, exit codes."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest
import trio
import trio.testing

from parley.client.server_process import free_port
from parley.engines.llm.rules.table import NO_MODEL
from parley.recording.mcap_file import read_recording
from parley.recording.recorded import replay_recording
from parley.recording.tape import Entry
from parley.server.signals import TOGETHER_S
from support.live_server import (
    AUDIO,
    HOST,
    WEATHER,
    LiveClient,
    children_of,
    open_client,
)
from support.llm_server import open_llm_server, stall_after
from support.serve_process import finished, serving, until_all_gone

pytestmark = pytest.mark.slow


async def until_it_replies(client: LiveClient) -> None:
    await client.utter(WEATHER)
    await client.wait_for("tts_chunk")


@pytest.mark.few(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
async def test_a_signal_lets_the_reply_finish_and_leaves_no_process(
    number: signal.Signals, tmp_path: Path
) -> None:
    async with serving(tmp_path) as served:
        children = children_of(served.process.pid)
        assert len(children) >= 2
        async with open_client(served.url) as client:
            await until_it_replies(client)
            served.process.send_signal(number)
            gone = await client.wait_closed()
        assert await served.process.wait() == 0
        with trio.fail_after(2):
            await until_all_gone(children)
    assert gone.code == 1001
    assert "the server is shutting down" in [info["message"] for info in client.of("info")]
    assert client.reply == NO_MODEL
    assert client.kinds[-1] == "tts_complete"
    assert len(client.speech_s()) == 4
    assert client.codes == []
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert served.url in [line.get("url") for line in lines]
    assert [line for line in lines if line["level"] not in ("info", "debug")] == []


@pytest.mark.long
async def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    async with open_llm_server() as llm:
        llm.script(stall_after("Wait for me", "."))
        async with (
            serving(tmp_path, OPENAI_BASE_URL=llm.base_url) as served,
            open_client(served.url) as client,
        ):
            children = children_of(served.process.pid)
            await until_it_replies(client)
            served.process.send_signal(signal.SIGTERM)
            await client.wait_for("info", where=lambda m: "shutting down" in m["message"])
            await trio.sleep(TOGETHER_S + 0.1)
            assert client.closed is None
            served.process.send_signal(signal.SIGTERM)
            with trio.fail_after(2):
                assert await served.process.wait() == 130
                await until_all_gone(children)
    assert "Traceback" not in served.log.read_text()


async def test_lanes_end_with_a_server_that_is_killed(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        children = children_of(served.process.pid)
        async with open_client(served.url) as client:
            await client.start()
            await client.speak(WEATHER.pcm16, speed=6)
            served.process.kill()
            with trio.fail_after(2):
                await until_all_gone(children)
            await client.wait_closed()


async def kill_in_mid_session(folder: Path, recordings: Path) -> None:
    """Of a server that records: behind a whole turn, and in the second."""
    async with (
        serving(folder, STREAM_RECORD_DIR=str(recordings)) as served,
        open_client(served.url) as client,
    ):
        await client.utter(WEATHER)
        await client.wait_for("tts_complete")
        await client.utter(WEATHER)
        await client.wait_for("tts_chunk", count=4)
        await trio.sleep(1.5)
        served.process.kill()
        await client.wait_closed()


def out_of(entries: list[Entry]) -> list[tuple[float, object, bytes | None]]:
    return [(e.at_s, e.data.get("text"), e.audio) for e in entries if e.kind == "out"]


@pytest.mark.long
def test_a_server_that_is_killed_leaves_recordings_that_replay_to_the_cut(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    trio.run(kill_in_mid_session, tmp_path, folder)
    (path,) = folder.glob("*.mcap")
    recording = read_recording(path)
    assert recording.cut
    assert recording.unreplayable is None
    kinds = {entry.kind for entry in recording.entries}
    assert {"in", "out", "detector", "asr.feed", "asr.finish", "llm.token", "tts.speak"} <= kinds
    assert sum('"tts_complete"' in entry.data.get("text", "") for entry in recording.entries) >= 1
    clock = trio.testing.MockClock(autojump_threshold=0)
    again = trio.run(replay_recording, recording, clock=clock)
    assert again.diverged is None
    expected = out_of(recording.entries)
    assert len(expected) > 20
    assert out_of(again.out)[: len(expected)] == expected


def test_a_port_in_use_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = finished("serve", "--port", str(port), folder=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"port {port}" in result.stderr
    assert "in use" in result.stderr


def test_bad_settings_are_all_listed_and_exit_code_2(tmp_path: Path) -> None:
    result = finished(
        "serve",
        folder=tmp_path,
        STREAM_VAD_SILENCE_MS="5",
        WS_MAX_CONNECTIONS="many",
        OPENAI_BASE_URL="ftp://nowhere",
        OPENAI_API_KEY="sk-Secret with spaces",
    )
    assert result.returncode == 2
    for name in ("STREAM_VAD_SILENCE_MS", "WS_MAX_CONNECTIONS", "OPENAI_BASE_URL"):
        assert name in result.stderr
    assert "OPENAI_API_KEY" in result.stderr
    assert "sk-Secret" not in result.stderr
    assert "Traceback" not in result.stderr


def test_talking_with_what_is_no_wav_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "words.wav").write_text("these are words, and no sound at all\n" * 5)
    result = finished("talk", "words.wav", folder=tmp_path)
    assert result.returncode in (1, 2)
    assert len(result.stderr.splitlines()) == 1
    assert "words.wav" in result.stderr


def test_talking_to_nobody_is_one_line(tmp_path: Path) -> None:
    url = f"ws://{HOST}:{free_port()}/ws"
    result = finished("talk", str(AUDIO / "1-weather.wav"), "--url", url, folder=tmp_path)
    assert result.returncode in (1, 2)
    assert len(result.stderr.splitlines()) == 1
    assert url in result.stderr
