"""Noises by construction: what a room does while a voice speaks, and what is no interruption.

Clicks, coughs, knocks, beeps, breaths and short voiced sounds, none over 250 ms, each the same at
every call. For tests and measurements. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float64]

RATE_HZ = 24_000
"""At which the shapes are made: they hold nothing over 12 kHz."""

SHORT, LONG = 0.2, 0.25
"""Seconds: of most shapes, and of the longest."""


def noise(name: str, level_dbfs: float = -14.0) -> bytes:
    """The shape of this name as PCM16 mono at 24 kHz. `level_dbfs` is the RMS of its loudest 20 ms,
    as far as its peaks allow. KeyError for an unknown name."""
    wave = NOISES[name](np.random.default_rng(zlib.crc32(name.encode())))
    window = np.ones(RATE_HZ // 50) / (RATE_HZ // 50)
    loudest = float(np.sqrt(np.convolve(wave**2, window, mode="full").max()))
    wave = wave * 10 ** (level_dbfs / 20) / loudest
    wave *= min(1.0, 0.99 / float(np.abs(wave).max()))
    return bytes(np.rint(wave * 32_767).astype("<i2").tobytes())


def _time(seconds: float) -> Wave:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def _white(rng: np.random.Generator, seconds: float) -> Wave:
    return rng.normal(0.0, 1.0, round(seconds * RATE_HZ))


def _band(wave: Wave, low_hz: float, high_hz: float) -> Wave:
    """What lies between two frequencies."""
    spectrum = np.fft.rfft(wave)
    frequencies = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0
    kept: Wave = np.fft.irfft(spectrum, len(wave))
    return kept


def _decay(wave: Wave, seconds: float, attack_s: float = 0.002) -> Wave:
    """Struck: at once there, and falling to 1/e in `seconds`."""
    t = np.arange(len(wave)) / RATE_HZ
    return wave * np.minimum(1.0, t / attack_s) * np.exp(-t / seconds)


def _swell(wave: Wave, edge_s: float = 0.02) -> Wave:
    """With soft edges, steady between them."""
    t = np.arange(len(wave)) / RATE_HZ
    edges: Wave = np.clip(np.minimum(t, t[-1] - t) / edge_s, 0.0, 1.0)
    return wave * edges


def _ringing(hertz: Sequence[float], seconds: float, decay_s: float) -> Wave:
    t = _time(seconds)
    rung: Wave = np.sum([np.sin(2 * np.pi * f * t) for f in hertz], axis=0)
    return _decay(rung, decay_s)


def _repeated(wave: Wave, at_s: Sequence[float]) -> Wave:
    whole = np.zeros(round(at_s[-1] * RATE_HZ) + len(wave))
    for start_s in at_s:
        start = round(start_s * RATE_HZ)
        whole[start : start + len(wave)] += wave
    return whole


def _sweep(from_hz: float, to_hz: float, seconds: float = SHORT) -> Wave:
    t = _time(seconds)
    phase = 2 * np.pi * (from_hz * t + (to_hz - from_hz) * t**2 / (2 * seconds))
    return _swell(np.sin(phase))


def _voiced(
    pitch_hz: float, formants: Sequence[tuple[float, float]], seconds: float = SHORT
) -> Wave:
    """A vowel: harmonics of a falling pitch under resonances of (Hz, bandwidth in Hz)."""
    t = _time(seconds)
    phase = 2 * np.pi * (pitch_hz * t - 0.05 * pitch_hz * t**2 / seconds)
    wave = np.zeros(len(t))
    for harmonic in range(1, int(5000 / pitch_hz)):
        hertz = harmonic * pitch_hz
        loud = sum(1 / (1 + ((hertz - f) / width) ** 2) for f, width in formants)
        wave += loud / harmonic**0.5 * np.sin(harmonic * phase)
    return _swell(wave, 0.015)


def _cough(rng: np.random.Generator, seconds: float) -> Wave:
    """A burst of air, then a rough tail with some voice in it."""
    air = _decay(_band(_white(rng, seconds), 300, 5000), seconds / 3)
    throat = _decay(_voiced(140, ((600, 150), (1400, 250)), seconds), seconds / 2, 0.03)
    return air + 0.3 * throat


def _clicks(at_s: Sequence[float]) -> Callable[[np.random.Generator], Wave]:
    return lambda rng: _repeated(_decay(_white(rng, 0.008), 0.001, 0.0002), at_s)


def _keys(at_s: Sequence[float]) -> Callable[[np.random.Generator], Wave]:
    return lambda rng: _repeated(_decay(_band(_white(rng, 0.03), 400, 6000), 0.006), at_s)


def _burst(low_hz: float, high_hz: float, seconds: float) -> Callable[[np.random.Generator], Wave]:
    return lambda rng: _swell(_band(_white(rng, seconds), low_hz, high_hz))


def _crumple(rng: np.random.Generator) -> Wave:
    at_s = np.sort(rng.uniform(0.0, 0.19, 14))
    return _repeated(_decay(_band(_white(rng, 0.02), 1000, 8000), 0.005), list(at_s))


def _square(hertz: float, seconds: float) -> Wave:
    return _swell(np.sign(np.sin(2 * np.pi * hertz * _time(seconds))))


def _rough(rng: np.random.Generator) -> Wave:
    """A cleared throat: slow pulses with breath."""
    pulses = _voiced(70, ((500, 200), (1100, 300)), SHORT)
    return pulses + 0.5 * np.abs(pulses) * _white(rng, SHORT)


NOISES: dict[str, Callable[[np.random.Generator], Wave]] = {
    "click": _clicks((0.0,)),
    "double click": _clicks((0.0, 0.12)),
    "three clicks": _clicks((0.0, 0.08, 0.16)),
    "key": _keys((0.0,)),
    "keys": _keys((0.0, 0.07, 0.13, 0.2)),
    "pen": lambda rng: _ringing((900, 2300), 0.06, 0.008),
    "clap": lambda rng: _decay(_band(_white(rng, 0.15), 500, 6000), 0.025),
    "snap": lambda rng: _decay(_band(_white(rng, 0.06), 1500, 5000), 0.01),
    "door": lambda rng: (
        _ringing((55, 90), LONG, 0.07) + _decay(_band(_white(rng, LONG), 50, 1500), 0.04)
    ),
    "table": lambda rng: _ringing((85, 170), SHORT, 0.05),
    "microphone bump": lambda rng: _ringing((30, 45), SHORT, 0.06),
    "glass": lambda rng: _ringing((2100, 3700, 5600), SHORT, 0.06),
    "paper": _crumple,
    "short cough": lambda rng: _cough(rng, 0.12),
    "cough": lambda rng: _cough(rng, SHORT),
    "long cough": lambda rng: _cough(rng, LONG),
    "two coughs": lambda rng: _repeated(_cough(rng, 0.1), (0.0, 0.15)),
    "throat": _rough,
    "sniff": lambda rng: _swell(_band(_white(rng, 0.18), 1500, 7000), 0.08),
    "breath": lambda rng: _swell(_band(_white(rng, SHORT), 300, 2500), 0.08),
    "sneeze": lambda rng: _decay(_band(_white(rng, SHORT), 800, 8000), 0.05, 0.06),
    "lips": lambda rng: _repeated(_decay(_band(_white(rng, 0.05), 1000, 5000), 0.01), (0.0, 0.09)),
    "fan": _burst(100, 8000, SHORT),
    "rumble": _burst(40, 400, SHORT),
    "hum": lambda rng: _swell(_ringing([50.0 * n for n in range(1, 10)], SHORT, 9.0)),
    "buzz": lambda rng: _square(155, SHORT),
    "beep": lambda rng: _swell(_ringing((1000,), SHORT, 9.0)),
    "low beep": lambda rng: _swell(_ringing((440,), SHORT, 9.0)),
    "dial": lambda rng: _swell(_ringing((770, 1336), 0.15, 9.0)),
    "chirp up": lambda rng: _sweep(200, 2000),
    "chirp down": lambda rng: _sweep(3000, 300),
    "chair": lambda rng: _sweep(600, 900) * (1 + np.sin(2 * np.pi * 35 * _time(SHORT))),
    "ah": lambda rng: _voiced(120, ((700, 90), (1200, 110), (2600, 160))),
    "ee": lambda rng: _voiced(210, ((300, 60), (2300, 120), (3000, 160))),
    "uh": lambda rng: _voiced(110, ((500, 90), (1100, 120)), 0.15),
    "mm": lambda rng: _voiced(130, ((250, 60), (1000, 300))),
}
"""By name."""
