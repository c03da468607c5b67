"""Asterisk's AudioSocket: frames of a kind, a length and a payload over TCP, which
`server/telephone/audiosocket` cuts and joins.

Nothing is kept on the other side: what is sent is played at once, so that little is sent ahead, and
an interruption is that nothing more is sent. Source: wire facts of the telephone, 5b.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from .. import events
from ..call_start import CallStart
from ..codes import Breach, Violation
from ..commands import Command, EndSession
from ..dialect import NO_CHOICES, Choices, Dialect, Frame, NowMs
from .line_codec import WholeFrames
from .profile import SOUND_OPTIONS, at_rate, telephone_profile
from .sound import Sound, chosen_sound

HANG_UP, UUID, KEY, AUDIO, ERROR = 0x00, 0x01, 0x03, 0x10, 0xFF

RATES_HZ = {
    0x10: 8_000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
}
"""By the kind of an audio frame. 0x17 and 0x18 are 96 and 192 kHz, which are not understood."""

KINDS = {rate_hz: kind for kind, rate_hz in RATES_HZ.items()}

HEADER_BYTES = 3

LEAD_MS = 40

PROFILE = telephone_profile(
    "audiosocket", at_sound="wait", tells_cleared=False, reply_lead_ms=LEAD_MS, reply_frame_ms=20
)


def frame_of(kind: int, payload: bytes = b"") -> bytes:
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


def parts_of(frame: Frame) -> tuple[int, bytes]:
    """The kind and the payload. Raises Violation for what is no frame."""
    if isinstance(frame, str):
        raise Violation(Breach.UNKNOWN_TYPE, "text is not understood")
    if len(frame) < HEADER_BYTES or len(frame) - HEADER_BYTES != int.from_bytes(frame[1:3], "big"):
        raise Violation(Breach.INVALID_FIELD, f"a frame of {len(frame)} bytes of another length")
    return frame[0], frame[HEADER_BYTES:]


class AudioSocketArrival:
    """The call is told by its UUID, and its rate by its first audio."""

    def __init__(self) -> None:
        self._call_id = ""

    def read(self, frame: Frame) -> CallStart | None:
        try:
            kind, payload = parts_of(frame)
        except Violation:
            return None
        if kind == UUID and len(payload) == 16 and not self._call_id:
            self._call_id = str(uuid.UUID(bytes=payload))
        elif kind >= AUDIO and kind != ERROR and self._call_id:
            rate_hz = RATES_HZ.get(kind)
            if rate_hz is None:
                raise Violation(Breach.UNSUPPORTED_RATE, f"audio of the kind {kind:#x}")
            return CallStart(
                service="audiosocket",
                call_id=self._call_id,
                choices=Sound("l16", rate_hz).choices,
            )
        return None


class AudioSocketCodec(WholeFrames):
    most_ms = 100.0  # it keeps nothing

    def __init__(self, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        sound = chosen_sound({"coding": "l16", **choices})
        super().__init__(at_rate(PROFILE, choices), sound, now_ms)
        self._kind = KINDS[sound.rate_hz]

    def read(self, frame: Frame) -> Sequence[Command]:
        kind, payload = parts_of(frame)
        if kind == self._kind:
            return self._heard(payload) if payload else ()
        if kind == UUID:
            return self._start()
        if kind == KEY:
            return self._key(payload.decode("latin-1"))
        if kind in (HANG_UP, ERROR):
            return (EndSession(),)
        if kind in RATES_HZ:
            raise Violation(Breach.UNSUPPORTED_RATE, f"this line has {self._sound.rate_hz} Hz")
        raise Violation(Breach.UNKNOWN_TYPE, f"unknown kind {kind:#x}")

    def _piece(self, data: bytes) -> Frame:
        return frame_of(self._kind, data)

    def _held(self) -> list[Frame]:
        return []

    def _parting(self, event: events.Closing) -> list[Frame]:
        return [frame_of(HANG_UP)]


DIALECT = Dialect(
    profile=PROFILE,
    profile_of=at_rate,
    codec=AudioSocketCodec,
    arrival=AudioSocketArrival,
    paths=(),
    options=SOUND_OPTIONS,
)
