"""A server with scripted engines, its clients in memory, and what is asked of it over its port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from parley.audio.wav import wav_bytes
from parley.embedding import InMemoryClient, OwnEngines, RunningServer
from parley.testing import (
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    silence,
    speech,
)
from support.live_server import Answer, request_http

LONG = ["This is a reply that takes a while to be said, ", "and there is more of it. " * 20]
SOUND = wav_bytes(b"\1\0" * 8000, 8000)


def own() -> OwnEngines:
    return OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["tell me"] * 3),
        responder=ScriptedResponder(then=LONG),
        synthesizer=ScriptedSynthesizer(),
    )


async def ask(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return await request_http(port, "\r\n".join([*lines, "", ""]).encode() + body)


@asynccontextmanager
async def talking(
    server: RunningServer,
) -> AsyncIterator[tuple[str, InMemoryClient]]:
    """A client whose question is being answered, and its session's id."""
    before = {session.session_id for session in server.status().sessions}
    async with server.connect() as client:
        await client.start()
        await client.speak(speech(600) + silence(900), speed=10)
        await client.wait_for("tts_chunk")
        (session_id,) = {s.session_id for s in server.status().sessions} - before
        yield session_id, client
