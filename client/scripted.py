"""A Wire without a network: the fake that ships beside the interface."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from .wire import WireClosed


@dataclass(slots=True)
class ScriptedWire:
    """Calls `on_frame(wire, frame)` for everything sent; the script answers with `say`.

    `frames` holds what was sent, with times. With `stalled` a send never returns.
    """

    on_frame: Callable[[ScriptedWire, str | bytes], None] | None = None
    frames: list[tuple[float, str | bytes]] = field(default_factory=list)
    stalled: bool = False
    _closed: WireClosed | None = None
    _inbox: trio.MemorySendChannel[str | bytes] = field(init=False)
    _outbox: trio.MemoryReceiveChannel[str | bytes] = field(init=False)

    def __post_init__(self) -> None:
        # Unbounded on purpose: a script is finite, and `say` must not wait.
        self._inbox, self._outbox = trio.open_memory_channel[str | bytes](math.inf)

    def say(self, *frames: str | bytes) -> None:
        """What the server sends."""
        for frame in frames:
            self._inbox.send_nowait(frame)

    def hang_up(self, code: int, reason: str = "") -> None:
        """The server closes; what it said before is still received."""
        self._closed = WireClosed(code, reason)
        self._inbox.close()

    async def send(self, frame: str | bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.stalled:
            await trio.sleep_forever()
        if self._closed is not None:
            raise self._closed
        self.frames.append((trio.current_time(), frame))
        if self.on_frame is not None:
            self.on_frame(self, frame)

    async def receive(self) -> str | bytes:
        try:
            return await self._outbox.receive()
        except trio.EndOfChannel:
            raise self._closed or WireClosed(1006, "") from None
