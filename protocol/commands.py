"""What a client can ask for, whatever its dialect. Codecs decode frames into these."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from .codes import Breach
from .effects import Effect
from .events import Outbound


class StartListening(msgspec.Struct, frozen=True, kw_only=True):
    """Open the microphone. `audio_clock` asks for `audio_ms` on transcripts (dialect A)."""

    rate_hz: int
    audio_clock: bool = False


class StopListening(msgspec.Struct, frozen=True):
    """Finalize what is pending at once, without waiting for silence."""


class CancelReply(msgspec.Struct, frozen=True):
    """Stop the reply; the conversation's memory stays as it was."""


class Audio(msgspec.Struct, frozen=True):
    """PCM16 little-endian mono at the rate that was started, or at `rate_hz` where the audio itself
    says one."""

    pcm16: bytes
    rate_hz: int = 0


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


class CommitAudio(msgspec.Struct, frozen=True):
    """What was sent is an utterance, whatever the detector says: transcribe it, and do not answer
    it by yourself."""


class GiveAudio(msgspec.Struct, frozen=True, kw_only=True):
    """An utterance that was not said here: the client has its sound. It becomes an item."""

    pcm16: bytes
    rate_hz: int
    id: str = ""
    """Of the item; empty: it is made."""
    after: str | None = None
    """As for AddItem."""
    ref: str = ""


class ClearAudio(msgspec.Struct, frozen=True):
    """Forget what was sent and is no utterance yet."""


class TuneHearing(msgspec.Struct, frozen=True, kw_only=True):
    """How it is heard from here on that somebody speaks, and that they are done. None: as the
    server has it."""

    by_hand: bool = False
    """The client says where utterances end; nothing else does."""
    judged: bool = True
    """Whether words and tone decide how long a silence ends a turn; else it is `silence_ms`."""
    silence_ms: int | None = None
    pad_ms: int | None = None
    """How much of what came before speech belongs to it."""
    threshold: float | None = None
    """How sure a detector must be, 0 to 1; for those that know."""
    longest_wait_ms: int | None = None
    """The longest silence that is waited for in words that want more."""


class TellClient(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to do but to answer."""

    event: Outbound


class Digit(msgspec.Struct, frozen=True):
    """The person pressed this key: one of "0123456789*#ABCD"."""

    digit: str


class LineTold(msgspec.Struct, frozen=True):
    """The telephone service says this of the call, by another way than its audio: "machine"."""

    news: str


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
    | Digit
    | LineTold
    | Remark
    | CommitAudio
    | GiveAudio
    | ClearAudio
    | TuneHearing
    | TellClient
    | Effect
)
