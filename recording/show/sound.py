"""Sound on the time axis: pieces laid where they belong, what of them is drawn, and as a WAV."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...audio.pcm import HEARING_RATE_HZ
from ...audio.resampler import Resampler
from .timeline import Samples

BIN_S = 0.005
"""One peak of the drawn waveform."""

SMALL_RATE_HZ = 8_000
"""Of long recordings, which are µ-law then: a quarter of the bytes."""

LONG_S = 300.0
"""From here on a recording is long: 16 kHz PCM of it would make a page of more than 25 MB."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound that begins at `start_s`."""

    start_s: float
    pcm16: bytes
    rate_hz: int

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.pcm16) / 2 / self.rate_hz

    def split(self, at_s: float) -> tuple[Piece, Piece]:
        """What is before the moment, and what is behind it."""
        at = min(max(round((at_s - self.start_s) * self.rate_hz), 0), len(self.pcm16) // 2) * 2
        behind_s = self.start_s + at / 2 / self.rate_hz
        return (
            Piece(self.start_s, self.pcm16[:at], self.rate_hz),
            Piece(behind_s, self.pcm16[at:], self.rate_hz),
        )


def laid_out(pieces: Sequence[Piece], duration_s: float) -> Samples:
    """One track of 16 kHz. Pieces that follow each other are resampled as one, without a seam."""
    track = np.zeros(max(0, round(duration_s * HEARING_RATE_HZ)), dtype=np.int16)
    for start_s, rate_hz, pcm16 in _runs(pieces):
        samples = _resampled(pcm16, rate_hz)
        at = max(0, round(start_s * HEARING_RATE_HZ))
        end = min(at + len(samples), len(track))
        track[at:end] = samples[: max(0, end - at)]
    return track


def _runs(pieces: Sequence[Piece]) -> Iterable[tuple[float, int, bytes]]:
    run: list[Piece] = []
    for piece in sorted((p for p in pieces if p.pcm16), key=lambda p: p.start_s):
        if run and (piece.rate_hz != run[-1].rate_hz or piece.start_s - run[-1].end_s > 1e-3):
            yield run[0].start_s, run[0].rate_hz, b"".join(p.pcm16 for p in run)
            run = []
        run.append(piece)
    if run:
        yield run[0].start_s, run[0].rate_hz, b"".join(p.pcm16 for p in run)


def _resampled(pcm16: bytes, rate_hz: int, to_hz: int = HEARING_RATE_HZ) -> Samples:
    if rate_hz != to_hz:
        resampler = Resampler(rate_hz, to_hz)
        pcm16 = resampler.push(pcm16) + resampler.flush()
    return np.frombuffer(pcm16, dtype="<i2")


def peaks(samples: Samples) -> bytes:
    """The loudest of each BIN_S, 0 to 255 for silence to full scale."""
    step = round(HEARING_RATE_HZ * BIN_S)
    padded = np.zeros(-(-len(samples) // step) * step, dtype=np.int32)
    padded[: len(samples)] = samples
    loudest = np.abs(padded).reshape(-1, step).max(axis=1) if len(padded) else padded
    # Rounded up: what is not silent is seen.
    return bytes(np.minimum(-(-loudest // 129), 255).astype(np.uint8))


def stereo_wav(left: Samples, right: Samples) -> bytes:
    """Caller left, Parley right: 16 kHz PCM16, or 8 kHz µ-law where they are long."""
    if len(left) <= LONG_S * HEARING_RATE_HZ:
        target = io.BytesIO()
        with wave.open(target, "wb") as writer:
            writer.setparams((2, 2, HEARING_RATE_HZ, 0, "NONE", ""))
            writer.writeframes(np.column_stack((left, right)).astype("<i2").tobytes())
        return target.getvalue()
    sides = [
        _mu_law(_resampled(side.tobytes(), HEARING_RATE_HZ, SMALL_RATE_HZ))
        for side in (left, right)
    ]
    data = np.column_stack(sides).tobytes()
    layout = struct.pack("<HHIIHHH", 7, 2, SMALL_RATE_HZ, SMALL_RATE_HZ * 2, 2, 8, 0)
    fact = struct.pack("<4sII", b"fact", 4, len(data) // 2)
    body = b"WAVE" + struct.pack("<4sI", b"fmt ", len(layout)) + layout + fact
    body += struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def _mu_law(samples: Samples) -> npt.NDArray[np.uint8]:
    """Source: ITU-T G.711."""
    wide = samples.astype(np.int32)
    sign = np.where(wide < 0, 0x80, 0)
    level = np.minimum(np.abs(wide), 32_635) + 132
    exponent = np.floor(np.log2(level)).astype(np.int32) - 7
    mantissa = (level >> (exponent + 3)) & 0x0F
    coded: npt.NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return coded
