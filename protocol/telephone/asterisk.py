"""Asterisk's chan_websocket: binary audio, control as plain text or as JSON, as the first message
is.

At the first sound over a reply Asterisk pauses. If it is speech, it is asked how much it still has,
and told to throw that away and go on; since it is paused, the number is exact. Its marks tell how
far it is meanwhile, and none comes back of what is thrown away. A phrase is put between
START_MEDIA_BUFFERING and STOP_MEDIA_BUFFERING: outside of them, what fills no piece of 20 ms is
lost. Source: wire facts of the telephone, 5a.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from .. import events
from ..call_start import CallStart, parameters_of, words
from ..codes import Breach, Violation
from ..commands import Command
from ..dialect import NO_CHOICES, Choices, Dialect, Frame, NowMs
from .asterisk_text import Control, command, format_of, told_by
from .control_text import inner
from .heard import Part
from .line_codec import KEPT_FRAMES, WholeFrames
from .profile import SOUND_OPTIONS, at_rate, telephone_profile
from .sound import chosen_sound

PROFILE = telephone_profile("asterisk", at_sound="pause")

QUEUE_FRAMES = 1_000
"""Asterisk keeps no more."""

MOST_MS = 16_000.0
"""At 18 s it says that it takes no more, and at 20 s it loses what comes."""


class AsteriskArrival:
    def read(self, frame: Frame) -> CallStart | None:
        if not isinstance(frame, str):
            return None
        try:
            message, control = told_by(frame)
        except Violation:
            return None
        if message.get("event") != "MEDIA_START":
            return None
        variables = parameters_of(inner(message, "channel_variables"))
        return CallStart(
            service="asterisk",
            stream_id=words(message.get("connection_id")),
            call_id=words(message.get("channel_id")),
            caller=variables.get("caller") or variables.get("CALLERID(num)", ""),
            called=variables.get("called", ""),
            parameters={"channel": words(message.get("channel")), **variables},
            choices={**format_of(message.get("format")).choices, "control": control},
        )


class AsteriskCodec(WholeFrames):
    most_ms = MOST_MS

    def __init__(self, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        super().__init__(at_rate(PROFILE, choices), chosen_sound(choices), now_ms)
        self._control = cast("Control", choices.get("control", "plain"))
        self._buffering = False
        self._paused: Part | None = None
        """The reply at which Asterisk was paused."""
        self._full = False
        self._unsent = 0
        """How many pieces were kept when the last reply was thrown away."""
        self._queued: deque[tuple[Part, float]] = deque(maxlen=QUEUE_FRAMES + KEPT_FRAMES)
        """Of each piece that was sent, the newest last: whose it is, how much of a reply."""
        self._asked: deque[tuple[list[float], float]] = deque(maxlen=32)
        """For each question how much is left, oldest first: the pieces that were sent up to it, and
        how much was kept here."""

    # In

    def read(self, frame: Frame) -> Sequence[Command]:
        if isinstance(frame, bytes):
            return self._heard(frame)
        message, _ = told_by(frame)
        match message.get("event"):
            case "MEDIA_START":
                return self._start()
            case "MEDIA_MARK_PROCESSED":
                return self._mark_came(str(message.get("correlation_id", "")))
            case "STATUS":
                return self._status(message)
            case "DTMF_END":
                return self._key(message.get("digit"))
            case "MEDIA_XOFF":
                self._full = True
                return ()
            case "MEDIA_XON":
                self._full = False
                return self._more()
            case "MEDIA_BUFFERING_COMPLETED" | "QUEUE_DRAINED" | "ERROR":
                return ()
            case event:
                raise Violation(Breach.UNKNOWN_TYPE, f"unknown event {str(event)[:40]!r}")

    def _status(self, message: Mapping[str, Any]) -> Sequence[Command]:
        told = str(message.get("queue_length", ""))
        if not (told.isascii() and told.isdigit() and len(told) < 6):
            raise Violation(Breach.INVALID_FIELD, f"STATUS: queue_length {told[:20]!r}")
        if not self._asked:
            return ()
        (sent, kept_ms), waiting = self._asked.popleft(), int(told)
        return self._playback.left(kept_ms + sum(sent[-waiting:] if waiting else ()))

    # Out

    def _room(self, ms: float) -> bool:
        return not self._full and super()._room(ms)

    def _command(self, name: str, value: str = "") -> Frame:
        return command(self._control, name, value)

    def _mark(self, name: str) -> list[Frame]:
        return [self._command("MARK_MEDIA", name)]

    def _pieces(self, event: events.ReplyAudio) -> Iterator[tuple[bytes, float]]:
        part = (event.turn, event.generation)
        for piece, ms in super()._pieces(event):
            self._queued.append((part, ms if event.turn else 0.0))
            yield piece, ms

    def _spoken(self, event: events.ReplyAudio) -> list[Frame]:
        frames: list[Frame] = []
        if self._paused is not None and event.turn not in (0, self._paused[0]):
            # That reply is over, and what Asterisk still has of it is not to be heard.
            frames += [self._command("FLUSH_MEDIA"), *self._released()]
            self._queued.clear()
            self._buffering = False
        return [*frames, *super()._spoken(event)]

    def _timed(self, event: events.ReplyAudio) -> Iterator[tuple[Frame, float]]:
        if event.turn and not self._buffering:
            self._buffering = True
            yield self._command("START_MEDIA_BUFFERING"), 0.0
        yield from super()._timed(event)

    def _last_piece(self) -> Iterator[tuple[Frame, float]]:
        rest, of, self._rest, self._rest_of = self._rest, self._rest_of, b"", None
        if rest and of is not None:
            # Within the bracket a shorter piece is kept, and played at its end.
            ms = self._sound.ms_of(len(rest))
            self._queued.append(((of.turn, of.generation), ms))
            self._playback.sent(of, ms, marked=False)
            yield rest, ms
        if self._buffering:
            self._buffering = False
            yield self._command("STOP_MEDIA_BUFFERING"), 0.0

    def _held(self) -> list[Frame]:
        if self._paused is not None or not self._playback.unplayed:
            return []
        self._paused = self._playback.part
        return [self._command("PAUSE_MEDIA")]

    def _released(self) -> list[Frame]:
        if self._paused is None:
            return []
        self._paused = None
        return [self._command("CONTINUE_MEDIA")]

    def _clear(self) -> list[Frame]:
        part = self._playback.part
        pieces = [ms if of == part else 0.0 for of, ms in self._queued]
        sent = len(pieces) - self._unsent
        self._asked.append((pieces[:sent], sum(pieces[sent:])))
        paused, self._paused = self._paused, None
        self._buffering = False
        self._queued.clear()
        names = ("GET_STATUS", "FLUSH_MEDIA", "CONTINUE_MEDIA")
        return [self._command(n) for n in (names if paused else ("PAUSE_MEDIA", *names))]

    def _cleared(self) -> list[Frame]:
        if not self._playback.unplayed:
            return self._released()
        self._unsent = sum(isinstance(frame, bytes) for frame, _ in self._kept)
        return super()._cleared()

    def _parting(self, event: events.Closing) -> list[Frame]:
        return [self._command("HANGUP")]


DIALECT = Dialect(
    profile=PROFILE,
    profile_of=at_rate,
    codec=AsteriskCodec,
    arrival=AsteriskArrival,
    paths=("/telephone/asterisk",),
    options=MappingProxyType({**SOUND_OPTIONS, "control": ("plain", "json")}),
    subprotocol="media",
    told_by_query=True,
)
