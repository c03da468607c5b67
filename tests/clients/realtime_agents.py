"""A client of the Realtime API with OpenAI's Agents SDK for Python, as it is.

    python realtime_agents.py ws://127.0.0.1:8084/v1/realtime RECORDINGS FRAMES

RECORDINGS is a folder of WAV files at 24 kHz; every event that comes is appended to FRAMES. Prints
one line of JSON for each scenario. Needs `openai-agents`, in an environment of its own.
"""

# mypy: ignore-errors
# Its library is not in Parley's environment, and Parley's own `agents` would be taken for it.

from __future__ import annotations

import asyncio
import json
import sys
import time
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agents.realtime import (  # noqa: TID251
    RealtimeAgent,
    RealtimeModelSendRawMessage,
    RealtimeRunner,
    realtime_handoff,
)

from agents import function_tool, set_tracing_disabled  # noqa: TID251  -- OpenAI's, not Parley's

CHUNK_MS = 40
LIMIT_S = 40.0
PLAYED_S = 0.6
"""The end of a reply is told a little before it has been played; who speaks then interrupts it."""

url, recordings, frames_path = sys.argv[1:4]
frames = open(frames_path, "a")  # noqa: SIM115
called: list[list[str]] = []


def recording(name: str) -> bytes:
    """PCM16 at 24 kHz, with a second of silence behind."""
    with wave.open(str(Path(recordings) / f"{name}.wav")) as file:
        return file.readframes(file.getnframes()) + bytes(48_000)


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    called.append(["get_weather", city])
    return "rain"


@function_tool
async def get_time(city: str) -> str:
    """The time in a city."""
    called.append(["get_time", city])
    await asyncio.sleep(0.3)
    return "noon"


billing = RealtimeAgent(name="billing", instructions="You answer questions on bills.")


class Client:
    """A session that is read all the time."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.events: list[Any] = []
        self.raw: list[Any] = []
        self.audio_bytes = 0

    async def read(self) -> None:
        async for event in self.session:
            if event.type == "raw_model_event" and event.data.type == "raw_server_event":
                self.raw.append(event.data.data)
                frames.write(json.dumps(event.data.data) + "\n")
            elif event.type == "audio":
                self.audio_bytes += len(event.audio.data)
            self.events.append(event)

    async def until(self, what: str, true: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                while not true():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            kinds = [raw["type"] for raw in self.raw]
            raise TimeoutError(f"{what} did not come: {kinds}") from None

    async def wait(self, kind: str, count: int = 1) -> Any:
        await self.until(kind, lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    def of(self, kind: str) -> list[Any]:
        return [raw for raw in self.raw if raw["type"] == kind]

    def told(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    @property
    def audio_ms(self) -> int:
        return self.audio_bytes // 48

    async def speak(self, name: str, speed: float = 3.0, *, commit: bool = False) -> None:
        pcm16, size = recording(name), 48 * CHUNK_MS
        began = time.monotonic()
        for start in range(0, len(pcm16), size):
            last = start + size >= len(pcm16)
            await self.session.send_audio(pcm16[start : start + size], commit=commit and last)
            ahead = began + start / 48_000 / speed - time.monotonic()
            await asyncio.sleep(max(0.0, ahead))

    def history(self) -> list[Any]:
        """(role, what the client's history holds of it), oldest first."""
        updates = self.told("history_updated")
        messages = [item for item in updates[-1].history if item.type == "message"]
        return [
            [item.role, " ".join(_text(part) for part in item.content), item.status]
            if item.role == "assistant"
            else [item.role, " ".join(_text(part) for part in item.content)]
            for item in messages
        ]

    def summary(self) -> dict[str, Any]:
        completed = self.of("conversation.item.input_audio_transcription.completed")
        return {
            "heard": [raw["transcript"] for raw in completed],
            "audio_ms": self.audio_ms,
            "statuses": [raw["response"]["status"] for raw in self.of("response.done")],
            "errors": [str(event.error) for event in self.told("error")],
            "interrupted": len(self.told("audio_interrupted")),
            "tools": [event.tool.name for event in self.told("tool_end")],
            "history": self.history(),
        }


def _text(part: Any) -> str:
    return getattr(part, "transcript", None) or getattr(part, "text", None) or ""


async def voice_turns(client: Client) -> None:
    await client.speak("1-weather")
    await client.wait("response.done")
    await asyncio.sleep(PLAYED_S)
    await client.speak("4-lights")
    await client.wait("response.done", 2)


async def interruption(client: Client) -> dict[str, Any]:
    await client.session.send_message("Tell me a long story")
    await client.until("audio", lambda: client.audio_ms > 1500)
    await client.speak("4-lights", speed=1.0)
    await client.wait("response.done", 2)
    cancelled = client.of("response.done")[0]["response"]
    truncated = await client.wait("conversation.item.truncated")
    return {"details": cancelled["status_details"], "audio_end_ms": truncated["audio_end_ms"]}


async def interrupted_by_hand(client: Client) -> dict[str, Any]:
    await client.session.send_message("Tell me a long story")
    await client.until("audio", lambda: client.audio_ms > 1500)
    await client.session.interrupt()
    done = await client.wait("response.done")
    await client.session.send_message("hello again")
    await client.wait("response.done", 2)
    return {"details": done["response"]["status_details"]}


async def parallel_tools(client: Client) -> None:
    await client.session.send_message("Weather and time, please")
    await client.until("both tools", lambda: len(client.told("tool_end")) == 2)
    done = "response.output_audio_transcript.done"
    await client.until("noon", lambda: any("noon" in e["transcript"] for e in client.of(done)))
    await client.until("quiet", lambda: _is_quiet(client))


async def spoken_tool(client: Client) -> None:
    await client.speak("1-weather")
    await client.until("the tool", lambda: len(client.told("tool_end")) == 1)
    await client.wait("response.done", 2)


async def handoff(client: Client) -> dict[str, Any]:
    await client.session.send_message("I have a question on billing")
    await client.until("the handoff", lambda: bool(client.told("handoff")))
    await client.wait("response.done", 2)
    await client.until("quiet", lambda: _is_quiet(client))
    sessions = [raw["session"]["instructions"] for raw in client.of("session.updated")]
    return {"to": client.told("handoff")[0].to_agent.name, "instructions": sessions[-1]}


async def push_to_talk(client: Client) -> None:
    await client.speak("1-weather", speed=10.0, commit=True)
    await client.session.model.send_event(_raw("response.create"))
    await client.wait("response.done")


def _raw(kind: str) -> Any:
    return RealtimeModelSendRawMessage(message={"type": kind})


def _is_quiet(client: Client) -> bool:
    return len(client.of("response.created")) == len(client.of("response.done"))


TOOLS = {"tools": [get_weather, get_time]}
BY_HAND = {"audio": {"input": {"turn_detection": None}}}
SCENARIOS: tuple[tuple[Callable[[Client], Awaitable[Any]], dict[str, Any], dict[str, Any]], ...] = (
    (voice_turns, {}, {}),
    (interruption, {}, {}),
    (interrupted_by_hand, {}, {}),
    (parallel_tools, TOOLS, {}),
    (spoken_tool, TOOLS, {}),
    (handoff, {"handoffs": [realtime_handoff(billing)]}, {}),
    (push_to_talk, {}, BY_HAND),
)


async def play(scenario: Any, agent: dict[str, Any], settings: dict[str, Any]) -> None:
    runner = RealtimeRunner(RealtimeAgent(name="main", instructions="Be brief.", **agent))
    model_config: Any = {"url": url, "api_key": "none", "initial_model_settings": settings}
    async with await runner.run(model_config=model_config) as session:
        client = Client(session)
        reader = asyncio.create_task(client.read())
        try:
            found = await scenario(client)
            await asyncio.sleep(0.3)
        finally:
            reader.cancel()
        told = {"scenario": scenario.__name__, **client.summary(), **(found or {})}
        print(json.dumps(told), flush=True)


async def play_all() -> None:
    set_tracing_disabled(True)
    async with asyncio.TaskGroup() as group:
        for scenario, agent, settings in SCENARIOS:
            group.create_task(play(scenario, agent, settings))
            await asyncio.sleep(0.3)


asyncio.run(play_all())
frames.close()
