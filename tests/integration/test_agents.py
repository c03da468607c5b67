"""An agent on a live port and embedded, in every dialect, with a real HTTP server behind it; and
the same conversation replayed from its recording."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from parley.agent import Agent, ToolReturned
from parley.client.in_memory import InMemoryClient
from parley.client.wire import Unreachable, open_wire
from parley.conversation.events import ReplyOver
from parley.embedding import OwnEngines, RunningServer, SessionEvent, Settings, open_server
from parley.protocol.dialects import DIALECTS
from parley.recording.compare import first_difference
from parley.recording.mcap_file import read_recording
from parley.recording.recorded import replay_recording
from parley.recording.tape import Recording
from parley.testing import (
    ScriptedDetector,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    silence,
    speech,
)
from parley.transport import MemoryTransport
from support import llm_server as wire
from support.live_server import WireTransport
from support.llm_calls import CALLED, WRITTEN
from support.llm_server import LLMServer, open_llm_server

pytestmark = pytest.mark.slow

ANSWER = "It rains in Paris."
ANSWERED = wire.stream(wire.delta("It rains "), wire.delta("in Paris."), wire.delta(finish="stop"))


def weather() -> Agent[None]:
    agent: Agent[None] = Agent("You know the weather.", name="weather", greeting="Hello {{name}}!")

    @agent.tool
    async def get_weather(city: str) -> str:
        """What the weather is in a city."""
        return f"rain in {city}"

    return agent


@asynccontextmanager
async def served(
    llm: LLMServer, events: list[SessionEvent], **settings: Any
) -> AsyncIterator[RunningServer]:
    own = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["is it raining in paris"]),
        synthesizer=ScriptedSynthesizer(ms_per_char=2),
    )
    chosen = Settings.defaults(openai_base_url=llm.base_url, stream_llm_engine="openai", **settings)
    with trio.fail_after(60):
        async with open_server(
            chosen, port=0, own=own, agents=[weather()], watchers=[events.append]
        ) as server:
            yield server


async def asks(client: InMemoryClient, events: list[SessionEvent]) -> None:
    """Hear the greeting to its end, then speak."""
    if client.dialect.profile.name != "newspeech":
        await client.start()
    while not any(isinstance(event, ReplyOver) for event in events):
        await trio.sleep(0.02)
    await client.speak(speech(500) + silence(1500), chunk_ms=100, speed=8)


def called(name: str) -> wire.Behaviour:
    return CALLED[name][0]


def request_with_result(llm: LLMServer) -> dict[str, Any]:
    """The last request, which has the tool's result."""
    body: dict[str, Any] = llm.requests[-1].body
    return body


def recording_in(folder: Path) -> Recording:
    (path,) = folder.rglob("*.mcap")
    return read_recording(path)


@pytest.mark.few(1)
@pytest.mark.parametrize("path", ["/ws?name=Ann", "/stream?name=Ann", "/engine/weather?name=Ann"])
async def test_an_agent_answers_with_a_tools_result_on_a_live_port(path: str) -> None:
    events: list[SessionEvent] = []
    async with open_llm_server() as llm:
        llm.script(called("text before the call"), ANSWERED)
        async with served(llm, events) as server, open_wire(server.url(path)) as link:
            bare = path.partition("?")[0].removesuffix("/weather")
            dialect = next(d for d in DIALECTS if bare in d.paths)
            client = InMemoryClient(cast(MemoryTransport, WireTransport(link)), dialect)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.read)
                await asks(client, events)
                while not any(isinstance(event, ToolReturned) for event in events):
                    await trio.sleep(0.02)
                while len(llm.requests) < 2:
                    await trio.sleep(0.02)
                nursery.cancel_scope.cancel()
        messages = request_with_result(llm)["messages"]
        assert [m["role"] for m in messages][-2:] == ["assistant", "tool"]
        assert messages[-1]["content"] == "rain in Paris"
        assert {"role": "assistant", "content": "Hello Ann!"} in messages
        assert request_with_result(llm)["tools"][0]["function"]["name"] == "get_weather"


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "shape", ["OpenAI", "vLLM", "Ollama", "Ollama, an object", "llama.cpp", "Gemini", "Groq"]
)
async def test_tools_are_called_however_a_server_writes_its_calls(shape: str) -> None:
    events: list[SessionEvent] = []
    async with open_llm_server() as llm:
        llm.script(called(shape), ANSWERED)
        async with (
            served(llm, events) as server,
            server.connect("/engine") as client,
        ):
            await client.type_text("Is it raining?")
            await client.wait_for("llm_token", where=lambda m: "Paris" in m["text"])
    results = [event.result.output for event in events if isinstance(event, ToolReturned)]
    assert results[0] == "rain in Paris"


async def test_a_model_that_writes_its_calls_as_text_calls_tools_too() -> None:
    events: list[SessionEvent] = []
    text, _ = WRITTEN["Hermes"]
    async with open_llm_server() as llm:
        llm.script(wire.stream(wire.delta(text), wire.delta(finish="stop")), ANSWERED)
        async with served(llm, events) as server, server.connect("/engine") as client:
            await client.type_text("Is it raining?")
            await client.wait_for("llm_token", where=lambda m: "Paris" in m["text"])
            tokens = "".join(m["text"] for m in client.of("llm_token"))
    assert "tool_call" not in tokens
    assert ANSWER in tokens


async def test_a_conversation_with_an_agent_is_replayed_without_it(tmp_path: Path) -> None:
    events: list[SessionEvent] = []
    async with open_llm_server() as llm:
        llm.script(called("text before the call"), ANSWERED)
        async with (
            served(llm, events, stream_record_dir=str(tmp_path)) as server,
            server.connect("/engine?name=Ann") as client,
        ):
            await asks(client, events)
            await client.wait_for("llm_token", where=lambda m: "Paris" in m["text"])
            await client.wait_for("tts_complete", count=2)
    recording = recording_in(tmp_path)
    replayed = await replay_recording(recording)
    assert replayed.diverged is None
    assert first_difference(recording.entries, replayed.out) is None
    told = "".join(
        json.loads(entry.data["text"])["text"]
        for entry in replayed.out
        if '"llm_token"' in str(entry.data.get("text"))
    )
    assert told == f"Hello Ann!Let me look. {ANSWER}"


async def test_an_unknown_agent_is_refused_with_those_that_there_are() -> None:
    async with open_llm_server() as llm, served(llm, []) as server:
        with pytest.raises(Unreachable, match="404"):
            async with open_wire(server.url("/ws?agent=nobody")):
                pass
