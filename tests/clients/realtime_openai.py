"""A client of the Realtime API with OpenAI's own library for Python, as it is.

    python realtime_openai.py ws://127.0.0.1:8084/v1 RECORDINGS FRAMES [async|sync]

RECORDINGS is a folder of WAV files at 24 kHz; every event that comes is appended to FRAMES. Prints
one line of JSON for each scenario: what it did, and what it saw.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
import wave
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI, OpenAI

CHUNK_MS = 40
FAST = 3.0
"""Times real time."""
LIMIT_S = 40.0

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
LIGHTS = {
    "type": "function",
    "name": "set_lights",
    "description": "The lights of a room.",
    "parameters": {"type": "object", "properties": {"room": {"type": "string"}}},
}
TIME = {
    "type": "function",
    "name": "get_time",
    "description": "The time in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}

url, recordings, frames_path = sys.argv[1:4]
frames = open(frames_path, "ab")  # noqa: SIM115


def recording(name: str) -> bytes:
    """PCM16 at 24 kHz, with a second of silence behind."""
    if name == "silence":
        return bytes(8 * 48_000)
    with wave.open(str(Path(recordings) / f"{name}.wav")) as file:
        return bytes(file.readframes(file.getnframes())) + bytes(48_000)


def chunks(pcm16: bytes) -> Iterator[str]:
    size = 24 * CHUNK_MS * 2
    for start in range(0, len(pcm16), size):
        yield base64.b64encode(pcm16[start : start + size]).decode()


class Seen:
    """What came over one connection."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    @property
    def heard(self) -> list[str]:
        kind = "conversation.item.input_audio_transcription.completed"
        return [event.transcript for event in self.of(kind)]

    @property
    def said(self) -> list[str]:
        kinds = ("response.output_audio_transcript.done", "response.output_text.done")
        done = [event for event in self.events if event.type in kinds]
        return [str(getattr(e, "transcript", None) or getattr(e, "text", "")) for e in done]

    def audio_ms(self) -> int:
        deltas = self.of("response.output_audio.delta")
        return sum(len(base64.b64decode(event.delta)) for event in deltas) // 48

    def summary(self) -> dict[str, Any]:
        return {
            "heard": self.heard,
            "said": self.said,
            "audio_ms": self.audio_ms(),
            "statuses": [event.response.status for event in self.of("response.done")],
            "errors": [event.error.model_dump() for event in self.of("error")],
        }


class Client(Seen):
    """A connection that is read all the time. Its events wake up whoever waits for one."""

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self.connection = connection
        self._came = asyncio.Condition()

    async def read(self) -> None:
        while True:
            data = await self.connection.recv_bytes()
            frames.write(data + b"\n")
            await self._take(self.connection.parse_event(data))

    async def iterate(self) -> None:
        """The same in the library's usual way, which does not show the event as it came."""
        async for event in self.connection:
            await self._take(event)

    async def _take(self, event: Any) -> None:
        async with self._came:
            self.events.append(event)
            self._came.notify_all()

    async def wait_for(self, kind: str, count: int = 1) -> Any:
        async with asyncio.timeout(LIMIT_S), self._came:
            await self._came.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    async def wait_until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S), self._came:
            await self._came.wait_for(true)

    async def speak(self, name: str, speed: float = FAST) -> None:
        began = time.monotonic()
        for number, chunk in enumerate(chunks(recording(name))):
            await self.connection.input_audio_buffer.append(audio=chunk)
            ahead = began + number * CHUNK_MS / 1000 / speed - time.monotonic()
            await asyncio.sleep(max(0.0, ahead))

    async def update(self, **session: Any) -> Any:
        count = len(self.of("session.updated")) + 1
        await self.connection.session.update(session={"type": "realtime", **session})
        return await self.wait_for("session.updated", count)

    async def type(self, text: str, **response: Any) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.connection.conversation.item.create(item=item)
        if response:
            await self.connection.response.create(response=response)
        else:
            await self.connection.response.create()


Scenario = Callable[[Client], Awaitable[dict[str, Any] | None]]
TRANSCRIBED = {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}


async def voice_turns(client: Client) -> None:
    await client.update(instructions="Be brief.", audio=TRANSCRIBED)
    await client.speak("4-lights")
    await client.wait_for("response.done")
    await client.speak("8-mother")
    await client.wait_for("response.done", 2)


async def interruption(client: Client) -> dict[str, Any]:
    await client.update(audio=TRANSCRIBED)
    await client.type("Tell me a long story")
    await client.wait_until(lambda: client.audio_ms() > 1500)
    await client.speak("4-lights", speed=1.0)
    cancelled = await client.wait_for("response.done")
    (item,) = cancelled.response.output
    await client.connection.conversation.item.truncate(
        item_id=item.id, content_index=0, audio_end_ms=1200
    )
    truncated = await client.wait_for("conversation.item.truncated")
    await client.connection.conversation.item.retrieve(item_id=item.id)
    kept = (await client.wait_for("conversation.item.retrieved")).item
    await client.wait_for("response.done", 2)
    return {
        "reason": cancelled.response.status_details.reason,
        "item_status": item.status,
        "audio_end_ms": truncated.audio_end_ms,
        "kept": kept.content[0].transcript,
        "kept_ms": len(base64.b64decode(kept.content[0].audio)) // 48,
        "order": [event.type for event in client.events],
    }


async def client_cancels(client: Client) -> dict[str, Any]:
    await client.type("Tell me a long story")
    await client.wait_until(lambda: client.audio_ms() > 500)
    await client.connection.response.cancel()
    done = await client.wait_for("response.done")
    return {"reason": done.response.status_details.reason}


async def tool(client: Client) -> dict[str, Any]:
    return await _tools(client, "What is the weather?", [WEATHER])


async def parallel_tools(client: Client) -> dict[str, Any]:
    return await _tools(client, "Weather and time, please", [WEATHER, TIME])


async def _tools(client: Client, text: str, tools: list[Any]) -> dict[str, Any]:
    await client.update(tools=tools, tool_choice="auto")
    await client.type(text)
    done = await client.wait_for("response.done")
    calls = done.response.output
    for call in calls:
        city = json.loads(call.arguments)["city"]
        output = {"type": "function_call_output", "call_id": call.call_id}
        await client.connection.conversation.item.create(
            item={**output, "output": f"{call.name} in {city} is fine"}
        )
    await client.connection.response.create()
    await client.wait_for("response.done", 2)
    streamed = client.of("response.function_call_arguments.done")
    return {
        "calls": [[call.name, call.arguments, call.status] for call in calls],
        "streamed": [[event.name, event.arguments] for event in streamed],
    }


async def spoken_tool(client: Client) -> dict[str, Any]:
    await client.update(tools=[LIGHTS], audio=TRANSCRIBED)
    await client.speak("4-lights")
    done = await client.wait_for("response.done")
    (call,) = done.response.output
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "on"}
    await client.connection.conversation.item.create(item=output)
    await client.connection.response.create()
    await client.wait_for("response.done", 2)
    return {"calls": [[call.name, call.arguments, call.status]]}


async def text_only(client: Client) -> None:
    await client.update(output_modalities=["text"])
    await client.type("hello")
    await client.wait_for("response.done")
    await client.type("and aside", conversation="none", metadata={"topic": "aside"})
    await client.wait_for("response.done", 2)


async def push_to_talk(client: Client) -> None:
    await client.update(audio={"input": {**TRANSCRIBED["input"], "turn_detection": None}})
    for count, name in enumerate(("4-lights", "8-mother"), 1):
        await client.speak(name, speed=10.0)
        await client.connection.input_audio_buffer.commit()
        await client.connection.response.create()
        await client.wait_for("response.done", count)


async def transcription(client: Client) -> None:
    await client.connection.session.update(
        session={
            "type": "transcription",
            "audio": {"input": {"transcription": {"model": "whisper-1", "language": "en"}}},
        }
    )
    await client.wait_for("session.updated")
    await client.speak("4-lights")
    await client.speak("8-mother")
    kind = "conversation.item.input_audio_transcription.completed"
    await client.wait_for(kind, 2)


async def errors(client: Client) -> dict[str, Any]:
    connection = client.connection
    await connection.response.cancel(event_id="e1")
    await connection.input_audio_buffer.commit(event_id="e2")
    await connection.conversation.item.retrieve(item_id="nothing", event_id="e3")
    await connection.conversation.item.truncate(
        item_id="nothing", content_index=0, audio_end_ms=5, event_id="e4"
    )
    await connection.conversation.item.delete(item_id="nothing", event_id="e5")
    await connection.send({"type": "no.such.event", "event_id": "e6"})
    wrong = {"type": "realtime", "output_modalities": ["smell"]}
    await connection.session.update(session=wrong, event_id="e7")
    await connection.input_audio_buffer.append(audio="!!!", event_id="e8")
    await client.wait_for("error", 8)
    await client.type("please fail")
    failed = await client.wait_for("response.done")
    await client.type("are you there")
    await client.wait_for("response.done", 2)
    return {"failed": failed.response.status_details.to_dict()}


async def conversation_items(client: Client) -> dict[str, Any]:
    for number, place in ((1, None), (2, None), (3, "root")):
        content = [{"type": "input_text", "text": f"number {number}"}]
        item = {"id": f"item{number}", "type": "message", "role": "user", "content": content}
        where = {} if place is None else {"previous_item_id": place}
        await client.connection.conversation.item.create(item=item, **where)
    await client.wait_for("conversation.item.done", 3)
    await client.connection.conversation.item.delete(item_id="item1")
    await client.wait_for("conversation.item.deleted")
    await client.connection.input_audio_buffer.clear()
    await client.wait_for("input_audio_buffer.cleared")
    added = client.of("conversation.item.added")
    return {"added": [[event.item.id, event.previous_item_id] for event in added]}


async def telephone_audio(client: Client) -> dict[str, Any]:
    await client.update(audio={"output": {"format": {"type": "audio/pcmu"}, "voice": "verse"}})
    await client.type("hello")
    await client.wait_for("response.done")
    data = [base64.b64decode(e.delta) for e in client.of("response.output_audio.delta")]
    return {"pcmu_bytes": len(b"".join(data))}


async def silence(client: Client) -> dict[str, Any]:
    """Nobody says anything for a second, and the model speaks."""
    detection = {"type": "server_vad", "idle_timeout_ms": 1000}
    await client.update(audio={"input": {"turn_detection": detection}})
    speaking = asyncio.create_task(client.speak("silence", speed=1.0))
    triggered = await client.wait_for("input_audio_buffer.timeout_triggered")
    await client.wait_for("response.done")
    speaking.cancel()
    return {"idle_ms": triggered.audio_end_ms - triggered.audio_start_ms}


SCENARIOS: tuple[Scenario, ...] = (
    voice_turns,
    interruption,
    client_cancels,
    tool,
    parallel_tools,
    spoken_tool,
    text_only,
    push_to_talk,
    transcription,
    errors,
    conversation_items,
    telephone_audio,
    silence,
)
ITERATED = (client_cancels,)


async def play(openai: AsyncOpenAI, scenario: Scenario) -> None:
    async with openai.realtime.connect(model="gpt-realtime") as connection:
        client = Client(connection)
        reading = client.iterate if scenario in ITERATED else client.read
        reader = asyncio.create_task(reading())
        created = await client.wait_for("session.created")
        try:
            found = await scenario(client)
        except TimeoutError:
            kinds = [event.type for event in client.events]
            raise TimeoutError(f"{scenario.__name__}: {kinds}") from None
        finally:
            reader.cancel()
        told = {"model": created.session.model, **client.summary(), **(found or {})}
        print(json.dumps({"scenario": scenario.__name__, **told}), flush=True)


async def play_all() -> None:
    openai = AsyncOpenAI(api_key="none", websocket_base_url=url)
    async with asyncio.TaskGroup() as group:
        for scenario in SCENARIOS:
            group.create_task(play(openai, scenario))
            await asyncio.sleep(0.3)


def play_sync() -> None:
    """Two turns with the synchronous half of the library."""
    openai = OpenAI(api_key="none", websocket_base_url=url)
    seen = Seen()
    with openai.realtime.connect(model="gpt-realtime") as connection:
        session: Any = {"type": "realtime", "audio": TRANSCRIBED}
        connection.session.update(session=session)
        for chunk in chunks(recording("4-lights")):
            connection.input_audio_buffer.append(audio=chunk)
        for event in connection:
            seen.events.append(event)
            if event.type == "response.done":
                if len(seen.of("response.done")) == 2:
                    break
                content: Any = [{"type": "input_text", "text": "hello"}]
                connection.conversation.item.create(
                    item={"type": "message", "role": "user", "content": content}
                )
                connection.response.create()
    print(json.dumps({"scenario": "sync", **seen.summary()}), flush=True)


if sys.argv[4:] == ["sync"]:
    play_sync()
else:
    asyncio.run(play_all())
frames.close()
