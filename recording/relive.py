"""Live replay: today's engines and settings on yesterday's input, in real time.

What came in goes in again, as it was spaced; what comes out is what this server makes of it. The
result is a recording too, so it can be compared, shown and replayed exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from ..config import Settings
from ..engines.kit import Engines
from ..protocol.dialect import Dialect
from ..session.life import Session
from ..telemetry import Telemetry
from ..transport import MemoryTransport, PeerGone, memory_pair
from ..turnstile import Turnstile
from .tap import Tap, TappedTransport, tapped
from .tape import Entry, MemoryTape

CAPACITY = 256
"""Frames that wait for a session that falls behind, as a socket's buffers would hold them."""
QUIET_S = 3.0
"""After the last frame: when nothing comes for so long, the conversation is over."""
MOST_S = 60.0
"""And at the latest after this."""


async def relive(
    entries: Sequence[Entry],
    *,
    dialect: Dialect,
    settings: Settings,
    engines: Engines,
    session_id: str,
    opened_ms: int = 0,
    speed: float = 1.0,
) -> list[Entry]:
    """The entries of the new session. `engines` must be running."""
    tape = MemoryTape()
    turnstile = Turnstile()
    tap = Tap(turnstile, tape)
    server_end, client_end = memory_pair(CAPACITY)
    session = Session(
        transport=TappedTransport(server_end, tap),
        dialect=dialect,
        engines=tapped(engines, tap),
        settings=settings,
        telemetry=Telemetry(),
        session_id=session_id,
        opened_ms=opened_ms,
        turnstile=turnstile,
    )
    heard_s = [trio.current_time()]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        nursery.start_soon(_listen, client_end, heard_s)
        await _say(entries, client_end, speed)
        limit_s = trio.current_time() + MOST_S
        while trio.current_time() < min(limit_s, heard_s[0] + QUIET_S):  # noqa: ASYNC110
            await trio.sleep(0.1)
        await client_end.close()
    return tape.entries


async def _say(entries: Sequence[Entry], end: MemoryTransport, speed: float) -> None:
    zero_s = trio.current_time()
    for entry in entries:
        if entry.kind == "in":
            await trio.sleep_until(zero_s + entry.at_s / speed)
            if "gone" in entry.data:
                return
            try:
                await end.send(entry.data["text"] if entry.audio is None else entry.audio)
            except PeerGone:
                return  # the session ended it


async def _listen(end: MemoryTransport, heard_s: list[float]) -> None:
    try:
        while True:
            await end.receive()
            heard_s[0] = trio.current_time()
    except PeerGone:
        return
