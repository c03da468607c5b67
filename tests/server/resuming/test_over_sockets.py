"""Conversations that lose their connection on a live port and go on: all dialects that have sockets
of their own."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from parley.agent import Agent
from parley.client.wire import Wire, open_wire
from parley.embedding import OwnEngines, RunningServer, open_server
from parley.testing import (
    LOUD,
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
)

pytestmark = pytest.mark.no_cover

REPLY = "One two three four five six seven eight nine ten eleven twelve."
MS_PER_CHAR = 20
LIMIT_S = 20


@asynccontextmanager
async def a_server(agents: Sequence[Agent[Any]] = ()) -> AsyncIterator[RunningServer]:
    engines = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["the question"]),
        responder=ScriptedResponder([], then=[REPLY]),
        synthesizer=ScriptedSynthesizer(ms_per_char=MS_PER_CHAR),
    )
    with trio.fail_after(LIMIT_S):
        async with open_server(port=0, own=engines, agents=agents) as server:
            yield server


class Client:
    """One connection, and all that came over it."""

    def __init__(self, wire: Wire, path: str) -> None:
        self.wire, self.path = wire, path
        self.got: list[dict[str, Any]] = []
        self.says_goodbye = False

    async def read(self) -> None:
        while True:
            frame = await self.wire.receive()
            if isinstance(frame, str):
                self.got.append(json.loads(frame))

    async def until(self, *kinds: str) -> dict[str, Any]:
        while True:
            if found := [m for m in self.got if m["type"] in kinds]:
                return found[-1]
            await trio.sleep(0.005)

    async def ask(self) -> None:
        rate_hz = 24_000 if self.path in ("/engine", "/v1/realtime") else 16_000
        opening: dict[str, dict[str, Any]] = {
            "/ws": {"type": "start"},
            "/stream": {"type": "control", "action": "start_listening"},
            "/engine": {"type": "control", "command": "start_session"},
        }
        if self.path in opening:
            await self.wire.send(json.dumps(opening[self.path]))
        for sample in (*[LOUD] * 6, *[bytes(2)] * 12):
            await self._send(sample * (rate_hz // 10))
            await trio.sleep(0.01)

    async def _send(self, pcm16: bytes) -> None:
        data = base64.b64encode(pcm16).decode()
        match self.path:
            case "/stream":
                await self.wire.send(json.dumps({"type": "audio", "data": data}))
            case "/v1/realtime":
                message = {"type": "input_audio_buffer.append", "audio": data}
                await self.wire.send(json.dumps(message))
            case _:
                await self.wire.send(pcm16)


@asynccontextmanager
async def connected(server: RunningServer, path: str, query: str) -> AsyncIterator[Client]:
    url = f"ws://127.0.0.1:{server.port}{path}?{query}"
    async with open_wire(url) as wire, trio.open_nursery() as nursery:
        client = Client(wire, path)
        nursery.start_soon(client.read)
        yield client
        nursery.cancel_scope.cancel()
        if not client.says_goodbye:
            await trio.aclose_forcefully(wire._connection._stream)


def memory_of(server: RunningServer) -> list[tuple[str, str]]:
    """Of the one session that there is."""
    (session,) = server._server._connections.open
    return session.parts.items.exchanges()


@pytest.mark.parametrize("path", ["/ws", "/stream", "/engine", "/v1/realtime"])
async def test_a_connection_that_is_lost_in_a_reply_goes_on(path: str) -> None:
    async with a_server() as server:
        async with connected(server, path, "resume=new") as client:
            told = await client.until("resume", "parley.resume")
            assert told["resumed"] is False
            await client.ask()
            await client.until(
                "tts_chunk",
                "audio_output",
                "tts_phrase_done",
                "llm_token",
                "response.output_audio.delta",
            )
            await trio.sleep(0.4)
        async with connected(server, path, f"resume={told['ticket']}") as client:
            again = await client.until("resume", "parley.resume")
            assert again["resumed"] is True
            assert again["ticket"] != told["ticket"]
            while True:
                await trio.sleep(0.05)
                exchanges = memory_of(server)
                heard = " ".join(filter(None, (heard for _, heard in exchanges)))
                if heard.split() == REPLY.split():
                    break
            assert [said for said, _ in exchanges if said] == ["the question"]
            if path == "/v1/realtime":
                items = [m["item"] for m in client.got if m["type"] == "conversation.item.done"]
                assert {item["role"] for item in items} >= {"user", "assistant"}


async def test_an_agent_goes_on_with_its_state_and_greets_nobody_twice() -> None:
    async def noted(call: Any) -> None:
        call.state["calls"] = call.state.get("calls", 0) + 1
        seen.append(dict(call.state))
        await trio.sleep_forever()

    seen: list[dict[str, int]] = []
    agent: Agent[dict[str, int]] = Agent("Be brief.", name="ann", greeting="Welcome.", state=dict)
    agent.on_call(noted)
    async with a_server([agent]) as server:
        async with connected(server, "/ws", "resume=new") as client:
            told = await client.until("resume")
            await client.until("tts_complete")
            await trio.sleep(0.5)  # until it was heard
        async with connected(server, "/ws", f"resume={told['ticket']}") as client:
            assert (await client.until("resume"))["resumed"] is True
            await client.ask()
            await client.until("tts_complete")
            assert [heard for _, heard in memory_of(server)] == ["Welcome.", REPLY]
    assert [state["calls"] for state in seen] == [1, 2]


async def test_who_says_goodbye_is_not_kept() -> None:
    async with a_server() as server:
        async with connected(server, "/ws", "resume=new") as client:
            told = await client.until("resume")
            client.says_goodbye = True
        await trio.sleep(0.2)
        async with connected(server, "/ws", f"resume={told['ticket']}") as client:
            again = await client.until("resume")
            assert again["resumed"] is False
            assert "not kept" in again["why"]


async def test_nobody_is_told_who_has_not_asked() -> None:
    async with a_server() as server, connected(server, "/ws", "") as client:
        await client.ask()
        await client.until("tts_complete")
        assert [m for m in client.got if m["type"] == "resume"] == []
