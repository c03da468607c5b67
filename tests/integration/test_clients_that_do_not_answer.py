"""Clients that read nothing, say nothing or are not there any more, and a house that is full."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from parley.client.recording import Recording
from support.live_server import (
    HOST,
    LIGHTS,
    WEATHER,
    open_client,
    open_live_server,
    request_http,
)
from support.llm_server import open_llm_server, tell
from support.ws_client import BINARY, TEXT, RawClient, frame, request

pytestmark = pytest.mark.slow

LONG_REPLY = [f"This is sentence number {number} of a long reply." for number in range(40)]
"""Some two minutes of speech: more than all buffers on the way to the client hold."""
SHORT = Recording(name="short", pcm16=WEATHER.pcm16[: 32 * 1500])


@asynccontextmanager
async def narrow_client(port: int) -> AsyncIterator[RawClient]:
    """A client whose kernel takes only a few kilobytes that it does not read."""
    plain = trio.socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await plain.connect((HOST, port))
    async with trio.SocketStream(plain) as stream:
        yield RawClient(stream)


async def test_a_client_that_reads_nothing_is_dropped_and_nobody_else_notices() -> None:
    async with open_llm_server() as llm:
        llm.script(tell(*LONG_REPLY))
        async with open_live_server(openai_base_url=llm.base_url, stream_send_stall_s=1) as live:
            async with narrow_client(live.port) as deaf:
                await deaf.open()
                await deaf.send(frame(TEXT, b'{"type":"start"}'))
                await deaf.send(frame(BINARY, SHORT.pcm16), frame(TEXT, b'{"type":"stop"}'))
                while b'"tts_chunk"' not in (await deaf.read_frame())[1]:
                    pass
                client = await live.converse(LIGHTS)
                assert await client.final() == LIGHTS.spoken
                assert client.reply == "Hello there."
                with trio.fail_after(3):
                    await live.until_empty()
                with trio.fail_after(2):
                    await deaf.read_all()  # what was on its way, and then the end
            assert "parley_stalled_peers_total 1.0" in (await live.get("/metrics")).body.decode()


async def test_an_idle_client_is_told_and_closed() -> None:
    async with (
        open_live_server(ready=False, ws_idle_timeout=0.5) as live,
        open_client(live.url()) as client,
    ):
        began = trio.current_time()
        await client.start()
        with trio.fail_after(3):
            gone = await client.wait_closed()
        assert 0.45 < trio.current_time() - began < 2
        assert gone.code == 1000
        assert client.of("info")[-1]["message"] == "idle for 0.5 s: goodbye"
        await live.until_empty()


async def test_a_client_that_answers_no_ping_is_dropped_and_one_that_does_stays() -> None:
    async with (
        open_live_server(ready=False, ws_ping_interval=0.2, ws_ping_timeout=0.3) as live,
        open_client(live.url()) as alive,
        await trio.open_tcp_stream(HOST, live.port) as stream,
    ):
        mute = RawClient(stream)
        await mute.open()
        began = trio.current_time()
        with trio.fail_after(3):
            await mute.read_all()
        assert 0.4 < trio.current_time() - began < 2
        await trio.sleep(0.5)
        assert alive.closed is None
        [left] = await live.sessions()
        assert left["session_id"] == await alive.session_id()


async def test_a_full_house_refuses_with_503_until_somebody_leaves() -> None:
    async with open_live_server(ready=False, ws_max_connections=2) as live:
        async with open_client(live.url()) as first:
            await first.session_id()
            async with open_client(live.url()) as second:
                await second.session_id()
                refused = await request_http(live.port, request())
                assert refused.status == 503
                assert int(refused.headers["retry-after"]) > 0
                assert refused.json()["ok"] is False
                assert (await live.get("/health")).json()["sessions"] == 2
                assert (await first.session_id()) != (await second.session_id())
            with trio.fail_after(5):
                while len(await live.sessions()) == 2:
                    await trio.sleep(0.01)
            async with open_client(live.url()) as third:
                assert await third.session_id()
                assert (await request_http(live.port, request())).status == 503
        metrics = (await live.get("/metrics")).body.decode()
    assert 'parley_sessions_refused_total{reason="full"} 2.0' in metrics
