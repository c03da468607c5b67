"""Sender: the only task that ever writes to the peer. One per session, significant.

It drops what is void, says of everything else when the transport took it, and it ends the session
where the peer reads nothing for `stall_s`. It is never cancelled to silence a reply: a half-written
frame would corrupt the stream; what feeds it is cancelled instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from ..protocol.dialect import Codec, Frame
from ..protocol.events import Closing, Outbound
from ..telemetry import Telemetry
from ..transport import PeerGone, Transport
from ..turnstile import current_time, fail_after
from .gate import ReplyGate


@dataclass(slots=True, kw_only=True)
class Sender:
    inbox: trio.MemoryReceiveChannel[Outbound]
    transport: Transport
    codec: Codec
    gate: ReplyGate
    stall_s: float
    telemetry: Telemetry
    log: structlog.typing.FilteringBoundLogger
    writing: bool = False
    """Whether a frame is half written at this moment."""

    async def run(self) -> None:
        async for event in self.inbox:
            if isinstance(event, Closing):
                if self.codec.profile.telephone:
                    await self._hang_up(event)
                await self.transport.close(event.code, event.reason)
                return
            if not self.gate.passes(event):
                self.telemetry.dropped("dead_turn")
                continue
            self.gate.writes(event)
            for frame in self.codec.encode(event):
                if not await self._write(frame):
                    return
            self.gate.left(event, current_time())

    async def _hang_up(self, event: Closing) -> None:
        """What a telephone service wants to be told before the connection closes."""
        for frame in self.codec.encode(event):
            if not await self._write(frame):
                return

    async def _write(self, frame: Frame) -> bool:
        """False when there is nobody left to write to."""
        self.writing = True
        try:
            with fail_after(self.stall_s, "sending"):
                await self.transport.send(frame)
        except PeerGone:
            return False
        except trio.TooSlowError:
            self.log.warning("peer_stalled", stall_s=self.stall_s)
            self.telemetry.count("stalled_peers")
            self.transport.abort()
            return False
        self.writing = False
        self.telemetry.count("frames_out")
        return True
