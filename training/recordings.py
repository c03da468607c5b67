"""Writes the recordings that the tests listen to, and what is said in them.

    python recordings.py FOLDER

Held-back commands from a seed of their own, taken as they come: thirteen in voices that the model
knows, three in voices that it does not. Noise, where there is any, is 20 dB or more below the
speech. `words.txt` has a line for each: file, voice, words.
"""

from __future__ import annotations

import argparse
import random
import wave
from pathlib import Path

import numpy as np

import sounds
from voices import TRAINED, UNTRAINED, say
from words import command, is_held_back

SEED = 16
VOICES = (*TRAINED, *TRAINED[:3], *UNTRAINED)


def commands(rng: random.Random, count: int) -> list[list[str]]:
    """The first that are held back, none twice."""
    found: list[list[str]] = []
    while len(found) < count:
        words = command(rng)
        if is_held_back(words) and words not in found:
            found.append(words)
    return found


def write(path: Path, sound: sounds.Sound) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sounds.RATE_HZ)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    lines = []
    for index, words in enumerate(commands(rng, len(VOICES))):
        voice = VOICES[index]
        spoken = say(voice, words, pace=rng.uniform(0.9, 1.1), pitch=50)
        take = sounds.surround(sounds.take(spoken, words, rng), 0.3, 0.5)
        name = f"{index:02}.wav"
        write(folder / name, np.clip(sounds.soil(take, rng, noise_db=20).sound, -1, 1))
        known = "" if voice in TRAINED else " (never trained on)"
        lines.append(f"{name}\t{voice}{known}\t{' '.join(words)}\n")
    (folder / "words.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
