"""A whole server on a live loopback port, with real engines, and clients that talk to it.

The server runs in the test's own process and event loop, so a test can reach its lanes and count
its tasks. One lane of each kind unless the test asks for more: a lane takes a second to start.
Everything inside `open_live_server` is bounded by its time limit.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import trio

from parley.audio.wav import parse_wav
from parley.client.in_memory import InMemoryClient
from parley.client.recording import Recording, load_folder
from parley.client.wire import Wire, WireClosed, open_wire
from parley.config import Settings
from parley.engines.lanes.lane import Lane
from parley.engines.room import EngineRoom, open_engine_room
from parley.protocol.dialect import Dialect
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.server.tree import Server, open_listeners
from parley.transport import MemoryTransport, PeerGone

HOST = "127.0.0.1"
LIMIT_S = 90.0
"""Many times what a test takes on two idle cores: it is there for hangs, not for slowness."""
POLL_S = 0.02
FAST = 6.0
"""Times real time: what impatient clients in the wild do."""

AUDIO = Path(__file__).parents[2] / "examples/audio"
RECORDINGS: dict[str, Recording] = {recording.name: recording for recording in load_folder(AUDIO)}
WEATHER = RECORDINGS["1-weather"]
UMBRELLA = RECORDINGS["2-umbrella"]
TIMER = RECORDINGS["3-timer"]
LIGHTS = RECORDINGS["4-lights"]

QUICK: dict[str, object] = {
    "stream_asr_lanes": 1,
    "stream_tts_thread_workers": 1,
    # A whole reply at once: only tests of its pace wait for its playback.
    "stream_reply_lead_ms": 60_000,
    # Everybody comes in, however busy the machine is; other tests are about who does not.
    "stream_max_loop_lag_ms": 0,
    "stream_max_cpu_share": 0,
    "stream_max_lane_wait_ms": 0,
    "stream_max_talking_share": 0,
}


class WireTransport:
    """The client's wire with the words of a session's transport."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def send(self, frame: str | bytes) -> None:
        try:
            await self._wire.send(frame)
        except WireClosed as closed:
            raise PeerGone(closed.code, closed.reason) from None

    async def receive(self) -> str | bytes:
        try:
            return await self._wire.receive()
        except WireClosed as closed:
            raise PeerGone(closed.code, closed.reason) from None


class LiveClient(InMemoryClient):
    """The harness' client, over a socket."""

    async def utter(self, recording: Recording, *, speed: float = FAST) -> None:
        """One utterance between a `start` and a `stop`."""
        await self.start()
        await self.speak(recording.pcm16, speed=speed)
        await self.stop()

    async def session_id(self) -> str:
        return str((await self.wait_for("info"))["session_id"])

    async def final(self, number: int = 1) -> str:
        """The text of the session's final transcript with this number."""
        return str((await self.wait_for("final_transcript", count=number))["text"])

    @property
    def codes(self) -> list[str]:
        return [error["code"] for error in self.of("error")]

    @property
    def reply(self) -> str:
        """The text of all replies so far."""
        return "".join(token["text"] for token in self.of("llm_token"))

    def speech_s(self) -> list[float]:
        """How long each phrase of reply audio is. Raises NotAWav where one is no WAV."""
        phrases = (parse_wav(base64.b64decode(m["audio_b64"])) for m in self.of("tts_chunk"))
        return [len(wav.pcm16) / 2 / wav.rate_hz for wav in phrases]


@asynccontextmanager
async def open_client(url: str, dialect: Dialect = PROMPT_VOICE) -> AsyncIterator[LiveClient]:
    """A connected client that reads all the time; hung up at the end."""
    async with open_wire(url) as wire, trio.open_nursery() as nursery:
        client = LiveClient(cast(MemoryTransport, WireTransport(wire)), dialect)
        nursery.start_soon(client.read)
        yield client
        nursery.cancel_scope.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an HTTP request got."""

    status: int
    headers: dict[str, str]
    """With lower-case names."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def request_http(port: int, request: bytes) -> Answer:
    """Send these bytes and read the answer to its connection's end. The server is asked to close
    it, unless the request says something about that itself."""
    if b"\nconnection:" not in request.partition(b"\r\n\r\n")[0].lower():
        request = request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    async with await trio.open_tcp_stream(HOST, port) as stream:
        await stream.send_all(request)
        data = b"".join([part async for part in stream])
    head, _, body = data.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Answer(
        status=int(status_line.split(" ")[1]),
        headers={name.lower(): value.strip() for name, _, value in pairs},
        body=body,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveServer:
    """The handle that a test holds."""

    server: Server
    room: EngineRoom
    port: int
    settings: Settings = field(repr=False)

    def url(self, path: str = "/ws") -> str:
        return f"ws://{HOST}:{self.port}{path}"

    def lane(self, kind: str) -> Lane:
        """The first lane of a kind: asr or tts."""
        return next(lane for lane in self.room.lanes if lane.name.startswith(kind))

    async def get(self, path: str) -> Answer:
        return await request_http(
            self.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )

    async def sessions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get("/sessions")).json()["sessions"]
        return found

    async def until_ready(self) -> None:
        while (await self.get("/ready")).status != 200:
            await trio.sleep(POLL_S)

    async def until_quiet(self, client: LiveClient) -> None:
        """Wait until the client's session has said what it had to say, and that was heard."""
        session_id = await client.session_id()
        while True:
            (status,) = [s for s in await self.sessions() if s["session_id"] == session_id]
            if status["state"] == "complete":
                return
            await trio.sleep(POLL_S)

    async def until_empty(self) -> None:
        while await self.sessions():
            await trio.sleep(POLL_S)

    async def converse(self, recording: Recording = WEATHER, path: str = "/ws") -> LiveClient:
        """A whole conversation of one utterance; everything that the client got."""
        async with open_client(self.url(path)) as client:
            await client.utter(recording)
            await client.wait_for("tts_complete")
            return client


@asynccontextmanager
async def open_live_server(
    *, ready: bool = True, limit_s: float = LIMIT_S, **settings: object
) -> AsyncIterator[LiveServer]:
    """A server with these settings on a free port; with `ready`, one that can talk already."""
    chosen = Settings.defaults(**(QUICK | settings))
    with trio.fail_after(limit_s):
        async with open_engine_room(chosen) as room:
            server = Server(chosen, room)
            listeners = await open_listeners(HOST, 0)
            port = listeners[0].socket.getsockname()[1]
            async with trio.open_nursery() as nursery:
                await nursery.start(server.run, listeners)
                live = LiveServer(server=server, room=room, port=port, settings=chosen)
                if ready:
                    await live.until_ready()
                yield live
                nursery.cancel_scope.cancel()


# What a process has.


def children_of(pid: int) -> set[int]:
    """The process ids of the living children of a process. Zombies do not count."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended in this moment
            if int(fields[1]) == pid and fields[0] != "Z":
                found.add(int(entry.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def open_files() -> int:
    """How many file descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))
