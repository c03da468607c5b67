"""Music as somebody hears it who was put on hold: five pieces, made of sines. Pure, at 8 kHz."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .line_waves import Wave, at, coloured, joined, level, placed, quiet, softened, struck

A4_HZ = 440.0

CHORDS = ((60, 64, 67), (57, 60, 64), (65, 69, 72), (67, 71, 74))
"""C, A minor, F, G: as MIDI numbers."""

MELODY = (72, 76, 79, 76, 77, 74, 71, 72, 69, 72, 76, 74, 72, 71, 67, 72)


def hertz_of(note: int) -> float:
    return float(A4_HZ * 2 ** ((note - 69) / 12))


def voice(
    note: int,
    seconds: float,
    partials: Sequence[float],
    *,
    vibrato: float = 0.0,
    decay_s: float = 0,
) -> Wave:
    """One note: `partials` are the strengths of its harmonics, `vibrato` is a part of its pitch at
    5.5 Hz, and with `decay_s` it fades as a string that was plucked."""
    t = at(seconds)
    bend = vibrato * np.sin(2 * np.pi * 5.5 * t)
    phase = 2 * np.pi * np.cumsum(hertz_of(note) * (1 + bend)) / 8000
    wave: Wave = np.sum(
        [strong * np.sin(n * phase) for n, strong in enumerate(partials, 1)], axis=0
    )
    if decay_s:
        wave = wave * np.exp(-t / decay_s)
    return softened(wave, 0.01)


ORGAN = (1.0, 0.6, 0.4, 0.25, 0.15)
FLUTE = (1.0, 0.3, 0.08)
STRINGS = (1.0, 0.7, 0.55, 0.4, 0.3, 0.22, 0.16, 0.1)
PLUCKED = (1.0, 0.5, 0.35, 0.2, 0.1)


def loud(wave: Wave, dbfs: float = -20.0) -> Wave:
    """At this RMS."""
    scaled: Wave = wave / np.sqrt(np.mean(wave**2)) * level(dbfs) / np.sqrt(2)
    return scaled


def chords(rng: np.random.Generator) -> Wave:
    """An organ that holds each chord for a second and a half."""
    parts = [np.sum([voice(n, 1.5, ORGAN) for n in chord], axis=0) for chord in CHORDS]
    return loud(joined(*parts))


def melody(rng: np.random.Generator) -> Wave:
    """A flute with vibrato, alone."""
    return loud(joined(*(voice(n, 0.4, FLUTE, vibrato=0.006) for n in MELODY)))


def arpeggio(rng: np.random.Generator) -> Wave:
    """A plucked string: the notes of the chords one after the other, each ringing on."""
    notes = [n for chord in CHORDS for n in (*chord, chord[1], chord[2], chord[1])]
    whole = quiet(len(notes) * 0.22 + 0.6)
    for index, note in enumerate(notes):
        whole += placed(len(whole) / 8000, voice(note, 0.7, PLUCKED, decay_s=0.25), [index * 0.22])
    return loud(whole)


def strings(rng: np.random.Generator) -> Wave:
    """A pad of strings that swells, with vibrato."""
    parts = []
    for chord in CHORDS:
        notes = [voice(n - 12 * (n > 70), 1.6, STRINGS, vibrato=0.004) for n in chord]
        parts.append(softened(np.sum(notes, axis=0), 0.4))
    return loud(joined(*parts))


def beat(rng: np.random.Generator) -> Wave:
    """A drum, a hi-hat, a bass and a melody above them: a piece as radios play it."""
    t = at(0.18)
    kick = np.sin(2 * np.pi * (60 * t + 8 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.06)
    hat = struck(rng, 0.05, 0.012) * 0.25
    snare = struck(rng, 0.12, 0.04) * 0.4
    length_s = 6.4
    whole = placed(length_s, kick, [i * 0.8 for i in range(8)] + [i * 0.8 + 0.3 for i in range(8)])
    whole += placed(length_s, snare, [i * 0.8 + 0.4 for i in range(8)])
    whole += placed(length_s, hat, [i * 0.2 for i in range(32)])
    for index, note in enumerate(MELODY):
        whole += placed(length_s, 0.4 * voice(note, 0.4, FLUTE, vibrato=0.004), [index * 0.4])
    for index, chord in enumerate(CHORDS):
        bass = voice(chord[0] - 24, 0.75, PLUCKED, decay_s=0.4)
        whole += placed(length_s, 0.7 * bass, [index * 1.6, index * 1.6 + 0.8])
    return loud(whole)


def over_a_bad_line(rng: np.random.Generator) -> Wave:
    """The strings under hiss, with the level of the line going up and down."""
    music = strings(rng)
    sway = 0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * np.arange(len(music)) / 8000)
    return music * sway + coloured(rng, len(music) / 8000, -42.0, 0.3)
