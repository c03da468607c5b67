"""The utterance being heard: its audio, how much of it the recognizer has been given, and what the
dialogue must still be told.

Owned by the session, so that an ASR actor that is restarted feeds its recognizer again from here,
and tells what the one before it had not told yet. Bounded: an utterance ends at
STREAM_MAX_UTTERANCE_MS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..audio.pcm import BYTES_PER_MS
from ..protocol.codes import Code
from .agreement import Agreement, Shown
from .attempts import MAX_ATTEMPTS
from .spoken import (
    Marker,
    Spoken,
    UtteranceAudio,
    UtteranceBegan,
    UtteranceDropped,
    UtteranceEnded,
    UtterancePaused,
    UtteranceResumed,
)

SLICE_BYTES = 1000 * BYTES_PER_MS
"""How much is fed at once: after a crash, progress is judged per second of audio, and another
session's audio gets its turn in between."""

NOTHING = Shown("", 0)

Final = TypeVar("Final")
"""What the recognizer gives at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Why the recognizer gave an utterance up, in words for the client."""

    code: Code
    message: str


@dataclass(slots=True)
class UtteranceInHand(Generic[Final]):
    """`absorb` takes what the VAD actor says, in order; nothing that was absorbed is lost."""

    number: int = 0
    """0: there is none."""
    began_ms: int = 0
    """Where on the session's audio clock it began."""
    first_sample_s: float = 0.0
    first_partial_s: float | None = None
    audio: bytearray = field(default_factory=bytearray)
    fed: int = 0
    audio_ms: int = 0
    hypothesis: Shown = NOTHING
    """What the recognizer makes of it so far."""
    hypothesis_ms: int = 0
    """The session's audio that it covers."""
    agreement: Agreement = field(default_factory=Agreement)
    last_partial: str = ""
    """What of that the client has been told."""
    last_partial_s: float = float("-inf")
    last_partial_ms: int = 0
    """The audio that it covered."""
    finalizing_told: bool = False
    attempts: int = 0
    given_up: bool = False
    failure: Failed | None = None
    """Why it was given up, until the dialogue has been told."""
    pause: int = 0
    """The number of the short silence that goes on now; 0: there is none."""
    pause_judged: bool = False
    paused_at: int = 0
    """Where in the audio it began: what follows is not fed before speech goes on."""
    foreseen: bool = False
    """Whether the dialogue has been told what will be heard."""
    ended: UtteranceEnded | None = None
    final: Final | None = None
    """What was heard, until the dialogue has it."""
    dropped: bool = False
    slow: int = 0
    """How many utterances in a row took longer to transcribe than to say; `clear` leaves it."""
    marker: Marker | None = None
    """A marker that came, until the dialogue has it. It must not overtake the utterance, so `clear`
    leaves it."""

    @property
    def present(self) -> bool:
        return self.number > 0

    @property
    def complete(self) -> bool:
        """Whether its end is known; what comes next belongs to another."""
        return self.ended is not None or self.dropped or self.marker is not None

    @property
    def spent(self) -> bool:
        """Whether the recognizer has failed on it as often as it may."""
        return self.attempts >= MAX_ATTEMPTS

    @property
    def fed_audio_ms(self) -> int:
        """Where on the session's audio clock the recognizer has got to."""
        return self.audio_ms_at(self.fed)

    def audio_ms_at(self, offset: int) -> int:
        """Where on the session's audio clock so many bytes of the utterance end."""
        return self.audio_ms - (len(self.audio) - offset) // BYTES_PER_MS

    def absorb(self, message: Spoken) -> None:
        match message:
            case UtteranceBegan():
                self.clear()
                self.number = message.number
                self.first_sample_s = message.first_sample_s
                self.began_ms = self.audio_ms = message.audio_ms
            case UtteranceAudio() if message.number == self.number:
                if not self.given_up:
                    self.audio += message.pcm16
                self.audio_ms = message.audio_ms
            case UtterancePaused() if message.number == self.number:
                self.pause, self.pause_judged = message.pause, False
                self.paused_at = len(self.audio)
            case UtteranceResumed() if message.number == self.number:
                self.pause = 0
            case UtteranceEnded() if message.number == self.number:
                self.ended = message
                self.audio_ms = message.audio_ms
            case UtteranceDropped() if message.number == self.number:
                self.dropped = True
            case (
                UtteranceAudio()
                | UtterancePaused()
                | UtteranceResumed()
                | UtteranceEnded()
                | UtteranceDropped()
            ):
                pass  # of an utterance that is over
            case _:
                self.marker = message

    def next_slice(self) -> bytes:
        """The next audio to feed; empty when the recognizer has all of it."""
        end = self.fed + SLICE_BYTES
        return bytes(self.audio[self.fed : min(end, self.paused_at) if self.pause else end])

    def was_fed(self, pcm16: bytes) -> None:
        self.fed += len(pcm16)

    def feed_again(self) -> None:
        """The recognizer forgot it: everything is to be fed from the start."""
        self.fed = 0

    def give_up(self, failure: Failed) -> None:
        """Keep its number, to know its end by, and let go of its audio. The dialogue is told of
        `failure`, unless the utterance was dropped: then the VAD actor has told its end."""
        self.given_up = True
        self.failure = None if self.dropped else failure
        self.hypothesis = Shown(self.last_partial, 0)
        self.audio.clear()
        self.fed = 0

    def clear(self) -> None:
        self.number = 0
        self.first_partial_s = None
        self.audio = bytearray()
        self.fed = 0
        self.hypothesis = NOTHING
        self.hypothesis_ms = 0
        self.agreement = Agreement()
        self.last_partial = ""
        self.last_partial_s = float("-inf")
        self.last_partial_ms = 0
        self.finalizing_told = False
        self.attempts = 0
        self.given_up = False
        self.failure = None
        self.pause = 0
        self.pause_judged = False
        self.paused_at = 0
        self.foreseen = False
        self.ended = None
        self.final = None
        self.dropped = False
