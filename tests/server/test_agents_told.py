"""Clients learn which agents a server has, over HTTP, and what those do, over their sockets."""

from __future__ import annotations

from typing import Any

from parley.agent import Agent, Call
from parley.embedding import OwnEngines, open_server
from parley.engines.llm.interface import ToolCall
from parley.testing import (
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    Settings,
    silence,
    speech,
)
from support.live_server import request_http


def shop() -> list[Agent[Any]]:
    florist: Agent[Any] = Agent("You sell flowers.", name="florist")
    desk: Agent[Any] = Agent("You are the desk.", name="desk", greeting="Hello!")

    @desk.tool
    async def to_florist() -> Agent[Any]:
        """Put the caller through to the florist."""
        return florist

    @florist.tool
    async def to_person(call: Call[Any]) -> str:
        """Put the caller through to a person."""
        await call.transfer("+15550100")
        return "done"

    return [desk, florist]


def own(*said: str, responder: ScriptedResponder | None = None) -> OwnEngines:
    return OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(list(said)),
        responder=responder or ScriptedResponder(["Yes."]),
        synthesizer=ScriptedSynthesizer(ms_per_char=20),
    )


async def agents_told(agents: list[Agent[Any]]) -> Any:
    settings = Settings.defaults()
    async with open_server(settings, own=own(), agents=agents, port=0) as server:
        asked = b"GET /api/stream_config HTTP/1.1\r\nHost: localhost\r\n\r\n"
        return (await request_http(server.port, asked)).json()["agents"]


async def test_the_agents_of_a_server_are_told_with_their_tools() -> None:
    assert await agents_told(shop()) == [
        {"name": "desk", "tools": ["to_florist"]},
        {"name": "florist", "tools": ["to_person"]},
    ]


async def test_a_server_without_agents_tells_an_empty_list() -> None:
    assert await agents_told([]) == []


async def test_a_client_that_asks_is_told_of_tools_a_hand_over_and_a_transfer(
    autojump_clock: Any,
) -> None:
    responder = ScriptedResponder(
        [
            (0.2, ToolCall(id="a", name="to_florist", arguments="{}")),
            (0.2, "I ", "sell."),
            (0.2, ToolCall(id="b", name="to_person", arguments="{}")),
        ],
        then=("Bye.",),
    )
    settings = Settings.defaults(stream_turn_engine="fixed")
    heard = own("roses please", "a person", responder=responder)
    kinds = ("tool_call", "tool_result", "agent", "transfer")
    async with (
        open_server(settings, own=heard, agents=shop()) as server,
        server.connect("/engine?tools=told") as client,
    ):
        await client.speak(speech(600) + silence(750))
        await client.wait_for("tts_complete", count=2)
        await client.speak(speech(600) + silence(750))
        await client.wait_closed()
        told = client.of(*kinds)
    assert [(m["type"], m.get("name", m.get("to"))) for m in told] == [
        ("agent", "desk"),
        ("tool_call", "to_florist"),
        ("agent", "florist"),
        ("tool_result", "to_florist"),
        ("tool_call", "to_person"),
        ("tool_result", "to_person"),
        ("transfer", "+15550100"),
    ]
