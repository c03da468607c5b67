"""What the codecs of all telephone lines share: the line's time, what is heard of it and of us.

A service's codec says how its messages are read and spelled. What goes over a line is counted here
in pieces of FRAME_MS, with marks between them, so that it is known what the person has heard.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from ...audio import dtmf
from .. import events
from ..codes import Breach, Violation
from ..commands import Audio, Command, Digit, Ping, Remark, StartListening
from ..dialect import Frame, NowMs, Profile
from . import line_frames
from .heard import EVERY_MS, Playback
from .line_clock import LineClock
from .sound import Sound

KEYS = "0123456789*#ABCD"

KEPT_FRAMES = 30_000
"""What is kept of what the service has no room for: ten minutes."""


class LineCodec(ABC):
    """Of one line. A service's codec has `read`, and of the others what it says another way.

    Replies leave at the pace of their playback, but tones and announcements leave at once. What the
    service has no room for is kept here, and let out as the line's time goes on.
    """

    most_ms: float = math.inf
    """How much sound the service keeps before it loses some."""

    def __init__(
        self, profile: Profile, sound: Sound, now_ms: NowMs, every_ms: float = EVERY_MS
    ) -> None:
        self.profile = profile
        self._sound = sound
        self._now_ms = now_ms
        self._clock = LineClock()
        self._playback = Playback(every_ms)
        self._started = False
        self._kept: deque[tuple[Frame, float]] = deque()
        """What is not sent yet, each with its milliseconds of sound."""
        self._full_until_ms = 0.0
        """When all that was sent will have been played, by our clock."""

    # In

    def decode(self, frame: Frame) -> Sequence[Command]:
        """Raises Violation for what is not of the service."""
        if isinstance(frame, str) and frame.startswith(line_frames.PREFIX):
            return self._ours(frame)
        return self.read(frame)

    @abstractmethod
    def read(self, frame: Frame) -> Sequence[Command]:
        """A message of the service."""
        ...

    def _ours(self, frame: str) -> Sequence[Command]:
        ms = line_frames.quiet_ms_of(frame)
        if ms and self._started:
            return (Audio(self._silence(self._clock.quiet(ms))), *self._more())
        command = line_frames.command_of(frame)
        return (command,) if command is not None else ()

    def _start(self) -> Sequence[Command]:
        """The line is open. Raises Violation where it was."""
        if self._started:
            raise Violation(Breach.INVALID_FIELD, "the call has started already")
        self._started = True
        return (StartListening(rate_hz=self._sound.rate_hz),)

    def _heard(self, data: bytes, at_ms: float | None = None) -> Sequence[Command]:
        """Sound of the line came, which the service places at `at_ms` of its own time."""
        if len(data) > self.profile.max_audio_bytes:
            raise Violation(Breach.OVERSIZED_FRAME, f"audio: {len(data)} bytes")
        if not data:
            raise Violation(Breach.INVALID_AUDIO, "audio: nothing")
        pcm16 = self._sound.heard(data)
        jumps = self._clock.jumps
        missing_ms, late_ms = self._clock.place(self._sound.ms_of(len(data)), at_ms, self._now_ms())
        if missing_ms:
            pcm16 = self._silence(missing_ms) + pcm16
        elif late_ms:
            pcm16 = pcm16[round(late_ms * self._sound.rate_hz / 1000) * 2 :]
        commands: list[Command] = [Audio(pcm16), *self._more()] if pcm16 else []
        if self._clock.jumps != jumps:
            commands.insert(0, Remark(breach=Breach.SEQUENCE_JUMP))
        return commands

    def _more(self) -> Sequence[Command]:
        """Asks for what is kept, once there is room: it is let out as the answer to a Ping."""
        return (Ping(),) if self._kept and self._room(self._kept[0][1]) else ()

    def _silence(self, ms: float) -> bytes:
        return bytes(round(ms * self._sound.rate_hz / 1000) * 2)

    def _mark_came(self, name: str) -> Sequence[Command]:
        now_ms = self._now_ms()
        return self._playback.back(name, self._clock.now_ms(now_ms), now_ms)

    def _clearing_came(self) -> Sequence[Command]:
        now_ms = self._now_ms()
        return self._playback.cleared(self._clock.now_ms(now_ms), now_ms)

    @staticmethod
    def _key(digit: object) -> Sequence[Command]:
        """The person pressed this key. Raises Violation where it is none."""
        key = str(digit).upper()
        if len(key) != 1 or key not in KEYS:
            raise Violation(Breach.INVALID_FIELD, f"dtmf: {key[:20]!r} is no key")
        return (Digit(key),)

    # Out

    def encode(self, event: events.Outbound) -> list[Frame]:
        match event:
            case events.ReplyAudio():
                return self._spoken(event)
            case events.PhraseDone():
                return self._phrase_done()
            case events.ReplyHeld():
                return self._held()
            case events.ReplyReleased():
                return self._released()
            case events.BargeIn():
                return self._cleared()
            case events.DigitsTold():
                return self._digits(event)
            case events.Pong():
                return self._answer()
            case events.Closing():
                return self._parting(event)
        return []

    # How a service spells it

    def _piece(self, data: bytes) -> Frame:
        """Sound of the line, of FRAME_MS at most."""
        return data

    def _mark(self, name: str) -> list[Frame]:
        """A mark behind what was sent. None where the service has no such thing."""
        return []

    def _clear(self) -> list[Frame]:
        """The rest is to be thrown away."""
        return []

    def _clear_told_by_mark(self) -> bool:
        """Whether a mark behind the clearing tells when it was done."""
        return False

    def _answer(self) -> list[Frame]:
        """What was asked for by a Ping."""
        kept, self._kept = self._kept, deque()
        return self._paced(kept)

    def _parting(self, event: events.Closing) -> list[Frame]:
        """The call is ended by us."""
        return []

    # The way out

    def _pieces(self, event: events.ReplyAudio) -> Iterator[tuple[bytes, float]]:
        """The pieces in which this leaves, each with the milliseconds of it that are sound of the
        reply."""
        data, step = self._sound.spoken(event.pcm16), self._sound.frame_bytes
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            yield piece, self._sound.ms_of(len(piece))

    def _spoken(self, event: events.ReplyAudio) -> list[Frame]:
        return self._paced(self._timed(event))

    def _timed(self, event: events.ReplyAudio) -> Iterator[tuple[Frame, float]]:
        for piece, ms in self._pieces(event):
            yield self._piece(piece), ms
            for mark in self._named(self._playback.sent(event, ms)):
                yield mark, 0.0

    def _phrase_done(self) -> list[Frame]:
        return self._paced((mark, 0.0) for mark in self._named(self._playback.mark()))

    def _room(self, ms: float) -> bool:
        """Whether the service has room for so much sound."""
        ahead_ms = self._full_until_ms - self._now_ms()
        # It is never further ahead than that, unless the clock was set back.
        return ahead_ms + ms <= self.most_ms or ahead_ms > self.most_ms

    def _paced(self, frames: Iterable[tuple[Frame, float]]) -> list[Frame]:
        """Those of these that leave now; the others are kept, behind what is kept already."""
        leaving: list[Frame] = []
        now_ms = self._now_ms()
        for frame, ms in frames:
            if self._kept or not self._room(ms):
                if len(self._kept) < KEPT_FRAMES:
                    self._kept.append((frame, ms))
                continue
            if self._full_until_ms - now_ms > self.most_ms:
                self._full_until_ms = now_ms
            self._full_until_ms = max(self._full_until_ms, now_ms) + ms
            leaving.append(frame)
        return leaving

    def _named(self, name: str) -> list[Frame]:
        return self._mark(name) if name else []

    def _held(self) -> list[Frame]:
        return self._cleared()

    def _released(self) -> list[Frame]:
        return []

    def _cleared(self) -> list[Frame]:
        if not self._playback.unplayed:
            return []  # nothing has left since it was cleared
        self._kept.clear()
        self._full_until_ms = 0.0
        name = self._playback.clear()
        return [*self._clear(), *(self._named(name) if self._clear_told_by_mark() else [])]

    def _digits(self, event: events.DigitsTold) -> list[Frame]:
        """As tones, where the service has no word for it."""
        pcm16 = dtmf.tones(event.digits, self._sound.rate_hz)
        return self._spoken(events.ReplyAudio(seq=0, pcm16=pcm16, rate_hz=self._sound.rate_hz))


class WholeFrames(LineCodec):
    """A line that plays whole pieces of FRAME_MS only. What fills none waits for more of its
    phrase; at the end of the phrase it is filled with silence."""

    def __init__(
        self, profile: Profile, sound: Sound, now_ms: NowMs, every_ms: float = EVERY_MS
    ) -> None:
        super().__init__(profile, sound, now_ms, every_ms)
        self._rest = b""
        self._rest_of: events.ReplyAudio | None = None

    def _pieces(self, event: events.ReplyAudio) -> Iterator[tuple[bytes, float]]:
        sound, step = self._sound, self._sound.frame_bytes
        data = sound.spoken(event.pcm16)
        if event.turn:
            of = self._rest_of
            if of is not None and (of.turn, of.generation) == (event.turn, event.generation):
                data = self._rest + data
            whole = len(data) // step * step
            data, self._rest, self._rest_of = data[:whole], data[whole:], event
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            yield self._filled(piece), sound.ms_of(len(piece))

    def _filled(self, piece: bytes) -> bytes:
        lacking = self._sound.frame_bytes - len(piece)
        return piece + self._sound.silence * (lacking // self._sound.sample_bytes)

    def _phrase_done(self) -> list[Frame]:
        return [*self._paced(self._last_piece()), *super()._phrase_done()]

    def _last_piece(self) -> Iterator[tuple[Frame, float]]:
        """What is left of the phrase."""
        rest, of, self._rest, self._rest_of = self._rest, self._rest_of, b"", None
        if rest and of is not None:
            ms = self._sound.ms_of(len(rest))
            name = self._playback.sent(of, ms)
            yield self._piece(self._filled(rest)), ms
            for mark in self._named(name):
                yield mark, 0.0

    def _cleared(self) -> list[Frame]:
        self._rest, self._rest_of = b"", None
        return super()._cleared()
