"""The sounds of a telephone line: keys, the tones of exchanges, fax, beeps, hold music, noise.

`line_sound(name)` gives one of them as PCM16 at 8 kHz, the same at every call; `LINE_SOUNDS` has
their names. None of them holds a word. Pure.

Sources: ITU-T Q.23 (keys), E.180 and its list of national tones, T.30 (fax), V.21, V.22, V.18.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from ..audio import g711
from . import line_music as music
from .line_waves import (
    RATE_HZ,
    Make,
    Wave,
    at,
    cadence,
    coloured,
    joined,
    keyed,
    level,
    made_of,
    pcm16_of,
    phase_keyed,
    placed,
    quiet,
    softened,
    struck,
    times,
    tone,
)

ROWS_HZ = (697, 770, 852, 941)
COLUMNS_HZ = (1209, 1336, 1477, 1633)
KEYS = {
    key: (row, column)
    for row, keys in zip(ROWS_HZ, ("123A", "456B", "789C", "*0#D"), strict=True)
    for key, column in zip(keys, COLUMNS_HZ, strict=True)
}
"""The two frequencies of each key."""


def line_sound(name: str) -> bytes:
    """The sound of this name as PCM16 mono at 8 kHz. KeyError for an unknown name."""
    return pcm16_of(LINE_SOUNDS[name](np.random.default_rng(zlib.crc32(name.encode()))))


def dialled(keys: str, on_s: float = 0.08, off_s: float = 0.08, dbfs: float = -13.0) -> Wave:
    """These keys, one after the other."""
    return joined(*(joined(tone(KEYS[key], on_s, dbfs), quiet(off_s)) for key in keys))


def _warbled(hertz: float, by_hz: float, seconds: float) -> Wave:
    """A ring-back as in Japan: a tone whose level goes up and down."""
    t = at(seconds)
    return softened(np.sin(2 * np.pi * hertz * t) * (1 + np.sin(2 * np.pi * by_hz * t)) * 0.13)


def _answer_tone(seconds: float) -> Wave:
    """Of a modem: 2100 Hz whose phase turns round every 450 ms."""
    t = at(seconds)
    turned = np.where((t / 0.45).astype(int) % 2, -1.0, 1.0)
    return softened(np.sin(2 * np.pi * 2100 * t) * turned * level(-13.0))


def _preamble(rng: np.random.Generator) -> Wave:
    """V.21 as a fax sends it: a second of flags, then a frame that looks random."""
    flags = np.tile([0, 1, 1, 1, 1, 1, 1, 0], 38)
    return keyed(np.concatenate([flags, rng.integers(0, 2, 300)]), 300, 1650, 1850)


def _text_telephone(rng: np.random.Generator) -> Wave:
    """Baudot's code as text telephones type it."""
    return keyed(rng.integers(0, 2, 140), 45.45, 1400, 1800)


def _hum(mains_hz: float) -> Wave:
    t = at(4.0)
    parts = [np.sin(2 * np.pi * mains_hz * n * t + n) / n**0.7 for n in (1, 2, 3, 4, 5, 6, 8, 10)]
    wave: Wave = np.sum(parts, axis=0)
    return wave * 0.03


def _comfort(dbfs: float, slope: float) -> Make:
    return lambda rng: coloured(rng, 4.0, dbfs, slope)


def _comes_and_goes(rng: np.random.Generator) -> Wave:
    """Comfort noise that is switched on and off, as where silence is not sent."""
    bursts = [joined(coloured(rng, 0.5, -42.0, 0.4), quiet(0.35)) for _ in range(5)]
    return joined(*bursts)


def _lost_packets(wave: Wave, rng: np.random.Generator) -> Wave:
    """Every third packet of 20 ms or so is missing."""
    packets = len(wave) // 160
    kept = np.repeat(rng.random(packets + 1) > 0.3, 160)[: len(wave)]
    return wave * kept


def _crackle(rng: np.random.Generator) -> Wave:
    at_s = np.sort(rng.uniform(0.0, 3.9, 60))
    return placed(4.0, struck(rng, 0.004, 0.0008) * 0.25, list(at_s)) + coloured(
        rng, 4.0, -55.0, 0.3
    )


def _clicks(at_s: Sequence[float]) -> Make:
    return lambda rng: placed(3.0, struck(rng, 0.01, 0.002) * 0.3, at_s)


def _radio_buzz(rng: np.random.Generator) -> Wave:
    """A mobile telephone near a cable: bursts at 217 Hz, in groups."""
    t = at(4.0)
    pulse = ((t * 217) % 1 < 0.13).astype(float)
    group = ((t * 3.0) % 1 < 0.55).astype(float)
    wave: Wave = (pulse - 0.13) * group * 0.2
    return wave


def _idle(law: g711.Law, codes: Sequence[int]) -> Wave:
    """A line on which nothing is, as the law codes it: the least steps it knows."""
    data = bytes(codes) * (4 * RATE_HZ // len(codes))
    wave: Wave = np.frombuffer(g711.decode(data, law), dtype="<i2").astype(np.float64)
    return wave / 32_768


LINE_SOUNDS: dict[str, Make] = {
    **{f"key {key}": made_of(dialled, key, 0.2, 0.2) for key in KEYS},
    "number dialled": made_of(dialled, "0123456789"),
    "number dialled fast": made_of(dialled, "5551234567#", 0.05, 0.05),
    "pin": made_of(dialled, "4711#", 0.15, 0.25),
    "quiet keys": made_of(dialled, "159D", 0.1, 0.1, -30.0),
    "key held": made_of(dialled, "8", 2.0, 0.2),
    "same key": made_of(dialled, "0000", 0.3, 0.15),
    "dial tone, US": made_of(tone, (350, 440), 3.0),
    "dial tone, Europe": made_of(tone, 425, 3.0),
    "dial tone, UK": made_of(tone, (350, 450), 3.0),
    "dial tone, stutter": made_of(
        lambda: joined(cadence((350, 440), 0.1, 0.1, count=8), tone((350, 440), 2.0))
    ),
    "ring-back, US": made_of(cadence, (440, 480), 2.0, 4.0, count=2, dbfs=-19.0),
    "ring-back, UK": made_of(cadence, (400, 450), 0.4, 0.2, 0.4, 2.0, count=2, dbfs=-19.0),
    "ring-back, Europe": made_of(cadence, 425, 1.0, 4.0, count=2, dbfs=-16.0),
    "ring-back, France": made_of(cadence, 440, 1.5, 3.5, count=2, dbfs=-16.0),
    "ring-back, Japan": made_of(lambda: times(2, _warbled(400, 16, 1.0), quiet(2.0))),
    "busy, US": made_of(cadence, (480, 620), 0.5, 0.5, count=5, dbfs=-24.0),
    "busy, Europe": made_of(cadence, 425, 0.5, 0.5, count=5),
    "busy, UK": made_of(cadence, 400, 0.375, 0.375, count=6),
    "reorder, US": made_of(cadence, (480, 620), 0.25, 0.25, count=8, dbfs=-24.0),
    "congestion, Europe": made_of(cadence, 425, 0.2, 0.2, count=10),
    "congestion, UK": made_of(cadence, 400, 0.4, 0.35, 0.225, 0.525, count=3),
    "special information": made_of(
        lambda: times(2, tone(985.2, 0.38), tone(1428.5, 0.38), tone(1776.7, 0.38), quiet(1.0))
    ),
    "call waiting": made_of(cadence, 440, 0.3, 1.5, count=2),
    "call waiting, UK": made_of(cadence, 400, 0.1, 1.5, count=2),
    "off the hook": made_of(cadence, (1400, 2060, 2450, 2600), 0.1, 0.1, count=15, dbfs=-18.0),
    "fax calls": made_of(cadence, 1100, 0.5, 3.0, count=2),
    "fax answers": made_of(tone, 2100, 2.6),
    "modem answers": made_of(_answer_tone, 3.3),
    "fax preamble": _preamble,
    "modem, V.22": lambda rng: phase_keyed(rng, 1200, 600, 3.0),
    "modem, fast": lambda rng: phase_keyed(rng, 1800, 2400, 3.0),
    "text telephone": _text_telephone,
    "beep 440 Hz": made_of(lambda: joined(tone(440, 0.5), quiet(1.0))),
    "beep 620 Hz": made_of(lambda: joined(tone(620, 0.3), quiet(1.0))),
    "beep 850 Hz": made_of(lambda: joined(tone(850, 0.4), quiet(1.0))),
    "beep 1000 Hz": made_of(lambda: joined(tone(1000, 1.0), quiet(1.0))),
    "beep 1400 Hz": made_of(lambda: joined(tone(1400, 0.2), quiet(1.0))),
    "beep 2000 Hz": made_of(lambda: joined(tone(2000, 0.15), quiet(1.0))),
    "two beeps": made_of(lambda: joined(tone(950, 0.2), quiet(0.1), tone(950, 0.2), quiet(1.0))),
    "call is recorded": made_of(cadence, 1400, 0.5, 2.5, count=2, dbfs=-22.0),
    "conference chime": made_of(
        lambda: joined(tone(659, 0.25), tone(523, 0.4), quiet(0.8), tone(523, 0.3), tone(659, 0.4))
    ),
    "credit runs out": made_of(lambda: times(3, tone(900, 0.15), tone(1100, 0.15), quiet(0.3))),
    "hold music, chords": music.chords,
    "hold music, melody": music.melody,
    "hold music, arpeggio": music.arpeggio,
    "hold music, strings": music.strings,
    "hold music, beat": music.beat,
    "hold music, bad line": music.over_a_bad_line,
    "comfort noise, faint": _comfort(-62.0, 0.4),
    "comfort noise": _comfort(-50.0, 0.4),
    "comfort noise, loud": _comfort(-40.0, 0.4),
    "comfort noise, white": _comfort(-45.0, 0.0),
    "comfort noise, brown": _comfort(-40.0, 1.0),
    "comfort noise, on and off": _comes_and_goes,
    "hum 50 Hz": made_of(_hum, 50),
    "hum 60 Hz": made_of(_hum, 60),
    "mobile near by": _radio_buzz,
    "crackle": _crackle,
    "lost packets": lambda rng: _lost_packets(coloured(rng, 4.0, -38.0, 0.5), rng),
    "ring-back, lost packets": lambda rng: _lost_packets(cadence(425, 1.0, 1.0, count=2), rng),
    "clicks of a far echo": _clicks((0.2, 0.45, 1.0, 1.25, 2.0, 2.25)),
    "dial pulses": _clicks([0.3 + 0.1 * n for n in range(9)]),
    "idle, µ-law": made_of(_idle, "ulaw", (0xFF, 0x7F, 0xFF, 0xFE, 0x7F, 0x7E)),
    "idle, A-law": made_of(_idle, "alaw", (0xD5, 0x55, 0xD5, 0xD5, 0x55, 0x54)),
    "silence": made_of(quiet, 3.0),
}
"""By name. The levels are those of exchanges: -13 to -24 dBFS for tones."""
