"""What a client can ask for, whatever its dialect. Codecs decode frames into these."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


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


Command: TypeAlias = StartListening | StopListening | CancelReply | Audio
