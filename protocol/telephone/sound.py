"""The sound of a line: how its samples are written, and at which rate.

Inside, audio is PCM16 little-endian. A line has G.711 (a byte a sample), or 16 bits in either byte
order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

import msgspec
import numpy as np

from ...audio import g711
from ..codes import Breach, Violation
from ..rates import in_words, rate_of

Coding: TypeAlias = Literal["ulaw", "alaw", "l16", "l16be"]

CODINGS: tuple[Coding, ...] = ("ulaw", "alaw", "l16", "l16be")

RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

FRAME_MS = 20
"""Every service sends and plays pieces of this length."""

_NAMES: dict[str, Coding] = {
    "audio/x-mulaw": "ulaw",
    "audio/mulaw": "ulaw",
    "mulaw": "ulaw",
    "ulaw": "ulaw",
    "pcmu": "ulaw",
    "audio/x-alaw": "alaw",
    "alaw": "alaw",
    "pcma": "alaw",
    "audio/x-l16": "l16",
    "audio/l16": "l16",
    "audio/x-raw": "l16",
    "l16": "l16",
    "slin": "l16",
    "base64": "l16",
}


class Sound(msgspec.Struct, frozen=True):
    """`coding` and `rate_hz` of one line."""

    coding: Coding
    rate_hz: int

    @property
    def frame_bytes(self) -> int:
        """Of a piece of FRAME_MS on the line."""
        return self.rate_hz * FRAME_MS // 1000 * self.sample_bytes

    @property
    def frame_samples(self) -> int:
        """Of a piece of FRAME_MS."""
        return self.rate_hz * FRAME_MS // 1000

    @property
    def sample_bytes(self) -> int:
        return 1 if self.coding in ("ulaw", "alaw") else 2

    @property
    def silence(self) -> bytes:
        """The sample of silence on the line."""
        return {"ulaw": b"\xff", "alaw": b"\xd5"}.get(self.coding, b"\x00\x00")

    def ms_of(self, line_bytes: int) -> float:
        """How long so many bytes on the line are heard."""
        return line_bytes / self.sample_bytes * 1000 / self.rate_hz

    def heard(self, data: bytes) -> bytes:
        """PCM16 of what came over the line. Raises Violation for half a sample."""
        if self.coding == "ulaw" or self.coding == "alaw":
            return g711.decode(data, self.coding)
        if len(data) % 2:
            raise Violation(Breach.ODD_AUDIO, f"{len(data)} bytes; samples are two each")
        return data if self.coding == "l16" else swapped(data)

    def spoken(self, pcm16: bytes) -> bytes:
        """What goes over the line for this PCM16, at the line's rate."""
        if self.coding == "ulaw" or self.coding == "alaw":
            return g711.encode(pcm16, self.coding)
        return pcm16 if self.coding == "l16" else swapped(pcm16)

    @property
    def choices(self) -> dict[str, str]:
        """As a session's dialect is chosen by it."""
        return {"coding": self.coding, "rate": str(self.rate_hz)}


def swapped(data: bytes) -> bytes:
    """16-bit samples in the other byte order."""
    other: bytes = np.frombuffer(data, dtype="<u2").byteswap().tobytes()
    return other


def chosen_sound(choices: Mapping[str, str], rate_hz: int | None = None) -> Sound:
    """The sound of a line whose dialect was chosen by these, see Sound.choices; `rate_hz` where
    they do not say it."""
    coding = cast("Coding", choices.get("coding", CODINGS[0]))
    return Sound(coding, int(choices.get("rate") or rate_hz or RATES_HZ[0]))


def sound_of(coding: object, rate_hz: object, *, big_endian: bool = False) -> Sound:
    """What a service calls its format. Raises Violation where it is none that is understood."""
    found = _NAMES.get(str(coding).partition(";")[0].strip().lower())
    if found is None:
        raise Violation(
            Breach.INVALID_AUDIO,
            f"audio as {str(coding)[:40]!r} is not understood: choose µ-law, A-law or L16",
        )
    allowed = RATES_HZ if found == "l16" else RATES_HZ[:1]
    rate = rate_of(rate_hz, allowed)
    if rate is None:
        raise Violation(
            Breach.UNSUPPORTED_RATE,
            f"{found} at {str(rate_hz)[:20]} Hz is not understood; allowed: {in_words(allowed)}",
        )
    return Sound("l16be" if found == "l16" and big_endian else found, rate)
