"""Tones among the sounds of a telephone: keys, beeps, the signals of exchanges, held notes.

A stream of audio goes in, piece by piece. At every moment it is known whether there is nothing but
a tone (one or two lines that stay where they are), and how much of the sound is in lines that stay,
as those of music do and those of a voice do not. Tones that are over are told with their length.

Pure and cheap: some 20 µs for 20 ms of audio. It hears only what is below 4 kHz, as telephones do.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .line_tone import LineTone, ToneRun, key_of

RATE_HZ = 8_000
"""Of what is looked at: every second sample of what a session hears."""

WINDOW = 512
"""64 ms: its lines are 16 Hz apart, so that the harmonics of a deep voice are lines of their own,
and those of 400 and 450 Hz too."""
STEP = 160
"""20 ms between two looks."""
STEP_MS = STEP * 1000 // RATE_HZ

LOWEST_LINE, HIGHEST_LINE = 12, 225
"""190 to 3500 Hz. What is lower is the mains and the first harmonic of a deep voice."""

QUIET_DBFS = -55.0
"""Of the RMS: below, there is nothing."""

TONE_SHARE = 0.9
"""So much of the power is in the two strongest lines of a tone, 12 dB of noise beside it included.
Of the looks at people's speech one in twenty has it, but none for long."""
ALONE_SHARE = 0.985
"""So much in the strongest alone: there is no second one."""
KEY_SHARE = 0.8
"""The same, where the two lines are those of a key."""
STEADY_LOOKS = 3
"""A tone has stayed where it is for so many looks, unless it is a key's."""

PEAK_SHARE = 0.003
"""Of the power: weaker lines do not count as lines."""
BACK_LOOKS = 5
"""100 ms: a line that was there so long ago, and still is, has stayed."""
STAYED = 0.25
"""Of the distance of two lines, 4 Hz: so far it may have moved."""

_Floats = npt.NDArray[np.float64]
_NONE: _Floats = np.zeros(0)
_HANN: _Floats = np.hanning(WINDOW + 1)[:-1]
_FULL = WINDOW * WINDOW * 0.25 * 0.375 * 4 / 2
"""The sum of the power of all lines for a signal of RMS 1, over half the spectrum."""


@dataclass(slots=True)
class Tones:
    """What is known of the tones in one stream. `push` takes PCM16 mono at 16 kHz, of any length;
    what is told afterwards is of the newest look, at most 20 ms ago."""

    only_tone: bool = False
    """Whether there is nothing but a tone now."""
    key: str = ""
    """The key that is heard now; "" is none."""
    told: list[LineTone] = field(default_factory=list)
    """Tones that are over, oldest first. Whoever reads them takes them out."""

    _samples: _Floats = field(default_factory=lambda: np.zeros(WINDOW))
    _rest: _Floats = field(default_factory=lambda: _NONE)
    _powers: deque[_Floats] = field(default_factory=lambda: deque(maxlen=BACK_LOOKS + 1))
    """Of the lines in the last looks, oldest first; empty arrays where it was quiet."""
    _run: ToneRun = field(default_factory=ToneRun)
    _looks: int = 0

    def push(self, pcm16: bytes) -> bool:
        """Take the next audio. Gives `only_tone`."""
        new = np.frombuffer(pcm16, dtype="<i2")[::2] / 32_768.0
        samples = np.concatenate([self._samples, self._rest, new])
        at = WINDOW
        while at + STEP <= len(samples):
            at += STEP
            self._look(samples[at - WINDOW : at])
        self._samples, self._rest = samples[at - WINDOW : at], samples[at:]
        return self.only_tone

    def reset(self) -> None:
        """What comes next has nothing to do with what was heard."""
        self.only_tone, self.key = False, ""
        self._samples, self._rest = np.zeros(WINDOW), _NONE
        self._run = ToneRun()
        self._powers.clear()
        self.told.clear()

    @property
    def now_ms(self) -> int:
        """How much audio was looked at since the beginning."""
        return self._looks * STEP_MS

    @property
    def staying(self) -> float:
        """The share of the power, 0 to 1, that is in lines which were there 100 ms ago already."""
        if len(self._powers) <= BACK_LOOKS:
            return 0.0
        before, now = self._powers[0], self._powers[-1]
        if not len(before) or not len(now):
            return 0.0
        were, are = _lines(before), _lines(now)
        if not len(were) or not len(are):
            return 0.0
        moved = np.abs(_tops(now, are)[:, None] - _tops(before, were)).min(axis=1)
        strength = now[are]
        return float(strength[moved < STAYED].sum() / strength.sum())

    def _look(self, samples: _Floats) -> None:
        self._looks += 1
        spectrum = np.fft.rfft(samples * _HANN)[LOWEST_LINE:HIGHEST_LINE]
        power = spectrum.real**2 + spectrum.imag**2
        total = float(power.sum())
        level_dbfs = 10 * math.log10(total / _FULL + 1e-10)
        if level_dbfs < QUIET_DBFS:
            self._powers.append(_NONE)
            self._heard((), "", level_dbfs)
            return
        self._powers.append(power)
        hertz, key = _tone_of(power, total)
        self._heard(hertz, key, level_dbfs)

    def _heard(self, hertz: tuple[float, ...], key: str, level_dbfs: float) -> None:
        over = self._run.take(hertz, key, level_dbfs, self.now_ms)
        if over is not None:
            self.told.append(over)
        self.key = key
        self.only_tone = bool(key) or self._run.looks >= STEADY_LOOKS


def _tone_of(power: _Floats, total: float) -> tuple[tuple[float, ...], str]:
    """The one or two lines that are all that there is, and the key that they are; nothing where
    there is more."""
    first = int(power.argmax())
    share = _around(power, first) / total
    hertz = [_hertz(power, first)]
    ratio = 0.0
    if share < ALONE_SHARE:
        others = power.copy()
        others[max(0, first - 2) : first + 3] = 0.0
        second = int(others.argmax())
        share += _around(others, second) / total
        if share < KEY_SHARE:
            return (), ""
        hertz.append(_hertz(power, second))
        ratio = float(power[second] / power[first])
    key = key_of(hertz, ratio)
    return (tuple(hertz) if key or share >= TONE_SHARE else ()), key


def _around(power: _Floats, line: int) -> float:
    """The power of a line and its sides."""
    return float(power[max(0, line - 2) : line + 3].sum())


def _hertz(power: _Floats, line: int) -> float:
    """Where the top of a line is, between those of the spectrum."""
    if 0 < line < len(power) - 1:
        left, top, right = (math.log(p + 1e-12) for p in power[line - 1 : line + 2].tolist())
        bend = left - 2 * top + right
        exact = line + (0.5 * (left - right) / bend if bend else 0.0)
    else:
        exact = float(line)
    return (exact + LOWEST_LINE) * RATE_HZ / WINDOW


def _lines(power: _Floats) -> npt.NDArray[np.intp]:
    inside = power[1:-1]
    least = PEAK_SHARE * float(power.sum())
    above = (inside > power[:-2]) & (inside >= power[2:]) & (inside > least)
    return np.flatnonzero(above) + 1


def _tops(power: _Floats, lines: npt.NDArray[np.intp]) -> _Floats:
    """`_hertz` of many lines, in lines."""
    left, top, right = np.log(power[np.stack([lines - 1, lines, lines + 1])] + 1e-12)
    tops: _Floats = lines + 0.5 * (left - right) / (left - 2 * top + right)
    return tops
