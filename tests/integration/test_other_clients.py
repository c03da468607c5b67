"""Clients in the manner of the other two systems, with their own libraries, against a live port."""

from __future__ import annotations

import functools
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.config import Settings
from parley.engines.room import open_engine_room
from parley.server.tree import Server, open_listeners
from support.live_server import WEATHER, open_client, open_live_server, request_http

pytestmark = pytest.mark.slow

CLIENTS = Path(__file__).parents[1] / "clients"
RECORDING = str(Path(__file__).parents[2] / "examples/audio/1-weather.wav")


async def run_client(*command: str) -> list[dict[str, Any]]:
    """Run a client to its end; the messages that it printed."""
    done = await trio.run_process(
        list(command), capture_stdout=True, capture_stderr=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def statuses(messages: list[dict[str, Any]]) -> list[str]:
    return [m["status"] for m in messages if m["type"] == "status"]


def check_conversation(messages: list[dict[str, Any]]) -> None:
    assert statuses(messages) == [
        *("connected", "listening", "processing", "speaking", "listening"),
    ]
    transcripts = [m for m in messages if m["type"] == "transcript"]
    assert [m["text"] for m in transcripts if m["is_final"]] == [WEATHER.spoken]
    assert len(transcripts) > 3
    assert all(0 <= m["confidence"] <= 1 for m in transcripts)
    assert [m["event"] for m in messages if m["type"] == "vad"] == ["speech_start", "speech_end"]
    audio = [m for m in messages if m["type"] == "audio_output"]
    assert [m["sequence"] for m in audio] == list(range(1, len(audio) + 1))
    assert len(audio) > 10
    assert all(m["timestamp"] > 1_600_000_000_000 for m in messages)


@pytest.mark.long
async def test_a_client_with_websockets_gets_its_final_transcript() -> None:
    async with open_live_server() as live:
        script = str(CLIENTS / "io_speech.py")
        messages = await run_client(sys.executable, script, live.url("/stream"), RECORDING)
    assert messages[-1]["text"] == WEATHER.spoken
    assert messages[-1]["is_final"]


@pytest.mark.long
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
async def test_a_client_in_javascript_holds_a_conversation() -> None:
    async with open_live_server() as live:
        script = str(CLIENTS / "io_speech.mjs")
        check_conversation(
            await run_client(
                "node", "--experimental-websocket", script, live.url("/stream"), RECORDING
            )
        )


async def test_a_client_with_websockets_holds_a_conversation() -> None:
    async with open_live_server() as live:
        script = str(CLIENTS / "io_speech.py")
        check_conversation(
            await run_client(sys.executable, script, live.url("/stream"), RECORDING, "--whole")
        )


@pytest.mark.long
async def test_a_newspeech_client_holds_a_conversation_in_24_khz() -> None:
    async with open_live_server() as live, open_client(live.url("/engine")) as client:
        pcm16 = upsampled(WEATHER.pcm16) + bytes(24_000)
        for start in range(0, len(pcm16), 4096):
            await client.transport.send(pcm16[start : start + 4096])
            await trio.sleep(0.02)
        await client.wait_for("tts_complete")
        assert await client.final() == WEATHER.spoken
        pieces = [m["pcm16"] for m in client.of("binary")]
        assert sum(map(len, pieces)) > 2 * 48_000
        await client.say(type="control", command="ping")
        await client.wait_for("pong")
        await client.say(type="text", content="count to three")
        await client.wait_for("tts_complete", count=2)
        assert "One. Two. Three." in client.reply
        await client.say(type="control", command="end_session")
        assert (await client.wait_closed()).code == 1000


async def test_the_second_port_speaks_newspeech_at_any_path() -> None:
    settings = Settings.defaults(stream_asr_lanes=1, stream_tts_thread_workers=1)
    with trio.fail_after(30):
        async with open_engine_room(settings) as room:
            server = Server(settings, room)
            listeners = await open_listeners("127.0.0.1", 0)
            engine = await open_listeners("127.0.0.1", 0)
            port = engine[0].socket.getsockname()[1]
            async with trio.open_nursery() as nursery:
                await nursery.start(
                    functools.partial(server.run, listeners, engine_listeners=engine)
                )
                for path in ("/", "/anything/at/all?x=1"):
                    async with open_client(f"ws://127.0.0.1:{port}{path}") as client:
                        await client.say(type="text", content="hello")
                        await client.wait_for("tts_complete")
                        assert client.of("binary")
                assert (await request_http(port, b"GET /health HTTP/1.0\r\n\r\n")).status == 200
                server.stop()


def upsampled(pcm16: bytes) -> bytes:
    from parley.audio.resampler import Resampler

    resampler = Resampler(16_000, 24_000)
    return resampler.push(pcm16) + resampler.flush()
