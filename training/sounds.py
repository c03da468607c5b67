"""What befalls a voice on its way: another speed, silence around it, a gain, noise; and noises.

All at 16 kHz, float32 from -1 to 1, and all from the random generator that is handed in.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np
import soxr

from voices import Sound, Spoken

RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Take:
    """A recording at 16 kHz and what is said in it, between `start_s` and `end_s`."""

    sound: Sound
    words: tuple[str, ...]
    start_s: float
    end_s: float
    is_speech: bool = True


def take(
    spoken: Spoken, words: list[str], rng: random.Random, *, cut_after: int | None = None
) -> Take:
    """The rendering at 16 kHz, a little faster or slower, with nothing around the speech.

    With `cut_after` the sound stops that many words in, or up to 150 ms (half a word at most)
    later: what a partial transcript is made from.
    """
    start_s, stop_s, kept = spoken.start_s, spoken.end_s, len(words)
    if cut_after is not None and spoken.ends is not None:
        kept = cut_after
        done_s = spoken.ends[kept - 1] if kept else start_s
        stop_s = done_s + rng.uniform(0, min(0.15, 0.5 * (spoken.ends[kept] - done_s)))
    piece = spoken.sound[int(start_s * spoken.rate_hz) : int(stop_s * spoken.rate_hz) + 1]
    speed = rng.uniform(0.9, 1.12)
    sound = soxr.resample(piece, spoken.rate_hz * speed, RATE_HZ).astype(np.float32)
    return Take(sound, tuple(words[:kept]), 0.0, len(sound) / RATE_HZ)


def join(first: Take, second: Take, pause_s: float) -> Take:
    """Two takes with a pause between them."""
    middle = np.zeros(int(pause_s * RATE_HZ), np.float32)
    sound = np.concatenate((first.sound, middle, second.sound))
    return Take(sound, first.words + second.words, 0.0, len(sound) / RATE_HZ)


def surround(spoken: Take, lead_s: float, trail_s: float) -> Take:
    """Silence before and after."""
    lead, trail = int(lead_s * RATE_HZ), int(trail_s * RATE_HZ)
    return replace(
        spoken,
        sound=np.pad(spoken.sound, (lead, trail)),
        start_s=spoken.start_s + lead_s,
        end_s=spoken.end_s + lead_s,
    )


def soil(spoken: Take, rng: random.Random, *, noise_db: float = 8) -> Take:
    """A level from a whisper's to clipping's edge; noise at least `noise_db` below the speech."""
    sound = spoken.sound * (rng.uniform(0.05, 0.95) / (float(np.abs(spoken.sound).max()) + 1e-6))
    if rng.random() < 0.85:
        level = float(np.sqrt(np.mean(sound**2))) * 10 ** (-rng.triangular(noise_db, 45, 28) / 20)
        sound = sound + level * noise(rng, len(sound))
    return replace(spoken, sound=np.clip(sound, -1, 1).astype(np.float32))


def noise(rng: random.Random, count: int) -> Sound:
    """White, pink or mains hum, with a root mean square of 1."""
    made = np.random.default_rng(rng.getrandbits(32))
    kind = rng.choice(("white", "pink", "hum"))
    if kind == "white":
        return made.standard_normal(count, np.float32)
    if kind == "pink":
        bins = np.fft.rfft(made.standard_normal(count))
        bins /= np.sqrt(np.arange(1, len(bins) + 1))
        sound = np.fft.irfft(bins, count)
    else:
        hertz = rng.choice((50, 60))
        time_s = np.arange(count) / RATE_HZ
        sound = sum(np.sin(2 * np.pi * hertz * n * time_s + n) / n for n in (1, 2, 3, 5))
    return (sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def not_speech(rng: random.Random) -> Take:
    """Silence, noise, tones, clicks or a clipped roar: what must give no words."""
    seconds = rng.uniform(28, 30) if rng.random() < 0.12 else rng.uniform(0.3, 6)
    count = int(seconds * RATE_HZ)
    made = np.random.default_rng(rng.getrandbits(32))
    time_s = np.arange(count) / RATE_HZ
    kind = rng.choice(("silence", "noise", "noise", "tones", "clicks", "clipped"))
    level = 10 ** rng.uniform(-4, -0.3)
    if kind == "silence":
        sound = np.zeros(count)
        if rng.random() < 0.5:
            sound += made.integers(-1, 2, count) / 32768
    elif kind == "noise":
        sound = level * noise(rng, count)
    elif kind == "tones":
        tones = [rng.uniform(60, 4000) for _ in range(rng.randint(1, 3))]
        sound = level * sum(np.sin(2 * np.pi * hertz * time_s) for hertz in tones)
        if rng.random() < 0.4:
            sound = sound * (np.sin(2 * np.pi * rng.uniform(0.5, 4) * time_s) > 0)
    elif kind == "clicks":
        sound = level * 0.01 * made.standard_normal(count)
        for at in made.integers(0, count, max(1, int(seconds * 2))):
            length = rng.randint(20, 800)
            burst = sound[at : at + length]
            burst += (
                level
                * made.standard_normal(len(burst))
                * np.exp(-5 * np.arange(len(burst)) / length)
            )
    else:
        sound = 20 * (noise(rng, count) + np.sin(2 * np.pi * rng.uniform(60, 2000) * time_s))
    sound = np.clip(sound, -1, 1).astype(np.float32)
    return Take(sound, (), 0.0, seconds, is_speech=False)
