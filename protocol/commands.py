"""What a client can ask for, whatever its dialect. Codecs decode frames into these."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from .codes import Breach


class StartListening(msgspec.Struct, frozen=True, kw_only=True):
    """Open the microphone. `audio_clock` asks for `audio_ms` on transcripts (dialect A)."""

    rate_hz: int
    audio_clock: bool = False


class StopListening(msgspec.Struct, frozen=True):
    """Finalize what is pending at once, without waiting for silence."""


class CancelReply(msgspec.Struct, frozen=True):
    """Stop the reply; the conversation's memory stays as it was."""


class Audio(msgspec.Struct, frozen=True):
    """PCM16 little-endian mono at the rate that was started."""

    pcm16: bytes


class TypedText(msgspec.Struct, frozen=True):
    """Words that were typed; they are answered like speech."""

    text: str


class Interrupt(msgspec.Struct, frozen=True):
    """The client heard its person speak, or was told to be quiet: cut the reply now. The memory
    keeps what was heard of it."""


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the reply's audio the client has really played by now. `flushed`: of the one that
    was interrupted, and the rest was thrown away."""

    ms: float
    flushed: bool = False


class Ping(msgspec.Struct, frozen=True):
    pass


class EndSession(msgspec.Struct, frozen=True):
    """The client says goodbye."""


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to do, but worth counting."""

    breach: Breach


Command: TypeAlias = (
    StartListening
    | StopListening
    | CancelReply
    | Audio
    | TypedText
    | Interrupt
    | Played
    | Ping
    | EndSession
    | Remark
)
