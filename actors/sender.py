"""Sender: the only task that ever writes to the peer. One per session, significant.

It drops what is void, says of everything else when the transport took it, and it ends the session
where the peer reads nothing for `stall_s`. It is never cancelled to silence a reply: a half-written
frame would corrupt the stream; what feeds it is cancelled instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
import trio

from ..protocol.dialect import Codec, Frame
from ..protocol.events import Closing, Outbound
from ..telemetry import Telemetry
from ..transport import PeerGone, SendsMany, Transport
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
                # A telephone service may want to be told that the call ends.
                last = self.codec.encode(event) if self.codec.profile.telephone else []
                if last:
                    await self._write(last)
                await self.transport.close(event.code, event.reason)
                return
            if not self.gate.passes(event):
                self.telemetry.dropped("dead_turn")
                continue
            self.gate.writes(event)
            frames = self.codec.encode(event)
            if frames and not await self._write(frames):
                return
            self.gate.left(event, current_time())

    async def _write(self, frames: Sequence[Frame]) -> bool:
        """Those of one event. False when there is nobody left to write to."""
        transport = self.transport
        self.writing = True
        try:
            with fail_after(self.stall_s, "sending"):
                if len(frames) > 1 and isinstance(transport, SendsMany):
                    await transport.send_many(frames)
                else:
                    for frame in frames:
                        await transport.send(frame)
        except PeerGone:
            return False
        except trio.TooSlowError:
            self.log.warning("peer_stalled", stall_s=self.stall_s)
            self.telemetry.count("stalled_peers")
            self.transport.abort()
            return False
        self.writing = False
        self.telemetry.count("frames_out", len(frames))
        return True
