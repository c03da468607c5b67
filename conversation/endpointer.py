"""Where speech begins and ends: a plain class that is told of every frame whether it is speech.

It counts frames of audio, never time on a clock, so that a client which sends six times faster
than real time gets the same utterances as one in real time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Edge(Enum):
    """What the newest frame made certain."""

    SOUND = "sound"
    """There is a sound where a sound would be an interruption. It may be the beginning of speech:
    an ONSET, or QUIET, comes next."""
    QUIET = "quiet"
    """The sound was nothing."""
    ONSET = "onset"
    """Speech began. In a guarded utterance it is only a sound until CONFIRMED."""
    CONFIRMED = "confirmed"
    """The sound lasted: it is speech."""
    FALSE_ALARM = "false alarm"
    """The guarded sound did not last."""
    PAUSE = "pause"
    """A short silence inside an utterance: it may be its end."""
    UNDECIDED = "undecided"
    """The silence has lasted as long as it must before an end. `decide` says how long it has to."""
    RESUMED = "resumed"
    """Speech goes on after a PAUSE."""
    END = "end"
    """Silence has lasted: the utterance is over."""
    TOO_LONG = "too long"
    """The utterance reached the longest that is taken: it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointerSettings:
    """All in milliseconds of audio."""

    frame_ms: int
    silence_ms: int
    min_speech_ms: int
    max_utterance_ms: int
    onset_ms: int = 90
    """Speech that lasts shorter is a click."""
    sound_ms: int = 30
    """A guarded sound is told when it lasts this long, so that a reply can pause before anything
    is certain: within 100 ms of the first sample, frames and network included."""
    quiet_ms: int = 120
    """A sound that is followed by this much silence, and was no onset, was nothing."""
    sound_most_ms: int = 500
    """So long a sound without an onset is told at the most: keys that are hit one after the other
    must not hold a reply for as long as somebody types."""
    resume_ms: int = 60
    """Speech that lasts shorter does not interrupt a silence that is being counted."""
    alarm_silence_ms: int = 240
    """A guarded sound that is followed by this much silence was a false alarm."""
    pause_ms: int | None = None
    """A silence is told when it lasts this long; None: it is not told."""
    floor_ms: int | None = None
    """At this length of a pause somebody decides how long it must last; None: nobody is asked, and
    `silence_ms` it is."""


class Endpointer:
    """Sound, onset, confirmation, pause, end. Give it each frame's verdict in order.

    `guarded` decides, at the onset, whether the sound must first last `min_speech_ms` before it
    counts as speech: so it is while a reply is spoken.
    """

    def __init__(self, settings: EndpointerSettings) -> None:
        self._frame_ms = settings.frame_ms
        self._settings = settings
        self.reset()

    def tune(self, settings: EndpointerSettings) -> None:
        """Decide by these from now on; an utterance that is open goes on."""
        self._settings = settings

    def reset(self) -> None:
        self._sounding = False
        self._sounded_ms = 0
        self._in_utterance = False
        self._confirmed = False
        self._voiced_run_ms = 0
        self._silent_run_ms = 0
        self._voiced_ms = 0
        self._utterance_ms = 0
        self._pausing = False
        self._window_ms: int | None = None
        self._bridged_ms = 0

    @property
    def onset_ms(self) -> int:
        """How much speech there is when an ONSET is told: whole frames."""
        frames = -(-self._settings.onset_ms // self._frame_ms)
        return frames * self._frame_ms

    @property
    def in_utterance(self) -> bool:
        return self._in_utterance

    @property
    def confirmed(self) -> bool:
        """Whether the utterance is certainly speech."""
        return self._in_utterance and self._confirmed

    @property
    def spoken_ms(self) -> int:
        """From the onset of the utterance to the last speech in it; 0 outside of one."""
        return self._utterance_ms - self._silent_run_ms if self._in_utterance else 0

    @property
    def silent_ms(self) -> int:
        """How long the silence has lasted that is being counted."""
        return self._silent_run_ms

    @property
    def bridged_ms(self) -> int:
        """How long the pause was after which speech went on last: of the newest RESUMED."""
        return self._bridged_ms

    def push(self, voiced: bool, *, guarded: bool = False) -> Edge | None:
        """Take one frame's verdict. `guarded` matters only at an onset."""
        if voiced:
            self._voiced_run_ms += self._frame_ms
        else:
            self._voiced_run_ms = 0
        if not self._in_utterance:
            return self._before(voiced, guarded)
        return self._inside(voiced)

    def _before(self, voiced: bool, guarded: bool) -> Edge | None:
        self._silent_run_ms = 0 if voiced else self._silent_run_ms + self._frame_ms
        if self._voiced_run_ms < self._settings.onset_ms:
            return self._only_sound(guarded)
        self._sounding = False
        self._sounded_ms = 0
        self._in_utterance = True
        self._confirmed = not guarded
        self._voiced_ms = self._voiced_run_ms
        self._utterance_ms = self._voiced_run_ms
        self._silent_run_ms = 0
        return Edge.ONSET

    def _only_sound(self, guarded: bool) -> Edge | None:
        limits = self._settings
        if self._silent_run_ms >= limits.quiet_ms:
            self._sounded_ms = 0
        elif self._sounded_ms:
            self._sounded_ms += self._frame_ms
        if self._sounding and not 0 < self._sounded_ms <= limits.sound_most_ms:
            self._sounding = False
            return Edge.QUIET
        if not self._sounded_ms and guarded and self._voiced_run_ms >= limits.sound_ms:
            self._sounding = True
            self._sounded_ms = self._frame_ms
            return Edge.SOUND
        return None

    def _inside(self, voiced: bool) -> Edge | None:
        limits = self._settings
        self._utterance_ms += self._frame_ms
        if voiced:
            self._voiced_ms += self._frame_ms
        if not voiced:
            self._silent_run_ms += self._frame_ms
        elif self._voiced_run_ms >= limits.resume_ms:
            if self._pausing:
                self._bridged_ms = self._silent_run_ms
            self._silent_run_ms = 0
            if self._pausing:
                self._pausing, self._window_ms = False, None
                if self._utterance_ms < limits.max_utterance_ms:
                    return Edge.RESUMED
        if not self._confirmed:
            # A sound begins and ends inside a frame, and a frame too many is counted: a cough of
            # 250 ms touches ten of 30 ms.
            if self._voiced_ms - self._frame_ms >= limits.min_speech_ms:
                self._confirmed = True
                return Edge.CONFIRMED
            if self._silent_run_ms >= limits.alarm_silence_ms:
                self.reset()
                return Edge.FALSE_ALARM
            return None
        if self._silence_is_over():
            self.reset()
            return Edge.END
        if self._utterance_ms >= limits.max_utterance_ms:
            # What follows is the next utterance, at once if the person is still talking.
            self.reset()
            return Edge.TOO_LONG
        return self._pause()

    def _silence_is_over(self) -> bool:
        limits = self._settings
        window_ms = self._window_ms
        if window_ms is None:
            if limits.floor_ms is not None and self._pausing:
                return False  # nobody has decided yet
            window_ms = limits.silence_ms
        return self._silent_run_ms >= window_ms

    def _pause(self) -> Edge | None:
        limits = self._settings
        if limits.pause_ms is None:
            return None
        if not self._pausing and self._silent_run_ms >= limits.pause_ms:
            self._pausing = True
            return Edge.PAUSE
        undecided = self._pausing and self._window_ms is None and limits.floor_ms is not None
        if undecided and self._silent_run_ms >= (limits.floor_ms or 0):
            return Edge.UNDECIDED
        return None

    def decide(self, window_ms: int) -> Edge | None:
        """After UNDECIDED: so long the silence must last in all. Gives END where it has."""
        if not self._pausing:
            return None
        self._window_ms = window_ms
        if self._silence_is_over():
            self.reset()
            return Edge.END
        return None

    def flush(self) -> Edge | None:
        """The microphone was closed: what is pending ends now."""
        if not self._in_utterance:
            self.reset()
            return None
        edge = Edge.END if self._confirmed else Edge.FALSE_ALARM
        self.reset()
        return edge
