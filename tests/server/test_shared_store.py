"""A server with a shared store: what it tells of it, and that it costs no conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.bench.instant import instant_engines
from parley.cluster.registry import NODE, SESSION
from parley.config import Settings
from parley.embedding import open_server
from parley.server.start_checks import start_problems
from support.redis_server import needs_redis, redis_server


async def ready(port: int) -> dict[str, Any]:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(
            b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        answer = b"".join([bytes(data) async for data in stream])
    told: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return told


async def until_store_is(state: str, port: int) -> dict[str, Any]:
    with trio.fail_after(30):
        while (told := await ready(port))["store"] != state:
            await trio.sleep(0.05)
    return told


async def test_a_server_that_is_alone_says_so() -> None:
    async with open_server(port=0, own=instant_engines()) as server:
        told = await ready(server.port)
    assert told["store"] == "none"
    assert "store_why" not in told


@needs_redis
async def test_a_server_is_ready_with_its_store_and_without(tmp_path: Path) -> None:
    async with redis_server(tmp_path) as redis:
        settings = Settings.defaults(parley_store_url=redis.url, parley_node="berlin")
        async with open_server(settings, port=0, own=instant_engines()) as server:
            await until_store_is("ok", server.port)
            async with server.connect():
                cluster = server._server.cluster
                with trio.fail_after(30):
                    while not await cluster.store.find(SESSION, most=9):
                        await trio.sleep(0.05)
                (session_id,) = await cluster.store.find(SESSION, most=9)
                with trio.fail_after(30):
                    while (
                        node := await cluster.registry.node_of(session_id.removeprefix(SESSION))
                    ) is None:
                        await trio.sleep(0.05)
                assert node.name == "berlin"
            redis.kill()
            told = await until_store_is("unavailable", server.port)
            assert told["ready"]
            assert told["store_why"]
            await redis.start()
            await until_store_is("ok", server.port)
            with trio.fail_after(30):
                while not await cluster.store.find(NODE, most=9):
                    await trio.sleep(0.05)
        assert await redis.ask("KEYS", "parley:node:*") == b"*0\r\n", "a server that stops leaves"


@needs_redis
async def test_a_server_starts_without_its_store() -> None:
    settings = Settings.defaults(parley_store_url="redis://127.0.0.1:1")
    async with open_server(settings, port=0, own=instant_engines()) as server:
        told = await until_store_is("unavailable", server.port)
        assert told["ready"]


def test_a_store_that_cannot_be_used_as_it_is_set_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings.defaults(
        parley_store_url="rediss://:hunter2@store.example.org", parley_store_ca="/nowhere.pem"
    )
    (line,) = (p.line() for p in start_problems(settings) if p.what == "store")
    assert line.startswith("store: PARLEY_STORE_CA /nowhere.pem cannot be read: No such file")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (line,) = (p.line() for p in start_problems(settings) if p.what == "store")
    assert line == "store: coredis is not installed; pip install 'parley-voice[cluster]'"
