"""What is said of one utterance on its way to the recognizer, and the markers that travel with it.

`audio_ms` is a position on the session's audio clock: milliseconds of audio received since the
session began. `*_s` are seconds of the session's time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ..protocol.commands import GiveAudio, TuneHearing

# Markers go the whole way, Receiver -> VAD -> ASR -> dialogue, so that each arrives behind all
# that was heard before it.


@dataclass(frozen=True, slots=True)
class MicrophoneOpened:
    """The client said start."""


@dataclass(frozen=True, slots=True)
class MicrophoneClosed:
    """The client said stop: what is pending ends now."""


@dataclass(frozen=True, slots=True)
class HearingCancelled:
    """The client said cancel: what is pending is forgotten."""


@dataclass(frozen=True, slots=True)
class AudioCommitted:
    """The client said that an utterance ends here."""


@dataclass(frozen=True, slots=True)
class AudioCleared:
    """The client said that what is pending is forgotten. A reply goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundGiven:
    """The client has the sound of an utterance that was not said here: PCM16 at 16 kHz. It goes no
    further than to the VAD actor, which makes an utterance of it."""

    pcm16: bytes
    given: GiveAudio


@dataclass(frozen=True, slots=True)
class HearingTuned:
    """From here on it is heard in another way. It goes no further than to the VAD actor."""

    tuning: TuneHearing


Marker: TypeAlias = (
    MicrophoneOpened | MicrophoneClosed | HearingCancelled | AudioCommitted | AudioCleared
)

# VAD -> ASR


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceBegan:
    """Speech began. `number` counts a session's utterances from 1; `first_sample_s` is when the
    first sample of the speech was received (t0)."""

    number: int
    first_sample_s: float
    audio_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceAudio:
    """Audio of the utterance; the first one holds what was padded before its onset."""

    number: int
    pcm16: bytes
    audio_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UtterancePaused:
    """A short silence began, which may be its end; `pause` numbers them."""

    number: int
    pause: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceResumed:
    """It was not the end: speech goes on."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceEnded:
    """`too_long`: it was cut at the longest utterance that is taken. `last_sample_s` is when the
    last sample of speech was received, before the silence that ended it; `decided_s` when that
    silence was long enough. When it happened is no part of what is said."""

    number: int
    audio_ms: int
    too_long: bool = False
    unsure: bool = False
    """It was a sound during a reply, too short for certain speech."""
    unfinished: bool = False
    """Its words want more, and nothing came for as long as anybody is waited for."""
    by_hand: bool = False
    """The client said that it ends here, and will say what follows."""
    last_sample_s: float = field(default=0.0, compare=False)
    decided_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceDropped:
    """The client cancelled it."""

    number: int


Spoken: TypeAlias = (
    UtteranceBegan
    | UtteranceAudio
    | UtterancePaused
    | UtteranceResumed
    | UtteranceEnded
    | UtteranceDropped
    | Marker
)
