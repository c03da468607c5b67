"""Clients that come so far and go: eight points from half a handshake to the middle of a reply,
over any dialect and over HTTP, by three ways of going."""

from __future__ import annotations

import base64
import json
import random
import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import trio

from parley.audio import g711
from parley.audio.wav import wav_bytes
from parley.testing import LOUD
from parley.testing.carrier import wire_of
from support.blobs import FORM, form, post
from support.ws_client import BINARY, CLOSE, TEXT, RawClient, close_payload, frame, request

POINTS = (
    *("half a head", "head sent", "head read", "first message"),
    *("mid-audio", "utterance open", "thinking", "mid-reply"),
)
WAYS = ("reset", "end", "close frame")
SPEECH_MS, PAUSE_MS, PIECE_MS = 400, 1200, 100
REPLY_LIMIT_S = 20.0
"""Until a reply's first sound, on a busy machine."""

Says = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Talk:
    """How a dialect is spoken: what opens it, how sound is put, and what a reply's sound looks
    like."""

    path: str
    opening: Sequence[bytes]
    rate_hz: int
    sound: Callable[[bytes, int], bytes]
    """PCM16 and its place in milliseconds, as a frame."""
    spoken: bytes
    """Within a text frame of the server; empty: any binary frame."""


def _text(**message: object) -> bytes:
    return frame(TEXT, json.dumps(message).encode())


def _base64(pcm16: bytes) -> str:
    return base64.b64encode(pcm16).decode()


def _twilio() -> Talk:
    wire = wire_of("twilio")
    opening = [frame(TEXT, str(hello).encode()) for hello in wire.hello()]

    def sound(pcm16: bytes, at_ms: int) -> bytes:
        ulaw = g711.encode(pcm16, "ulaw")
        pieces = [ulaw[at : at + 160] for at in range(0, len(ulaw), 160)]
        frames = (wire.sound_in(one, at_ms + 20 * n) for n, one in enumerate(pieces))
        return b"".join(frame(TEXT, str(one).encode()) for one in frames)

    return Talk("/telephone/twilio", opening, 8_000, sound, b'"event":"media"')


def talks() -> Mapping[str, Talk]:
    return {
        "/ws": Talk(
            "/ws",
            [_text(type="start")],
            16_000,
            lambda pcm16, _: frame(BINARY, pcm16),
            b'"tts_chunk"',
        ),
        "/stream": Talk(
            "/stream",
            [_text(type="control", action="start_listening")],
            16_000,
            lambda pcm16, _: _text(type="audio", data=_base64(pcm16)),
            b'"audio_output"',
        ),
        "/engine": Talk(
            "/engine",
            [_text(type="control", command="start_session")],
            24_000,
            lambda pcm16, _: frame(BINARY, pcm16),
            b"",
        ),
        "/v1/realtime": Talk(
            "/v1/realtime",
            [_text(type="session.update", session={"type": "realtime"})],
            24_000,
            lambda pcm16, _: _text(type="input_audio_buffer.append", audio=_base64(pcm16)),
            b"response.output_audio.delta",
        ),
        "twilio": _twilio(),
    }


HTTP = "upload"
DOORS = (*talks(), HTTP)


@dataclass(frozen=True, slots=True)
class Visit:
    door: str
    point: str
    way: str


def visits(count: int, seed: int) -> Iterator[Visit]:
    """Every point of every door by every way, in turn, and the order is chance."""
    every = [Visit(door, point, way) for door in DOORS for point in POINTS for way in WAYS]
    chance = random.Random(seed)
    while count > 0:
        chance.shuffle(every)
        yield from every[:count]
        count -= len(every)


async def pay(port: int, visit: Visit) -> None:
    """Come, and go."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    try:
        with suppress(trio.BrokenResourceError, EOFError):
            client = RawClient(stream)
            if visit.door == HTTP:
                await _upload(client, POINTS.index(visit.point))
            else:
                await _talk(client, talks()[visit.door], POINTS.index(visit.point))
            if visit.way == "close frame":
                await stream.send_all(frame(CLOSE, close_payload(1000)))
    finally:
        if visit.way == "reset":
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(stream)


async def _talk(client: RawClient, talk: Talk, point: int) -> None:
    head = request(talk.path)
    if point == 0:
        await client.send(head[: len(head) // 2])
        return
    if point == 1:
        await client.send(head)
        return
    await client.open(talk.path)
    if point == 2:
        return
    await client.send(*talk.opening)
    if point == 3:
        return
    per_ms = talk.rate_hz // 1000
    said = [LOUD * (PIECE_MS * per_ms)] * (SPEECH_MS // PIECE_MS)
    pause = [bytes(2 * PIECE_MS * per_ms)] * (PAUSE_MS // PIECE_MS)
    pieces = [talk.sound(one, PIECE_MS * n) for n, one in enumerate([*said, *pause])]
    if point == 4:
        await client.send(*pieces[:2], pieces[2][: len(pieces[2]) // 2])
        return
    if point == 5:
        await client.send(*pieces[: len(said)])
        return
    await client.send(*pieces)
    if point == 6:
        return
    with trio.fail_after(REPLY_LIMIT_S):
        while True:
            opcode, payload = await client.read_frame()
            if talk.spoken in payload if talk.spoken else opcode == BINARY:
                return


async def _upload(client: RawClient, point: int) -> None:
    """A recording to be transcribed; the points are parts of it, the last is the answer's head."""
    body = form(wav_bytes(LOUD * 16_000, 16_000))
    whole = post("/v1/audio/transcriptions", body, FORM)
    head = whole.index(b"\r\n\r\n") + 4
    ends = (head // 2, head, head + 10, head + 100, head + 5000, len(whole) - 10, len(whole))
    await client.send(whole[: ends[min(point, len(ends) - 1)]])
    if point == len(POINTS) - 1:
        with trio.fail_after(REPLY_LIMIT_S):
            await client.read_until(b"\r\n")
