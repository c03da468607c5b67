"""What the sounds of a telephone line are made of: tones, cadences, keyed carriers and noise.

Pure numpy at 8 kHz. A wave is an array of floats in which 1 is full scale.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ..audio import g711

Wave = npt.NDArray[np.float64]
Make = Callable[[np.random.Generator], Wave]
"""Makes a wave. What is random in it comes from the generator alone."""

RATE_HZ = g711.RATE_HZ

EDGE_S = 0.004
"""Tones of exchanges begin and end so fast."""


def at(seconds: float) -> Wave:
    """The times of so many seconds of samples."""
    times: Wave = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return times


def level(dbfs: float) -> float:
    """The amplitude of a sine whose RMS is at this level."""
    return float(10 ** (dbfs / 20) * np.sqrt(2))


def quiet(seconds: float) -> Wave:
    return np.zeros(round(seconds * RATE_HZ))


def joined(*parts: Wave) -> Wave:
    whole: Wave = np.concatenate(parts)
    return whole


def times(count: int, *parts: Wave) -> Wave:
    """The parts in a row, so many times."""
    return joined(*(parts * count))


def softened(wave: Wave, edge_s: float = EDGE_S) -> Wave:
    """With edges that rise and fall in `edge_s`."""
    t = np.arange(len(wave)) / RATE_HZ
    edges: Wave = np.clip(np.minimum(t, t[-1] - t) / edge_s, 0.0, 1.0)
    return wave * edges


def tone(hertz: float | Sequence[float], seconds: float, dbfs: float = -13.0) -> Wave:
    """One or several sines at once, each at this level."""
    t = at(seconds)
    several = (hertz,) if isinstance(hertz, int | float) else hertz
    wave: Wave = np.sum([np.sin(2 * np.pi * f * t) for f in several], axis=0) * level(dbfs)
    return softened(wave)


def cadence(
    hertz: float | Sequence[float], *on_off_s: float, count: int, dbfs: float = -13.0
) -> Wave:
    """A tone that is on, off, on, off … for these times, so many times over."""
    parts = [quiet(s) if index % 2 else tone(hertz, s, dbfs) for index, s in enumerate(on_off_s)]
    return times(count, *parts)


def keyed(bits: npt.NDArray[np.int_], baud: float, mark_hz: float, space_hz: float) -> Wave:
    """Bits as two frequencies without a jump of the phase: 1 is the mark."""
    index = (np.arange(int(len(bits) / baud * RATE_HZ)) * baud / RATE_HZ).astype(int)
    hertz = np.where(bits[index] == 1, mark_hz, space_hz)
    return softened(np.sin(2 * np.pi * np.cumsum(hertz) / RATE_HZ) * level(-13.0))


def phase_keyed(rng: np.random.Generator, hertz: float, baud: float, seconds: float) -> Wave:
    """A carrier whose phase turns by a random multiple of 90 degrees with each symbol."""
    turns = np.cumsum(rng.integers(0, 4, round(seconds * baud) + 1))
    t = at(seconds)
    phase = turns[(t * baud).astype(int)] * np.pi / 2
    return softened(np.sin(2 * np.pi * hertz * t + phase) * level(-15.0))


def coloured(rng: np.random.Generator, seconds: float, dbfs: float, slope: float) -> Wave:
    """Noise whose amplitude falls with the frequency to the power of `slope`: 0 is white, 0.5 pink,
    1 brown. `dbfs` is its RMS."""
    white = rng.normal(0.0, 1.0, round(seconds * RATE_HZ))
    spectrum = np.fft.rfft(white)
    hertz = np.maximum(np.fft.rfftfreq(len(white), 1 / RATE_HZ), 50.0)
    wave = np.fft.irfft(spectrum / hertz**slope, len(white))
    scaled: Wave = wave / np.sqrt(np.mean(wave**2)) * 10 ** (dbfs / 20)
    return scaled


def struck(rng: np.random.Generator, seconds: float, decay_s: float) -> Wave:
    """A click: noise that is gone at once."""
    t = at(seconds)
    wave: Wave = rng.normal(0.0, 1.0, len(t)) * np.exp(-t / decay_s)
    return wave


def placed(seconds: float, wave: Wave, at_s: Sequence[float]) -> Wave:
    """The wave at each of these moments, in so many seconds of nothing."""
    whole = quiet(seconds)
    for start_s in at_s:
        start = round(start_s * RATE_HZ)
        part = wave[: len(whole) - start]
        whole[start : start + len(part)] += part
    return whole


def made_of(make: Callable[..., Wave], *given: object, **named: object) -> Make:
    """For a wave in which nothing is random."""
    bound = functools.partial(make, *given, **named)
    return lambda rng: bound()


def pcm16_of(wave: Wave) -> bytes:
    return np.rint(np.clip(wave, -1.0, 1.0) * 32_767).astype("<i2").tobytes()
