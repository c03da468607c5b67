"""Servers that share a store, each a process of its own, and people who talk with them over
OpenAI's Realtime API: it shows what each conversation holds. They come again when their connection
is lost."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from parley.bench.instant import REPLY
from parley.bench.lines import numbered_line
from parley.bench.tongues import Realtime
from parley.client.server_process import free_port, is_ready
from parley.client.wire import Unreachable, Wire, WireClosed, open_wire
from support.serve_process import environment

TESTS = Path(__file__).parents[1]
FRAME_MS = 100
LINE_FRAMES = 12
START_S = 90.0
SAYS_AGAIN_S = 4.0
"""Whoever is not answered after that says it again."""
WAIT_S = 0.1
"""Between two attempts to come again."""

QUIET = {
    "STREAM_LOG_FORMAT": "json",
    "STREAM_LOG_LEVEL": "warning",
    # Everybody comes in, however busy the machine is.
    "STREAM_MAX_LOOP_LAG_MS": "0",
    "STREAM_MAX_CPU_SHARE": "0",
    "STREAM_MAX_LANE_WAIT_MS": "0",
    "STREAM_MAX_TALKING_SHARE": "0",
}


@dataclass(slots=True)
class Node:
    folder: Path
    variables: Mapping[str, str]
    port: int = field(default_factory=free_port)
    process: trio.Process | None = None

    async def start(self) -> None:
        with (self.folder / f"{self.port}.log").open("ab") as output:
            self.process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "support.instant_node", str(self.port)],
                cwd=TESTS,
                env=environment(**QUIET, **self.variables),
                stdin=None,
                stdout=output,
                stderr=output,
            )
        with trio.fail_after(START_S):
            while not await is_ready(self.port):
                await trio.sleep(0.05)

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            os.kill(self.process.pid, number)

    async def end(self) -> None:
        self.send(signal.SIGCONT)
        self.send(signal.SIGKILL)
        if self.process is not None:
            with trio.CancelScope(shield=True):
                await self.process.wait()


@asynccontextmanager
async def nodes(
    folder: Path, count: int, variables: Mapping[str, str]
) -> AsyncIterator[list[Node]]:
    found = [Node(folder, variables) for _ in range(count)]
    try:
        async with trio.open_nursery() as nursery:
            for node in found:
                nursery.start_soon(node.start)
        yield found
    finally:
        for node in found:
            await node.end()


@dataclass(slots=True)
class Person:
    """Says one line after another, each when the answer to the one before was played."""

    number: int
    ports: Sequence[int]
    again_s: list[float] = field(default_factory=list)
    """How long it took each time from the loss of a connection until the conversation went on."""
    why: str = ""
    new: int = 0
    """Conversations that did not go on and began anew."""
    lines: int = 0
    done: int = 0
    items: list[tuple[str, str]] = field(default_factory=list)
    """What the conversation held when it went on last: who said it, and what."""
    replies: list[str] = field(default_factory=list)
    """What was said in each reply since then."""
    problems: list[str] = field(default_factory=list)
    port: int = 0
    """Where it is connected to."""
    url: str = ""
    """Of a balancer in front of the servers, at the one port that `ports` has; empty: none."""
    ca: Path | None = None
    _ticket: str = ""
    _played_ms: float = 0.0
    _began_s: float = 0.0
    _over: bool = True
    _due_s: float = 0.0
    _socket: trio.socket.SocketType | None = None

    def hang_up(self) -> None:
        """Without a goodbye."""
        if self._socket is not None:
            self._socket.close()

    async def run(self) -> None:
        """Until it is cancelled."""
        lost_s, at = -1.0, self.number
        while True:
            port = self.ports[at % len(self.ports)]
            query = f"resume={self._ticket or 'new'}"
            if self._ticket and self._began_s:
                query += f"&played_ms={int(self._played_until(trio.current_time()))}"
            try:
                base = self.url or f"ws://127.0.0.1:{port}"
                async with open_wire(f"{base}/v1/realtime?{query}", ca=self.ca) as wire:
                    if not self.url:
                        below: Any = wire._connection
                        self._socket = below._stream._stream.socket
                    await self._talk(wire, lost_s, port)
            except* (WireClosed, Unreachable):
                pass
            if self.port == port:
                lost_s, self.port = trio.current_time(), 0
            at += 1
            await trio.sleep(WAIT_S)

    def _played_until(self, now_s: float) -> float:
        return min(self._played_ms, max(0.0, 1000 * (now_s - self._began_s)))

    async def _talk(self, wire: Wire, lost_s: float, port: int) -> None:
        tongue = Realtime()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, wire, lost_s, port)
            for frame in tongue.opening():
                await wire.send(frame)
            line = numbered_line(
                self.number, LINE_FRAMES, rate_hz=tongue.rate_hz, frame_ms=FRAME_MS
            )
            quiet = bytes(tongue.rate_hz // 1000 * FRAME_MS * 2)
            while True:
                if self._over and trio.current_time() >= self._due_s and self.port:
                    self._over, self.lines = False, self.lines + 1
                    self._played_ms, self._began_s = 0.0, 0.0
                    for spoken in line.frames:
                        await wire.send(tongue.audio(spoken))
                        await trio.sleep(FRAME_MS / 1000)
                await wire.send(tongue.audio(quiet))
                await trio.sleep(FRAME_MS / 1000)

    async def _listen(self, wire: Wire, lost_s: float, port: int) -> None:
        resumed = False
        while True:
            message: dict[str, Any] = json.loads(await wire.receive())
            now_s = trio.current_time()
            match message["type"]:
                case "parley.resume":
                    self._ticket = message["ticket"]
                    resumed, self.port = message["resumed"], port
                    if lost_s >= 0:
                        self.again_s.append(now_s - lost_s)
                        if not self._over:  # half a line may be all that was heard of it
                            self._over, self._due_s = True, now_s + SAYS_AGAIN_S
                        self.new += not resumed
                        self.why = message.get("why", "")
                        self.items, self.replies = [], []
                        self._played_ms, self._began_s = 0.0, 0.0
                case "conversation.item.done" if resumed:
                    item = message["item"]
                    for part in item.get("content", ()):
                        text = part.get("transcript") or part.get("text") or ""
                        self.items.append((item["role"], text))
                case "response.created":
                    resumed = False
                case "response.output_audio.delta":
                    if self._played_ms == 0:
                        self._began_s = now_s
                    self._played_ms += len(message["delta"]) * 3 / 4 / 48
                case "response.output_audio_transcript.done":
                    self.replies.append(message["transcript"])
                case "response.done":
                    self._over, self.done = True, self.done + 1
                    self._due_s = self._began_s + self._played_ms / 1000
                case "error":
                    self.problems.append(message["error"]["message"])

    def lost_words(self) -> str:
        """What is wrong with the conversation that went on, in words; empty: nothing. The reply
        that was cut and the one behind it are one."""
        said = [text for role, text in self.items if role == "user" and text]
        wrong = [text for text in said if not text.startswith(f"caller {self.number} ")]
        heard = [text for role, text in self.items if role == "assistant"]
        if any(not text.startswith("frame") for text in wrong):  # else half a line, as it was heard
            return f"said {wrong}"
        if any(text != REPLY for text in heard[:-1]):
            return f"earlier replies {heard}"
        if not heard:
            return "" if not self.replies or self.replies[0] == REPLY else f"began {self.replies}"
        if heard[-1] == REPLY:
            return ""
        whole = f"{heard[-1]} {self.replies[0] if self.replies else ''}".strip()
        return (
            ""
            if whole.split() == REPLY.split()
            else f"heard {heard[-1]!r}, then {self.replies[:1]}"
        )
