"""A telephone line: what is said at one end as it arrives at the other.

The band of a telephone, 300 to 3400 Hz, noise of the line, and G.711. Pure numpy and soxr; the same
at every call.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..audio import g711
from ..audio.pcm import HEARING_RATE_HZ
from ..audio.resampler import Resampler

BAND_HZ = (300.0, 3400.0)
EDGE_HZ = 80.0
"""The band's edges fall over twice so much."""

LOUD_SHARE = 0.5
"""Speech is as loud as the louder half of its frames: its pauses do not count."""
FRAME = 160


def through_line(
    pcm16: bytes,
    rate_hz: int = HEARING_RATE_HZ,
    *,
    law: g711.Law = "ulaw",
    noise_db: float | None = 20.0,
    seed: int = 1,
) -> bytes:
    """PCM16 mono in, what arrives as PCM16 at 8 kHz out. `noise_db` is how far white noise of the
    line lies under the sound; None: there is none."""
    if rate_hz != g711.RATE_HZ:
        resampler = Resampler(rate_hz, g711.RATE_HZ)
        pcm16 = resampler.push(pcm16) + resampler.flush()
    samples = in_band(np.frombuffer(pcm16, dtype="<i2").astype(np.float64))
    if noise_db is not None and len(samples):
        rng = np.random.default_rng(seed)
        noise = in_band(rng.normal(0.0, 1.0, len(samples)))
        wanted = loudness(samples) * 10 ** (-noise_db / 20)
        samples = samples + noise / max(float(np.sqrt(np.mean(noise**2))), 1e-9) * wanted
    heard = np.clip(np.rint(samples), -32_768, 32_767).astype("<i2").tobytes()
    return g711.decode(g711.encode(heard, law), law)


def as_heard(pcm16_8k: bytes) -> bytes:
    """What a session makes of 8 kHz: 16 kHz, by the receiver's own resampler."""
    resampler = Resampler(g711.RATE_HZ)
    return resampler.push(pcm16_8k) + resampler.flush()


def in_band(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Only what a telephone transmits, with soft edges."""
    if not len(samples):
        return samples
    hertz = np.fft.rfftfreq(len(samples), 1 / g711.RATE_HZ)
    low, high = BAND_HZ
    rises = np.clip((hertz - low) / (2 * EDGE_HZ) + 0.5, 0.0, 1.0)
    falls = np.clip((high - hertz) / (2 * EDGE_HZ) + 0.5, 0.0, 1.0)
    kept: npt.NDArray[np.float64] = np.fft.irfft(np.fft.rfft(samples) * rises * falls, len(samples))
    return kept


def loudness(samples: npt.NDArray[np.float64]) -> float:
    """The RMS of the louder half of the frames."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    if not len(frames):
        return 0.0
    power = np.sort(np.mean(frames**2, axis=1))
    louder = power[int(len(power) * (1 - LOUD_SHARE)) :]
    return float(np.sqrt(np.mean(louder)))
