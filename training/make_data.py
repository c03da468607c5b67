"""Makes the training data: mel spectrograms and the words in them, in chunks on disk.

    python make_data.py DATA [--chunks 40] [--processes 2]

A chunk is two files, `NAME.npy` (frames by 80 mels, 16-bit floats, all takes end to end) and
`NAME.json` (what lies where). A chunk that exists is not made again, and its content depends on
its name alone: the work can be stopped and taken up at will. `check` chunks are of held-back
sentences, for a look at the error rate in training.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor

import sounds
from voices import TRAINED, say
from words import is_held_back, sentence, sentences

SENTENCES_PER_CHUNK = 400

_extractor = FeatureExtractor()


def mels(sound: sounds.Sound) -> np.ndarray:
    """80 by frames, as faster-whisper makes them of a recording before it pads them with 0.0."""
    return _extractor(sound)[:, :-1]


def choose_voice(rng: random.Random) -> str:
    """Half flite, half espeak-ng, though there are more variants of the latter."""
    program = rng.choice(("flite", "espeak"))
    return rng.choice([voice for voice in TRAINED if voice.startswith(program)])


def trained_sentence(rng: random.Random, longest: int = 8) -> list[str]:
    while True:
        words = sentence(rng, longest=longest)
        if not is_held_back(words):
            return words


def takes(words: list[str], rng: random.Random) -> Iterator[tuple[sounds.Take, str]]:
    """Two takes of one rendering, and what is made beside it now and then."""
    voice = choose_voice(rng)
    spoken = say(voice, words, pace=rng.uniform(0.88, 1.2), pitch=rng.randint(30, 70))
    for version in range(2):
        cut = rng.randrange(len(words)) if spoken.ends is not None else None
        if (
            version == 1
            and cut is not None
            and rng.random() < 0.4
            and not is_held_back(words[:cut])
        ):
            cut_off = sounds.take(spoken, words, rng, cut_after=cut)
            if len(cut_off.sound) > sounds.RATE_HZ // 20:
                yield sounds.surround(cut_off, rng.uniform(0, 0.6), 0), voice
                continue
        whole = sounds.take(spoken, words, rng)
        if version == 0 and len(words) <= 4 and rng.random() < 0.15:
            more = trained_sentence(rng, longest=4)
            other = say(voice, more, pace=rng.uniform(0.88, 1.2), pitch=50)
            both = sounds.join(whole, sounds.take(other, more, rng), rng.uniform(0.2, 0.9))
            whole = both if not is_held_back(list(both.words)) else whole
        trail_s = rng.choice((0, rng.uniform(0, 0.3), rng.uniform(0, 1)))
        yield sounds.surround(whole, rng.choice((0.1, rng.uniform(0, 0.6))), trail_s), voice
    if rng.random() < 0.08:
        yield sounds.not_speech(rng), ""


def make(job: tuple[Path, str]) -> str:
    """One chunk."""
    folder, name = job
    if (folder / f"{name}.json").exists():
        return name
    seed = zlib.crc32(name.encode())
    rng = random.Random(seed)
    held_back = name.startswith("check")
    frames: list[np.ndarray] = []
    rows: list[dict[str, Any]] = []
    at = 0
    for words in sentences(seed, SENTENCES_PER_CHUNK, held_back=held_back):
        for take, voice in takes(words, rng):
            soiled = sounds.soil(take, rng) if take.is_speech else take
            mel = mels(soiled.sound)
            rows.append(
                {
                    "at": at,
                    "frames": mel.shape[1],
                    "words": take.words,
                    "voice": voice,
                    "start_s": take.start_s,
                    "end_s": take.end_s,
                    "speech": take.is_speech,
                }
            )
            frames.append(mel.T.astype(np.float16))
            at += mel.shape[1]
    np.save(folder / f"{name}.npy", np.concatenate(frames))
    # The list is written last, and whole at once: a chunk with a list is complete.
    part = folder / f"{name}.part"
    part.write_text(json.dumps(rows))
    part.rename(folder / f"{name}.json")
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--chunks", type=int, default=40)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    names = ["check-000"] + [f"train-{index:03}" for index in range(options.chunks)]
    with multiprocessing.Pool(options.processes) as pool:
        for name in pool.imap_unordered(make, [(options.data, name) for name in names]):
            print(name, flush=True)


if __name__ == "__main__":
    main()
