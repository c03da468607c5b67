"""Measures a converted model: word error rates, what it says to non-speech, how long it takes.

    python evaluate.py FOLDER [--sentences 400]

Everything it hears is made on the spot from a seed of its own and from held-back sentences. Tight
is what a live partial needs: mels of the sound alone and a second of margin. Padded is the same
mels filled up to 30 s, as faster-whisper does; `transcribe` is faster-whisper's own, as it comes.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel

import sounds
from voices import TRAINED, UNTRAINED, say
from words import command, is_held_back, sentences, word_errors

SEED = 20
MARGIN_FRAMES = 100
WHOLE_WINDOW = 3000
ALL_WAYS = ("tight", "padded", "transcribe")


@dataclass(frozen=True, slots=True)
class Heard:
    words: list[str]
    no_speech: float
    logprob: float


def decode(model: WhisperModel, sound: sounds.Sound, frames: int | None = None) -> Heard:
    """One greedy pass over a window of `frames`, or a tight one."""
    mels = model.feature_extractor(sound)[:, :-1][:, :WHOLE_WINDOW]
    frames = min(frames or mels.shape[1] + MARGIN_FRAMES, WHOLE_WINDOW)
    frames += frames % 2
    filled = np.zeros((1, 80, frames), np.float32)
    filled[0, :, : mels.shape[1]] = mels
    states = model.model.encode(ctranslate2.StorageView.from_array(filled))
    tokenizer = model.hf_tokenizer
    prompt = [
        tokenizer.token_to_id(f"<|{name}|>") for name in ("startoftranscript", "notimestamps")
    ]
    (result,) = model.model.generate(
        states,
        [prompt],
        beam_size=1,
        max_length=len(prompt) + 30,
        return_scores=True,
        return_no_speech_prob=True,
    )
    ids = result.sequences_ids[0]
    # The score is the mean over the tokens; faster-whisper counts the end of the text as one more.
    # Where there are none CTranslate2 divides by zero: no words have no score, it is not a number.
    logprob = result.scores[0] * len(ids) / (len(ids) + 1)
    return Heard(tokenizer.decode(ids).split(), result.no_speech_prob, logprob)


def stock(model: WhisperModel, sound: sounds.Sound) -> list[str]:
    segments, _ = model.transcribe(sound, language="en")
    return " ".join(segment.text for segment in segments).split()


def recordings(
    phrases: list[list[str]], voices: tuple[str, ...], rng: random.Random, *, cut: bool = False
) -> Iterator[tuple[str, sounds.Take]]:
    """The sentences in turn by the voices, soiled as in training; or cut off in the middle."""
    for index, words in enumerate(phrases):
        voice = voices[index % len(voices)]
        spoken = say(voice, words, pace=rng.uniform(0.88, 1.2), pitch=rng.randint(30, 70))
        lead_s, trail_s = rng.uniform(0.1, 0.6), rng.uniform(0, 1)
        if not cut:
            take = sounds.take(spoken, words, rng)
        elif spoken.ends is not None and len(words) > 1:
            take = sounds.take(spoken, words, rng, cut_after=rng.randrange(1, len(words)))
            trail_s = 0.0
        else:
            continue
        yield voice, sounds.soil(sounds.surround(take, lead_s, trail_s), rng)


def pairs(phrases: list[list[str]], rng: random.Random) -> Iterator[tuple[str, sounds.Take]]:
    """Two short sentences by one voice, with a pause between them."""
    short = [words for words in phrases if len(words) <= 4]
    for index, (first, second) in enumerate(zip(short[::2], short[1::2], strict=False)):
        voice = TRAINED[index % len(TRAINED)]
        before, after = (
            sounds.take(say(voice, words, pace=1.0, pitch=50), words, rng)
            for words in (first, second)
        )
        both = sounds.join(before, after, rng.uniform(0.2, 0.9))
        yield voice, sounds.soil(sounds.surround(both, 0.3, 0.3), rng)


def report(
    title: str,
    model: WhisperModel,
    made: Iterator[tuple[str, sounds.Take]],
    names: tuple[str, ...] = ("tight", "padded"),
) -> None:
    """Word error rates in per cent, overall and by voice, decoded in the ways of these names."""
    known: dict[str, Callable[[sounds.Sound], list[str]]] = {
        "tight": lambda sound: decode(model, sound).words,
        "padded": lambda sound: decode(model, sound, WHOLE_WINDOW).words,
        "transcribe": lambda sound: stock(model, sound),
    }
    ways = {name: known[name] for name in names}
    wrong: dict[tuple[str, str], int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    right: dict[str, int] = defaultdict(int)
    count = 0
    for voice, take in made:
        count += 1
        for name in (voice, "all"):
            total[name] += len(take.words)
        for way, hear in ways.items():
            errors = word_errors(list(take.words), hear(take.sound))
            right[way] += not errors
            for name in (voice, "all"):
                wrong[name, way] += errors
    print(f"\n{title}: {count} recordings, {total['all']} words")
    for name in sorted(total):
        rates = (f"{way} {100 * wrong[name, way] / total[name]:6.2f} %" for way in ways)
        print(f"  {name:24}", *rates)
    print("  without an error        ", *(f"{way} {right[way]}" for way in ways))


def not_speech(seconds: float) -> Iterator[tuple[str, sounds.Sound]]:
    """Silence and noises by name."""
    count = int(seconds * sounds.RATE_HZ)
    time_s = np.arange(count) / sounds.RATE_HZ
    made = np.random.default_rng(SEED)
    white = made.standard_normal(count)
    yield "silence", np.zeros(count, np.float32)
    yield "least bit", (made.integers(-1, 2, count) / 32768).astype(np.float32)
    for name, level in (("noise, quiet", 0.003), ("noise", 0.03), ("noise, loud", 0.2)):
        yield name, (level * white).clip(-1, 1).astype(np.float32)
    for hertz in (100, 440, 1000):
        yield f"tone {hertz} Hz", (0.3 * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)
    yield "clipped noise", (10 * white).clip(-1, 1).astype(np.float32)
    square = np.sign(np.sin(2 * np.pi * 220 * time_s))
    yield "clipped tone", square.astype(np.float32)


def report_not_speech(model: WhisperModel) -> None:
    print("\nno speech: probability of no speech, mean log-probability, words")
    for seconds in (1, 3, 30):
        for name, sound in not_speech(seconds):
            for way, frames in (("tight", None), ("padded", WHOLE_WINDOW)):
                heard = decode(model, sound, frames)
                figures = f"{heard.no_speech:.4f} {heard.logprob:8.4f} {' '.join(heard.words)!r}"
                print(f"  {seconds:2} s {name:14} {way:6} {figures}")
            print(f"  {seconds:2} s {name:14} transcribe {' '.join(stock(model, sound))!r}")


def report_time(model: WhisperModel) -> None:
    spoken = say("flite:slt", ["turn", "on", "the", "kitchen", "lights"], pace=1.0, pitch=50)
    take = sounds.take(spoken, [], random.Random(SEED))
    sound = np.resize(np.pad(take.sound, (0, 3 * sounds.RATE_HZ)), 3 * sounds.RATE_HZ)
    for way, frames in (("tight", None), ("padded", WHOLE_WINDOW)):
        spans = []
        for _ in range(20):
            began = time.perf_counter()
            decode(model, sound, frames)
            spans.append(1000 * (time.perf_counter() - began))
        print(f"3 s of sound, {way}: {sorted(spans)[10]:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sentences", type=int, default=400)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    model = WhisperModel(
        str(options.folder), device="cpu", compute_type="int8", cpu_threads=options.threads
    )
    rng = random.Random(SEED)
    mixed = sentences(SEED, options.sentences, held_back=True)
    commands: list[list[str]] = []
    while len(commands) < options.sentences // 4:
        words = command(rng)
        if is_held_back(words):
            commands.append(words)
    report("commands and random strings", model, recordings(mixed, TRAINED, rng))
    report("commands alone", model, recordings(commands, TRAINED, rng), ALL_WAYS)
    report(
        "cut in mid-sentence", model, recordings(mixed[:200], TRAINED, rng, cut=True), ("tight",)
    )
    report("two sentences", model, pairs(mixed, rng), ("tight",))
    report("voices never heard", model, recordings(mixed[:150], UNTRAINED, rng))
    report_not_speech(model)
    report_time(model)


if __name__ == "__main__":
    main()
