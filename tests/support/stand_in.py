"""A stand-in for a Parley server: it hears loudness, and understands what it was told to.

`StandIn` is pure (a frame in, frames out), so a ScriptedWire can use it under virtual time. As a
program it serves the same over a WebSocket, with /ready beside it, until SIGTERM:

    python stand_in.py PORT [--exit-code N] [--never-ready] [--mute]
"""

from __future__ import annotations

import array
import base64
import io
import json
import signal
import sys
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
import trio_websocket

RATE_HZ = 16_000
SILENCE_MS = 300


def tone(milliseconds: int, amplitude: int = 8000) -> bytes:
    """A square wave: loud from its first sample to its last."""
    samples = RATE_HZ * milliseconds // 1000
    return array.array(
        "h", [amplitude if i // 40 % 2 else -amplitude for i in range(samples)]
    ).tobytes()


def quiet(milliseconds: int) -> bytes:
    return bytes(2 * (RATE_HZ * milliseconds // 1000))


def recording(speech_ms: int = 500) -> bytes:
    """300 ms of silence, speech, 700 ms of silence."""
    return quiet(300) + tone(speech_ms) + quiet(700)


def wav(pcm16: bytes, rate_hz: int = RATE_HZ) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(pcm16)
    return target.getvalue()


def message(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def phrase(seq: int, pcm16: bytes, rate_hz: int = RATE_HZ) -> str:
    return message(
        "tts_chunk",
        seq=seq,
        audio_b64=base64.b64encode(wav(pcm16, rate_hz)).decode(),
        mime="audio/wav",
    )


class StandIn:
    """One session. `text` is what it understands every time; with `mute` it never answers."""

    def __init__(
        self, text: str = "go forward", *, mute: bool = False, reply_ms: int = 200
    ) -> None:
        self.text = text
        self.mute = mute
        self.reply_ms = reply_ms
        self.commands: list[dict[str, Any]] = []
        self.samples = 0
        self._speaking = False
        self._silent_ms = 0.0
        self._seq = 0

    def greeting(self) -> list[str]:
        return [
            message("protocol", version=1),
            message("info", message="Session created", session_id="s-1"),
        ]

    def feed(self, frame: str | bytes) -> list[str]:
        if isinstance(frame, str):
            self.commands.append(json.loads(frame))
            return []
        self.samples += len(frame) // 2
        audio_ms = 1000 * self.samples // RATE_HZ
        if max(array.array("h", frame), default=0) > 1000:
            self._speaking, self._silent_ms = True, 0.0
            words = self.text.split()
            return [message("partial_transcript", text=words[0], audio_ms=audio_ms)]
        if not self._speaking:
            return []
        self._silent_ms += 1000 * (len(frame) // 2) / RATE_HZ
        if self._silent_ms < SILENCE_MS:
            return []
        self._speaking = False
        return [] if self.mute else self._answer(audio_ms)

    def _answer(self, audio_ms: int) -> list[str]:
        self._seq += 1
        return [
            message("finalize_pending"),
            message("final_transcript", text=self.text, id="u", audio_ms=audio_ms),
            message("metrics", event="latency", t0=0.0, t1=100.0, t2=500.0, t3=510.0, t4=None),
            message("metrics", event="decode", runs=3, ms=20.0, rtf=0.1),
            message("llm_token", text="You said: ", done=False),
            message("llm_token", text=self.text, done=False),
            message("llm_token", text="", done=True),
            phrase(self._seq, tone(self.reply_ms)),
            message("tts_phrase_done", seq=self._seq),
            message("tts_complete"),
        ]


async def serve_session(
    make: Callable[[], StandIn], request: trio_websocket.WebSocketRequest
) -> None:
    """One WebSocket connection with a StandIn of its own."""
    connection = await request.accept()
    session = make()
    try:
        for frame in session.greeting():
            await connection.send_message(frame)
        while True:
            for frame in session.feed(await connection.get_message()):
                await connection.send_message(frame)
    except trio_websocket.ConnectionClosed:
        return


@asynccontextmanager
async def open_stand_in(
    handler: Callable[[Any], Any] | None = None,
) -> AsyncIterator[str]:
    """A server in this process on a free port of loopback; yields its URL."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(
                trio_websocket.serve_websocket,
                handler or partial(serve_session, StandIn),
                "127.0.0.1",
                0,
                ssl_context=None,
            )
        )
        yield f"ws://127.0.0.1:{server.port}/ws"
        nursery.cancel_scope.cancel()


class Replay(trio.abc.Stream):
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, stream: trio.SocketStream) -> None:
        self.head, self.stream = head, stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        head, self.head = self.head, b""
        return head or await self.stream.receive_some(max_bytes)

    async def send_all(self, data: Any) -> None:
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self.stream.aclose()


async def serve_both(make: Callable[[], StandIn], ready: bool, stream: trio.SocketStream) -> None:
    """/ready for plain requests, a session for an upgrade."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = await stream.receive_some()
        if not more:
            return
        head += more
    if b"pgrade" not in head:
        status = b"200 OK" if ready else b"503 Service Unavailable"
        await stream.send_all(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        await stream.aclose()
        return
    async with trio.open_nursery() as nursery:
        request = await trio_websocket.wrap_server_stream(nursery, Replay(head, stream))
        await serve_session(make, request)
        nursery.cancel_scope.cancel()


async def main(port: int, options: list[str]) -> None:
    make = partial(StandIn, mute="--mute" in options)
    async with trio.open_nursery() as nursery:
        handler = partial(serve_both, make, "--never-ready" not in options)
        await nursery.start(partial(trio.serve_tcp, handler, port, host="127.0.0.1"))
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), sys.argv[2:])
    if "--exit-code" in sys.argv:
        sys.exit(int(sys.argv[sys.argv.index("--exit-code") + 1]))
