"""A WAV as it comes, piece by piece: the sound is there before the file is.

Services that stream a voice know its length as little as anybody: their headers say 0, or
4,294,967,295, or something wrong. What counts here is the format; the sound lasts as long as the
body does. Pure and synchronous.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .wav import NotAWav

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .downmix import Downmix

RATES_HZ = range(8000, 192_001)
MAX_HEADER_BYTES = 1 << 16
"""What may stand before the sound. A file with pictures in its header is no answer of a voice."""

BATCH_S = 0.005
"""Samples of other kinds than PCM16 mono are made so much at once: one by one each would cost as
much as all of them. What is left of the last ones is given by `finish`; a live client has no end
of a file, so where it stops up to so much of its sound is left out."""

_FIRST_CHUNK = 12
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_KINDS = {2: "ADPCM", 6: "A-law", 7: "mu-law"}
_BEHIND = frozenset(
    {b"LIST", b"id3 ", b"ID3 ", b"fact", b"cue ", b"JUNK", b"junk", b"bext", b"PEAK", b"smpl"}
)
"""Chunks that stand behind the sound and are none of it."""

_LOUDEST = 1000.0
"""Of floating point samples, where 1.0 is full scale: beyond it they are a mistake, and their
powers could not be added up."""


@dataclass(frozen=True, slots=True)
class _Format:
    tag: int
    channels: int
    rate_hz: int
    bits: int

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8

    @property
    def batch_bytes(self) -> int:
        """How much is worth the work of making PCM16 mono of it."""
        made = self.tag == _PCM and self.bits == 16 and self.channels == 1
        return 0 if made else int(self.rate_hz * BATCH_S) * self.frame_bytes


@dataclass(slots=True)
class WavStream:
    """`feed` gives the sound of each piece of the file, as PCM16 little-endian mono at `rate_hz`,
    which is None before the header was there, and `finish` what is left of it. Raises NotAWav."""

    name: str
    _format: _Format | None = None
    _buffer: bytearray = field(default_factory=bytearray)
    _walked: int = _FIRST_CHUNK
    """Where the next chunk of the header begins: what comes byte by byte is walked once."""
    _left: int | None = 0
    """Bytes of sound that the header promises and have not come; None: it does not say."""
    _in_data: bool = False
    _over: bool = False
    _mixer: Downmix | None = None

    @property
    def rate_hz(self) -> int | None:
        return None if self._format is None or not self._in_data else self._format.rate_hz

    @property
    def told(self) -> str:
        """The format in words; empty before the header was there."""
        found = self._format
        if found is None:
            return ""
        kind = "float" if found.tag == _FLOAT else "PCM"
        channels = "1 channel" if found.channels == 1 else f"{found.channels} channels"
        return f"{kind} of {found.bits} bits, {channels}, {found.rate_hz} Hz"

    def feed(self, piece: bytes) -> bytes:
        self._buffer += piece
        sound = b""
        while not self._over:
            if not self._in_data and not self._header():
                break
            there = len(self._buffer)
            sound += self._sound()
            if self._in_data and len(self._buffer) == there:
                break
        return sound

    def finish(self) -> bytes:
        """The body is over: the sound that is left. Raises NotAWav where there was not even a
        header."""
        if self._format is None:
            began = bytes(self._buffer[:4])
            what = "is empty" if not began else "is not a WAV file"
            raise NotAWav(self.name, "ends within its header" if began == b"RIFF" else what)
        return self._sound(ended=True) if self._in_data and not self._over else b""

    # The header

    def _header(self) -> bool:
        """Whether the sound begins, or went on all the time, at the head of what is there."""
        buffer = self._buffer
        if len(buffer) < 12:
            if buffer and not b"RIFF".startswith(bytes(buffer[:4])):
                raise NotAWav(self.name, "is not a WAV file")
            return False
        if buffer[:4] != b"RIFF" or buffer[8:12] != b"WAVE":
            raise NotAWav(self.name, "is not a WAV file")
        while len(buffer) >= (at := self._walked) + 8:
            kind = bytes(buffer[at : at + 4])
            size = int.from_bytes(buffer[at + 4 : at + 8], "little")
            if kind == b"data":
                if self._format is None:
                    raise NotAWav(self.name, "has no format before its sound")
                del buffer[: at + 8]
                self._walked = _FIRST_CHUNK
                self._left = size if 0 < size < 0x7FFF_0000 else None
                self._in_data = True
                return True
            if size > MAX_HEADER_BYTES:
                raise NotAWav(self.name, f"is a damaged WAV file (a header of {size} bytes)")
            if kind == b"fmt ":
                if len(buffer) < at + 8 + size:
                    break
                self._format = self._read_format(bytes(buffer[at + 8 : at + 8 + size]))
            self._walked = at + 8 + size + size % 2
        if len(buffer) > MAX_HEADER_BYTES:
            raise NotAWav(self.name, "is a damaged WAV file (its sound never begins)")
        return False

    def _read_format(self, body: bytes) -> _Format:
        if len(body) < 16:
            raise NotAWav(self.name, "is a damaged WAV file (its format is cut)")
        tag = int.from_bytes(body[:2], "little")
        if tag == _EXTENSIBLE and len(body) >= 26:
            tag = int.from_bytes(body[24:26], "little")
        channels = int.from_bytes(body[2:4], "little")
        rate_hz = int.from_bytes(body[4:8], "little")
        bits = int.from_bytes(body[14:16], "little")
        known = (tag == _PCM and bits in (8, 16, 24, 32)) or (tag == _FLOAT and bits in (32, 64))
        if not known:
            kind = _KINDS.get(tag, f"{bits} bit" if tag in (_PCM, _FLOAT) else f"format {tag}")
            raise NotAWav(self.name, f"holds {kind} samples; supported are PCM and floating point")
        if not 1 <= channels <= 8:
            raise NotAWav(self.name, f"has {channels} channels")
        if rate_hz not in RATES_HZ:
            raise NotAWav(self.name, f"has a sample rate of {rate_hz} Hz")
        return _Format(tag, channels, rate_hz, bits)

    # The sound

    def _sound(self, ended: bool = False) -> bytes:
        """What there is of it, in whole frames."""
        if self._format is None:
            return b""
        if self._left == 0 and not self._past_the_end():
            return b""
        frame = self._format.frame_bytes
        there = len(self._buffer) if self._left is None else min(len(self._buffer), self._left)
        whole = there // frame * frame
        if there < self._format.batch_bytes and there != self._left and not ended:
            return b""
        raw = bytes(self._buffer[:whole])
        del self._buffer[:whole]
        if self._left is not None:
            self._left -= whole
            if 0 < self._left < frame and len(self._buffer) >= self._left:
                del self._buffer[: self._left]
                self._left = 0
        floating, channels = self._format.tag == _FLOAT, self._format.channels
        if channels > 1 and self._mixer is None:
            from .downmix import Downmix

            self._mixer = Downmix()
        return as_pcm16(raw, floating, self._format.bits, channels, self._mixer)

    def _past_the_end(self) -> bool:
        """All that the header promised has come. Whether more sound follows all the same."""
        if len(self._buffer) < 8:
            return False
        kind = bytes(self._buffer[:4])
        if kind == b"RIFF":  # another file: some services send one a sentence
            self._in_data = False
        elif kind in _BEHIND:
            self._over = True
        else:  # the length was wrong
            self._left = None
        return self._in_data and not self._over


def as_pcm16(
    raw: bytes, floating: bool, bits: int, channels: int, mixer: Downmix | None = None
) -> bytes:
    """Whole frames as PCM16 mono. What is no number is silence, what is too loud is clipped.
    `mixer` is what knows the channels from before; it is needed where there are several."""
    if bits == 16 and channels == 1:
        return raw
    import numpy as np

    samples: npt.NDArray[np.float64]
    if floating:
        samples = np.frombuffer(raw, dtype="<f4" if bits == 32 else "<f8").astype(np.float64)
        samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
        samples = samples.clip(-_LOUDEST, _LOUDEST) * 32767
    elif bits == 8:
        samples = (np.frombuffer(raw, dtype=np.uint8).astype(np.float64) - 128) * 256
    elif bits == 24:
        thirds = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3)
        high = thirds[:, 2].astype(np.int8).astype(np.float64) * 256
        samples = high + thirds[:, 1]
    else:
        kind, scale = ("<i2", 1.0) if bits == 16 else ("<i4", 65536.0)
        samples = np.frombuffer(raw, dtype=kind).astype(np.float64) / scale
    mono = mixer.mono(samples.reshape(-1, channels)) if mixer is not None else samples
    clipped: bytes = np.clip(mono.round(), -32768, 32767).astype("<i2").tobytes()
    return clipped
