"""A dialect: a codec without I/O and a frozen profile. The session behind all of them is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from .codes import Breach
from .commands import Command
from .events import Outbound

Frame: TypeAlias = str | bytes
"""One WebSocket message: text or binary."""

NowMs: TypeAlias = Callable[[], int]
"""The time of day in Unix milliseconds, for dialects that tell it. A seam: codecs do no I/O."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between dialects, beside the spelling."""

    name: str
    rates_hz: frozenset[int]
    """Sample rates that a client may send."""
    needs_start: bool
    """Whether audio before `StartListening` is a breach."""
    max_audio_bytes: int
    """The largest audio frame that is taken."""
    max_message_bytes: int
    """The largest message that is read at all; a larger one closes the connection with 1009."""
    reply_rate_hz: int | None
    """The sample rate of reply audio; None: as the synthesizer made it."""
    reply_frame_ms: int | None
    """Reply audio is cut into frames of this length; None: one whole phrase a frame."""
    reply_lead_ms: int | None
    """How long before its playback reply audio is sent; None: STREAM_REPLY_LEAD_MS."""
    final_on_stop: bool
    """Whether a stop without any words brings an empty final transcript."""
    completes_on_stop: bool = False
    """Whether the client is told when everything that was said before a stop has been answered."""
    fatal: frozenset[Breach]
    """Breaches that end the session. The others are reported, and it goes on."""


class Codec(Protocol):
    """One per session; it may keep state (what the client asked for, sequence numbers)."""

    profile: Profile

    def decode(self, frame: Frame) -> Sequence[Command]:
        """What a frame asks for, in order. Raises Violation."""
        ...

    def encode(self, event: Outbound) -> list[Frame]:
        """The frames that say `event`; none where the dialect has no word for it."""
        ...


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    profile: Profile
    codec: Callable[[NowMs], Codec]
    paths: tuple[str, ...]
