"""A carrier with one call: its clock, its network, the caller's mouth and ear.

`run` sends a piece of the caller's sound and plays a piece of the reply at each tick of the
carrier's own clock. Owned by the test, or by the demo; it ends when either side hangs up.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from ...protocol.dialect import Frame
from ...transport import PeerGone, Transport
from .ear import TICK_MS, Ear
from .wire import Complaint, Give, Mark, Order, Wire


@dataclass(slots=True, kw_only=True)
class Network:
    """Between the carrier and us, each way: every message takes `delay_ms` and up to `jitter_ms`
    more, in order. `loss` is the share of the caller's pieces that never arrive, `shuffle` that of
    those that come one later. `drift_ppm`: by how much the carrier's clock is slow."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    shuffle: float = 0.0
    drift_ppm: float = 0.0
    silent_lines: bool = False
    """Nothing is sent while the caller does not speak."""
    seed: int = 0


@dataclass(slots=True)
class _Way:
    """One direction. What is sent comes out after its delay, in order."""

    network: Network
    chance: random.Random
    deliver: Callable[[Frame], object]
    _due_s: float = 0.0
    _sent_s: float = -1.0

    def due_s(self, now_s: float) -> float:
        """When a message arrives that is sent now. What is sent in one moment arrives in one."""
        if now_s == self._sent_s:
            return self._due_s
        self._sent_s = now_s
        network = self.network
        late_ms = network.delay_ms + self.chance.uniform(0, network.jitter_ms)
        self._due_s = max(self._due_s, now_s + late_ms / 1000)
        return self._due_s


@dataclass(slots=True, eq=False)
class Carrier:
    transport: Transport
    """The service's end of the connection."""
    wire: Wire
    network: Network = field(default_factory=Network)
    ear: Ear = field(init=False)
    complaints: list[str] = field(default_factory=list)
    """What the service would have refused."""
    orders: list[tuple[str, str]] = field(default_factory=list)
    ended: trio.Event = field(default_factory=trio.Event)
    """The call is over."""
    tick_of_orders: list[tuple[int, str]] = field(default_factory=list)
    _mouth: deque[bytes] = field(default_factory=deque)
    _mute_ticks: int = 0
    _out: list[tuple[float, Frame | None]] = field(default_factory=list)
    _news: trio.Event = field(default_factory=trio.Event)
    _silent: bool = False

    def __post_init__(self) -> None:
        wire = self.wire
        self.ear = Ear(wire.sound.rate_hz, wire.buffer_ms, wire.whole_frames)

    # The caller

    def says(self, pcm16: bytes) -> None:
        """Speak this, at the line's rate, behind what is being said."""
        step = self.wire.sound.rate_hz * TICK_MS // 1000 * 2
        for start in range(0, len(pcm16), step):
            self._mouth.append(pcm16[start : start + step].ljust(step, b"\0"))

    async def until_said(self) -> None:
        """Until the caller has nothing more to say."""
        while self._mouth and not self.ended.is_set():  # noqa: ASYNC110 (a tick tells nobody)
            await trio.sleep(TICK_MS / 1000)

    def presses(self, keys: str) -> None:
        for key in keys:
            self._send(*self.wire.digit(key))

    def gap(self, ms: int) -> None:
        """Nothing of the line arrives for so long; its clock goes on."""
        self._mute_ticks += ms // TICK_MS

    def hangs_up(self) -> None:
        self._send(*self.wire.goodbye())
        self._send(None)

    # The line

    async def run(self) -> None:
        """The call, to its end."""
        chance = random.Random(self.network.seed)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, random.Random(chance.random()))
                nursery.start_soon(self._read, random.Random(chance.random()))
                nursery.start_soon(self._ticks, random.Random(chance.random()))
                await self.ended.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.ended.set()
            self.transport.abort()

    def _send(self, *frames: Frame | None) -> None:
        self._out.extend((trio.current_time(), frame) for frame in frames)
        self._news.set()

    async def _write(self, chance: random.Random) -> None:
        way = _Way(self.network, chance, lambda frame: None)
        while True:
            while not self._out:
                self._news = trio.Event()
                await self._news.wait()
            sent_s, frame = self._out.pop(0)
            await trio.sleep_until(way.due_s(sent_s))
            if frame is None:
                self.ended.set()
                return
            try:
                await self.transport.send(frame)
            except PeerGone:
                self.ended.set()
                return

    async def _read(self, chance: random.Random) -> None:
        way = _Way(self.network, chance, self._obey)
        tell, hear = trio.open_memory_channel[tuple[float, Frame | None]](10_000)

        async def arrive() -> None:
            async for due_s, frame in hear:
                await trio.sleep_until(due_s)
                if frame is None:
                    self.ended.set()
                else:
                    self._obey(frame)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(arrive)
            while True:
                try:
                    frame: Frame | None = await self.transport.receive()
                except PeerGone:
                    frame = None
                tell.send_nowait((way.due_s(trio.current_time()), frame))
                if frame is None:
                    return

    def _obey(self, frame: Frame) -> None:
        wire, ear = self.wire, self.ear
        for wish in wire.read(frame):
            match wish:
                case Give(data):
                    ear.give(wire.sound.heard(data))
                    self._send(*wire.after(ear))
                case Mark(name):
                    self._send(*wire.marks(ear.mark(name), cleared=False))
                case Complaint(why):
                    self.complaints.append(why)
                case Order(what, text):
                    self.orders.append((what, text))
                    self.tick_of_orders.append((ear.ticks, what))
                    self._order(what, text)

    def _order(self, what: str, text: str) -> None:
        wire, ear = self.wire, self.ear
        match what:
            case "clear":
                pending = ear.clear()
                if wire.returns_marks:
                    self._send(*wire.marks(pending, cleared=True))
                self._send(*wire.clearing())
            case "pause":
                ear.paused = True
            case "continue":
                ear.paused = False
            case "status":
                self._send(*wire.status(ear))
            case "hang up":
                self.ended.set()

    async def _ticks(self, chance: random.Random) -> None:
        wire, network = self.wire, self.network
        self._send(*wire.hello())
        began_s = trio.current_time()
        length_s = TICK_MS / 1000 * (1 + network.drift_ppm / 1e6)
        piece, kept = b"", None
        silence = bytes(wire.sound.rate_hz * TICK_MS // 1000 * 2)
        for tick in range(10**9):
            await trio.sleep_until(began_s + (tick + 1) * length_s)
            spoken = self._mouth.popleft() if self._mouth else None
            piece += wire.sound.spoken(spoken or silence)
            if len(piece) >= wire.sound.frame_bytes * wire.piece_ms // TICK_MS:
                whole, piece = piece, b""
                at_ms = (tick + 1) * TICK_MS - wire.piece_ms
                if self._mute_ticks > 0:
                    self._mute_ticks -= wire.piece_ms // TICK_MS
                    wire.sound_in(whole, at_ms)  # it is counted, and lost
                elif (spoken is None and network.silent_lines) or chance.random() < network.loss:
                    wire.sound_in(whole, at_ms)
                else:
                    frame = wire.sound_in(whole, at_ms)
                    if frame is None:
                        pass
                    elif kept is not None:
                        self._send(frame, kept)
                        kept = None
                    elif chance.random() < network.shuffle:
                        kept = frame
                    else:
                        self._send(frame)
            reached = self.ear.tick()
            if reached:
                self._send(*wire.marks(reached, cleared=False))
            self._send(*wire.after(self.ear))
