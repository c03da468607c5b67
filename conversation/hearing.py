"""What is being heard: the audio clock, the audio in hand, and what others have been told of it.

Owned by the session, so that a VAD actor that is restarted after a bug goes on with the same audio
and the same marker. Bounded: a message of audio, the padding, and a message's part of an utterance.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..protocol.commands import TuneHearing
from .attempts import MAX_ATTEMPTS
from .spoken import HearingTuned, Marker, SoundGiven


@dataclass(frozen=True, slots=True)
class Over:
    """An utterance that the ASR actor has seen the end of, and nobody else."""

    number: int
    audio_ms: int
    last_sample_s: float
    dropped: bool = False


@dataclass(slots=True)
class HearingState:
    """No audio that was taken in is lost by a crash. A frame over which detectors crashed twice
    counts as silence; its audio stays where it is."""

    heard_bytes: int = 0
    """The audio clock."""
    utterance: int = 0
    """The number of the newest utterance."""
    open: bool = False
    """Whether the ASR actor has been told of a beginning and not yet of its end."""
    over: Over | None = None
    """What the dialogue and the client are still to be told is over."""
    last_sample_s: float = 0.0
    """When the newest frame of speech was received."""
    began_ms: int = 0
    """Where the newest utterance began, on the audio clock."""
    voiced_ms: int = 0
    """The end of the newest frame of speech, on the audio clock."""
    spoke_until_ms: int | None = None
    """The end of speech in the newest utterance that is over; None: there is none."""
    unfinished: bool = False
    """Whether the words before the newest silence want more, as far as anybody knows."""
    sure_told: int = 0
    """The utterance of which it was told last that it is speech for certain."""
    long_told: int = 0
    """The utterance of which it was told last that it is long."""
    sounding: bool = False
    """Whether the dialogue has been told of a sound, and not yet what became of it."""
    shed_told: bool = False
    """Whether the client has been told of the audio that is being left out."""
    tuning: TuneHearing | None = None
    """How the client wants it heard; None: as the settings say."""
    given: deque[SoundGiven] = field(default_factory=deque)
    """Utterances that the client gave and that wait for the end of the one that is spoken."""
    marker: Marker | HearingTuned | None = None
    """A marker that came, until it was passed on."""
    received_s: float = 0.0
    """When the newest audio was received."""
    unframed: bytearray = field(default_factory=bytearray)
    """Audio that was not judged yet, or is being judged."""
    before: bytearray = field(default_factory=bytearray)
    """Audio before a possible onset: the padding that a recognizer needs to hear it whole."""
    pending: bytearray = field(default_factory=bytearray)
    """Audio of the utterance that was not passed on yet."""
    frame_attempts: int = 0
    """How often the frame at the beginning of `unframed` was given to a detector."""

    @property
    def by_hand(self) -> bool:
        """Whether the client alone says where utterances end."""
        return self.tuning is not None and self.tuning.by_hand

    def take_in(self, pcm16: bytes, received_s: float) -> None:
        self.unframed += pcm16
        self.received_s = received_s

    def attempt_frame(self) -> bool:
        """Count an attempt at the next frame. False: the detector crashed over it as often as it
        may, and is not asked again."""
        if self.frame_attempts >= MAX_ATTEMPTS:
            return False
        self.frame_attempts += 1
        return True

    def frame_judged(self, frame: bytes, *, keep_before: int) -> None:
        """The next frame has its verdict. Before an utterance so many bytes of padding are kept."""
        del self.unframed[: len(frame)]
        self.frame_attempts = 0
        if self.open:
            self.pending += frame
        else:
            self.before += frame
            if (surplus := len(self.before) - keep_before) > 0:
                del self.before[:surplus]

    def forget_audio(self) -> None:
        """What comes next has nothing to do with what was heard so far."""
        self.unframed.clear()
        self.before.clear()
        self.pending.clear()
        self.frame_attempts = 0
