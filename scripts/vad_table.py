"""Measure the detectors on labelled audio and print docs/VAD.md's table.

    .venv/bin/python scripts/vad_table.py [FOLDER] [--babble FOLDER] [--only NAME]

The labels are known by construction: the speech of recordings, their silence cut away, is laid out
with pauses of 0.6 to 2 s, and noise is added. Without FOLDER it is that of examples/audio, whose
silences have known lengths. In FOLDER's recordings (WAV) speech is found by its level: above the
middle, in dB, between the recording's quiet and loud parts (its 5th and 95th percentiles), gaps up
to 250 ms included. The seeds are fixed: the same recordings give the same audio.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from parley.engines.failures import EngineUnavailable
from parley.engines.vad.energy import EnergyDetector, level_dbfs
from parley.engines.vad.interface import Detector
from parley.engines.vad.silero import SileroDetector
from parley.engines.vad.webrtc import WebRtcDetector
from parley.wav import read_wav

Sound = npt.NDArray[np.float64]
"""16 kHz; full scale is 1."""
Marks = npt.NDArray[np.bool_]
"""One per millisecond."""

RATE_HZ = 16_000
MS = RATE_HZ // 1000
EXAMPLES = Path(__file__).resolve().parent.parent / "examples/audio"
LEAD_MS, TAIL_MS = 300, 1000  # the silence around the speech of the examples
SECONDS = 130
SPEECH_DBFS = -26.0
HISS_DBFS = -72.0
BABBLERS = 8
HANGOVER_MS = 160
ONSET_MS = 90
ONSET_COLLAR_MS, BEFORE_END_MS, AFTER_END_MS = 100, 200, 300

DETECTORS: dict[str, Callable[[], Detector]] = {
    "webrtc 2": lambda: WebRtcDetector(2),
    "webrtc 3": lambda: WebRtcDetector(3),
    "energy": EnergyDetector,
    "silero": SileroDetector,
}
NOISES = (
    "none",
    "quiet speaker",
    *(f"{kind} {snr}" for kind in ("white", "hum", "babble") for snr in (20, 10, 5)),
)
"""Kind and signal to noise ratio in dB. The quiet speaker is 20 dB below the others."""


def power(sound: Sound) -> float:
    return float(np.mean(sound * sound))


def at_level(sound: Sound, dbfs: float) -> Sound:
    return np.asarray(sound * np.sqrt(10 ** (dbfs / 10) / power(sound)))


def cut(path: Path) -> list[Sound]:
    """The stretches of speech in one recording."""
    wav = read_wav(path)
    if wav.rate_hz != RATE_HZ:
        raise SystemExit(f"{path}: {RATE_HZ} Hz is needed, not {wav.rate_hz}")
    sound = np.frombuffer(wav.pcm16, "<i2").astype(np.float64) / 32768
    if path.parent.resolve() == EXAMPLES:
        return [sound[LEAD_MS * MS : -TAIL_MS * MS]]
    frame = 20 * MS
    levels = [level_dbfs(wav.pcm16[i : i + 2 * frame]) for i in range(0, len(wav.pcm16), 2 * frame)]
    loud = np.repeat(np.array(levels) > np.mean(np.percentile(levels, (5, 95))), 20)
    spans = [span for span in runs(closed(loud, 250)) if span[1] - span[0] >= 300]
    return [sound[start * MS : end * MS] for start, end in spans]


def speech_in(folder: Path) -> list[Sound]:
    pieces = [piece for path in sorted(folder.glob("*.wav")) for piece in cut(path)]
    if not pieces:
        raise SystemExit(f"{folder}: there is no .wav with speech")
    return pieces


def runs(marks: Marks) -> list[tuple[int, int]]:
    """Start and end of each stretch that is marked, in ms."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marks.astype(np.int8), [0]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def closed(marks: Marks, gap_ms: int) -> Marks:
    filled = marks.copy()
    for start, end in runs(~marks):
        if start > 0 and end < len(marks) and end - start <= gap_ms:
            filled[start:end] = True
    return filled


def scene(pieces: list[Sound]) -> tuple[Sound, list[tuple[int, int]]]:
    """Speech with pauses, at least SECONDS of it, and where the utterances are, in ms."""
    random = np.random.default_rng(1)
    parts: list[Sound] = []
    spans: list[tuple[int, int]] = []
    at_ms = 0
    while at_ms < SECONDS * 1000:
        for index in random.permutation(len(pieces)):
            pause_ms = int(random.integers(600, 2001))
            piece = at_level(pieces[index], SPEECH_DBFS)
            piece = piece[: len(piece) // MS * MS]
            start, end = at_ms + pause_ms, at_ms + pause_ms + len(piece) // MS
            parts += [np.zeros(pause_ms * MS), piece]
            spans.append((start, end))
            at_ms = end
    parts.append(np.zeros(1000 * MS))
    return np.concatenate(parts), spans


def noise(kind: str, length: int, pieces: list[Sound]) -> Sound:
    random = np.random.default_rng(2)
    if kind == "white":
        return np.asarray(random.normal(size=length))
    if kind == "hum":
        t = np.arange(length) / RATE_HZ
        waves = (np.sin(2 * np.pi * 50 * n * t + n) / n for n in range(1, 11))
        return np.asarray(sum(waves, np.zeros(length)))
    total = np.zeros(length)
    for _ in range(BABBLERS):
        voice: list[Sound] = []
        while sum(map(len, voice)) < length:
            order = random.permutation(len(pieces))
            voice += [at_level(pieces[index], SPEECH_DBFS) for index in order]
        total += np.roll(np.concatenate(voice), int(random.integers(length)))[:length]
    return total


def mixed(speech: Sound, condition: str, babblers: list[Sound]) -> bytes:
    """The scene as PCM16 under one condition. There is always a sound card's hiss."""
    kind, _, snr = condition.partition(" ")
    sound = speech + at_level(np.random.default_rng(3).normal(size=len(speech)), HISS_DBFS)
    if condition == "quiet speaker":
        sound = sound + speech * (10 ** (-20 / 20) - 1)
    elif kind != "none":
        sound = sound + at_level(noise(kind, len(speech), babblers), SPEECH_DBFS - float(snr))
    return (sound * 32768).clip(-32768, 32767).astype("<i2").tobytes()


@dataclass(frozen=True, slots=True)
class Score:
    accuracy: float
    recall: float
    found: float
    false_per_min: float
    onset_ms: float
    end_ms: float
    frame_us: float


def judged(detector: Detector, pcm16: bytes) -> tuple[Marks, float]:
    """The verdicts by the ms, without hangover, and the CPU time that one took in µs."""
    step = detector.frame_samples * 2
    began = time.process_time()
    said = [detector.is_speech(pcm16[i : i + step]) for i in range(0, len(pcm16) - step + 1, step)]
    took = time.process_time() - began
    marks = np.zeros(len(pcm16) // 2 // MS, dtype=np.bool_)
    frame_ms = detector.frame_samples // MS
    marks[: len(said) * frame_ms] = np.repeat(said, frame_ms)
    return marks, took / len(said) * 1e6


def score(voiced: Marks, spans: list[tuple[int, int]], frame_ms: int, frame_us: float) -> Score:
    """`found`: at least half of it is active, and there is a gap before it and one behind it."""
    truth = np.zeros(len(voiced), dtype=np.bool_)
    counts = np.ones(len(voiced), dtype=np.bool_)
    for start, end in spans:
        truth[start:end] = True
        counts[start - ONSET_COLLAR_MS : start + ONSET_COLLAR_MS] = False
        counts[end - BEFORE_END_MS : end + AFTER_END_MS] = False
    active = voiced.copy()
    for _, end in runs(voiced):
        active[end : end + HANGOVER_MS] = True
    segments = runs(active)
    found = 0
    onsets, ends = [], []
    for index, (start, end) in enumerate(spans):
        before = spans[index - 1][1] if index else 0
        after = spans[index + 1][0] if index + 1 < len(spans) else len(active)
        alone = not active[before:start].all() and not active[end:after].all()
        if active[start:end].mean() < 0.5 or not alone:
            continue
        found += 1
        mine = [s for s in segments if s[1] > start and s[0] < end]
        if mine[0][0] > start - ONSET_COLLAR_MS:
            onsets.append(mine[0][0] + frame_ms - start)
        ends.append(mine[-1][1] - end)
    false = [segment for segment in segments if is_false(segment, spans)]
    return Score(
        accuracy=float((active == truth)[counts].mean()),
        recall=float(active[truth & counts].mean()),
        found=found / len(spans),
        false_per_min=len(false) / (len(voiced) / 60_000),
        onset_ms=float(np.median(onsets)) if onsets else float("nan"),
        end_ms=float(np.median(ends)) if ends else float("nan"),
        frame_us=frame_us,
    )


def is_false(segment: tuple[int, int], spans: list[tuple[int, int]]) -> bool:
    """Whether it is long enough for an onset, and no utterance is near it."""
    begins, ends = segment
    return ends - begins - HANGOVER_MS >= ONSET_MS and not any(
        ends > start - ONSET_COLLAR_MS and begins < end + AFTER_END_MS for start, end in spans
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=EXAMPLES)
    parser.add_argument("--babble", type=Path, help="whose voices the babble is of")
    parser.add_argument("--only", choices=DETECTORS, help="one detector")
    options = parser.parse_args()
    pieces = speech_in(options.folder)
    babblers = speech_in(options.babble or options.folder)
    speech, spans = scene(pieces)
    spoken_s = sum(end - start for start, end in spans) / 1000
    print(f"{len(speech) / RATE_HZ:.0f} s, {len(spans)} utterances, {spoken_s:.0f} s of speech\n")
    print("| noise, dB | detector | accuracy | recall | found | false/min | onset ms | end ms |")
    print("|---|---|---|---|---|---|---|---|")
    cost: dict[str, list[float]] = {}
    for condition in NOISES:
        pcm16 = mixed(speech, condition, babblers)
        for name in [options.only] if options.only else DETECTORS:
            try:
                detector = DETECTORS[name]()
            except EngineUnavailable as error:
                print(f"{name}: {error}", file=sys.stderr)
                continue
            voiced, frame_us = judged(detector, pcm16)
            cost.setdefault(name, []).append(frame_us)
            one = score(voiced, spans, detector.frame_samples // MS, frame_us)
            delays = " | ".join(
                "-" if np.isnan(delay) else f"{delay:.0f}" for delay in (one.onset_ms, one.end_ms)
            )
            print(
                f"| {condition} | {name} | {one.accuracy:.3f} | {one.recall:.3f} "
                f"| {one.found:.0%} | {one.false_per_min:.1f} | {delays} |"
            )
    print()
    for name, times in cost.items():
        print(f"{name}: {np.median(times):.0f} µs of CPU time per frame")


if __name__ == "__main__":
    main()
