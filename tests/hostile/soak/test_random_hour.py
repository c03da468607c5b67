"""An hour of everything at random, on a live server in a process of its own.

Clients of all dialects talk and wait for their answers. Beside them others interrupt, vanish, send
garbage, read slowly and upload, while actors and lanes are killed and engines fail. Of the turns of
those who talk at least 99.9 % end well or are told why not; memory, descriptors and threads stay.

    pytest tests/hostile/soak/test_random_hour.py --full [--minutes 60] [--seed 21]

Everything random comes from the seed. A run that fails says it, and what went wrong in which turn.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from parley.bench.tongues import TONGUES
from parley.client.wire import Unreachable, WireClosed, open_wire
from support import ws_client
from support.figures import Figures
from support.live_server import request_http
from support.returning_talkers import (
    ChaosServer,
    Talker,
    chaos_server,
    many_talkers,
    refused,
    unanswered,
)

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

SHORT_S = 9.0
EVERY_S = {False: 0.4, True: 1.0}
"""Between two things that are broken."""
TALKERS = {False: 4, True: 8}
PESTS = {False: 2, True: 4}
FLAKY = 0.02
FAILURES = 4
"""How many things are asked in a turn of which FLAKY fail: the model in two ways, two phrases."""
GOOD = 0.999
MEMORY_MB = 20.0
"""More than the server has after its first tenth: Python keeps what was freed once."""
LOOK_S = 1.0
REST_S = 6.0
"""After the last client: sessions drain, and killed lanes are back."""


@dataclass
class Pest:
    """Whoever does what one should not; what comes of it is nobody's turn."""

    port: int
    rng: random.Random
    did: list[str] = field(default_factory=list)

    async def run(self) -> None:
        ways: list[Callable[[], Awaitable[None]]] = [
            self.vanish,
            self.interrupt,
            self.send_garbage,
            self.read_slowly,
            self.upload_and_leave,
        ]
        while True:
            way = self.rng.choice(ways)
            self.did.append(way.__name__)
            with trio.move_on_after(8):
                try:
                    await way()
                except* (WireClosed, Unreachable, OSError, trio.BrokenResourceError, EOFError):
                    pass  # a session was killed under it, or it was thrown out, as it should be
            await trio.sleep(self.rng.uniform(0.1, 0.6))

    async def _speak(self, dialect: str, frames: int) -> None:
        tongue = TONGUES[dialect]()
        loud = (8000).to_bytes(2, "little") * (tongue.rate_hz // 10)
        quiet = bytes(len(loud))
        async with open_wire(f"ws://127.0.0.1:{self.port}{tongue.path}") as wire:
            for frame in tongue.opening():
                await wire.send(frame)
            for _ in range(frames):
                await wire.send(tongue.audio(loud if self.rng.random() < 0.6 else quiet))
                await trio.sleep(0.05)

    async def vanish(self) -> None:
        """In the middle of something, without a close."""
        with trio.move_on_after(self.rng.uniform(0.05, 2.0)):
            await self._speak(self.rng.choice(list(TONGUES)), 60)

    async def interrupt(self) -> None:
        await self._speak(self.rng.choice(list(TONGUES)), 40)

    async def send_garbage(self) -> None:
        path = self.rng.choice(("/ws", "/stream", "/engine", "/v1/realtime", "/nowhere"))
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            client = ws_client.RawClient(stream)
            await client.send(ws_client.request(path))
            await trio.sleep(0.05)
            for _ in range(self.rng.randint(1, 8)):
                opcode = self.rng.choice((1, 2, 8, 9, 10, 3))
                await client.send(ws_client.frame(opcode, self.rng.randbytes(99)))
            with trio.move_on_after(1):
                await client.read_all()

    async def read_slowly(self) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            await stream.send_all(ws_client.request("/ws"))
            for _ in range(20):
                await stream.receive_some(64)
                await stream.send_all(ws_client.frame(2, bytes(3200)))
                await trio.sleep(0.1)

    async def upload_and_leave(self) -> None:
        body = self.rng.randbytes(20_000)
        head = (
            f"POST /speech/stt HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: audio/wav\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        if self.rng.random() < 0.5:
            await request_http(self.port, head + body)
            return
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            await stream.send_all(head + body[: self.rng.randint(0, len(body))])


@dataclass
class Footprints:
    server: ChaosServer
    seen: list[tuple[float, int, int]] = field(default_factory=list)

    async def look(self) -> None:
        while True:
            self.seen.append(self.server.footprint())
            await trio.sleep(LOOK_S)


def turns(talkers: list[Talker]) -> tuple[int, list[str]]:
    """How many turns there were, and those that ended neither well nor with a word of why."""
    lines = sum(talker.notes.lines for talker in talkers)
    bad = [
        f"talker {talker.number} ({talker.dialect}): {what}"
        for talker in talkers
        for what in unanswered(talker.notes)
    ]
    return lines, bad


async def test_an_hour_of_everything_at_random(
    tmp_path: Path, full: bool, figures: Figures, request: pytest.FixtureRequest
) -> None:
    seconds = 60 * float(request.config.getoption("--minutes")) if full else SHORT_S
    seed = request.config.getoption("--seed") or 21
    why = (
        f"seed {seed}: pytest {Path(__file__).name} --full --minutes {seconds / 60:g} --seed {seed}"
    )
    with trio.fail_after(seconds + 120):
        async with chaos_server(tmp_path, seed=seed, every_s=EVERY_S[full], flaky=FLAKY) as server:
            talkers = many_talkers(TALKERS[full], server.port, seed)
            pests = [Pest(server.port, random.Random(f"{seed}/{n}")) for n in range(PESTS[full])]
            prints = Footprints(server)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(prints.look)
                async with trio.open_nursery() as crowd:
                    for run in (*(t.run for t in talkers), *(p.run for p in pests)):
                        crowd.start_soon(run)
                    await trio.sleep(seconds)
                    broken = server.broken()
                    lost = sum(len(talker.losses) for talker in talkers)
                    crowd.cancel_scope.cancel()
                await trio.sleep(REST_S)
                nursery.cancel_scope.cancel()
            health = await request_http(
                server.port,
                f"GET /sessions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode(),
            )
            left = json.loads(health.body)["sessions"]
            last = server.footprint()
    lines, bad = turns(talkers)
    told = [what for talker in talkers for what in refused(talker.notes)]
    wrong = [what for talker in talkers for what in talker.notes.wrong]
    why += f"; broken: {dict(broken.counts)}; bad turns: {bad[:5]}; wrong words: {wrong[:5]}"
    warm = prints.seen[max(1, len(prints.seen) // 10)]
    figures.tell("random hour: turns", lines)
    figures.tell("random hour: neither good nor told why", len(bad), "0.1 %")
    figures.tell("random hour: told why", len(told))
    figures.tell("random hour: killed", sum(broken.counts.values()))
    figures.tell("random hour: sessions lost", lost, f"at most {broken.sessions}")
    figures.tell("random hour: memory, warm and last", f"{warm[0]:.0f}, {last[0]:.0f} MB")
    figures.tell("random hour: descriptors, warm and last", f"{warm[1]}, {last[1]}")
    assert lines > 0, why
    assert lost <= broken.sessions, why
    assert len(bad) <= (1 - GOOD) * lines, why
    # Else something fails that nobody has broken: a server that answers nothing tells why, too.
    assert len(told) <= broken.words_of_why + FAILURES * FLAKY * lines + 1, Counter(told)
    # An utterance whose detector or recognizer is killed may end there, and be heard in two.
    heard_in_two = sum(broken.counts[actor] for actor in ("vad", "asr", "receiver"))
    assert len(wrong) <= heard_in_two, why
    assert left == [], f"sessions that nobody has: {left}; {why}"
    assert last[0] <= warm[0] + MEMORY_MB, (warm, last, why)
    assert last[1] <= max(fds for _, fds, _ in prints.seen[:5]) + 5, (warm, last, why)
