"""A labelled set of turns by synthetic voices: where a speaker pauses, and where the turn is over.

Half of the turns have one pause of 300 to 1200 ms. The text goes to the synthesizer whole, with a
comma where the pause will be, so that the melody goes on as a voice's does that has not finished;
the voice's own gap there is cut out and the pause put in its place. Under all of it lies noise at
-65 dBFS, 300 ms of it before the turn and 2 s behind it.

Which voice says what, and how long a pause is, goes by the seed. flite gives the same audio every
time, espeak does not: so a set is kept in its folder (WAVs and `labels.json`), and read from there.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
import soxr
import trio

from ..audio.pcm import HEARING_RATE_HZ
from ..audio.wav import Wav, read_wav, wav_bytes
from ..engines.lanes.lane import Lane
from ..engines.tts import pyttsx3_worker
from ..engines.tts.pyttsx3 import loader
from .scene import (
    MS,
    SPEECH_DBFS,
    Sound,
    at_level,
)
from .turn_lines import FINISHED_LOOKING, paused, whole

FLITE_VOICES = ("slt", "rms", "awb", "kal16")
ESPEAK_VOICES = ("en-us", "en-us+f3")
PAUSE_MS = (300, 1200)
LEAD_MS, TAIL_MS = 300, 2000
NOISE_DBFS = -65.0
SILENT_DB = -34.0
"""Below the speech's level: what is quieter is the synthesizer's silence."""
SMOOTH_MS = 4
GAP_MS = 60
"""The least that a voice pauses at a comma."""
FIRST_MS = 80
"""The shortest that is said before a pause, or behind it."""
FADE_MS = 3
LABELS = "labels.json"

Said: TypeAlias = tuple[str, str]
"""Before and behind the pause; nothing behind it where there is none."""


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """One turn. Times are in ms of its audio; the ends are exact to some 10 ms."""

    file: str
    voice: str
    before: str
    """Words up to the pause, or all of them."""
    after: str
    """Words behind it, "" without a pause."""
    finished_looking: bool
    """Whether the words before the pause could be a turn."""
    begin_ms: float
    end_ms: float
    """Of the last sample of speech."""
    pause_ms: tuple[float, float] | None
    """From and to."""
    tuning: bool
    """Of the half with which rules may be adjusted; the other half is for reports."""

    @property
    def words(self) -> str:
        return f"{self.before} {self.after}".strip()


class TurnSet(msgspec.Struct, frozen=True, kw_only=True):
    seed: int
    voices: list[str]
    notes: list[str]
    turns: list[Labelled]


@dataclass(frozen=True, slots=True)
class _Order:
    """What a voice is to say. `stretch` of its time; `pause_ms` where it pauses."""

    said: Said
    finished_looking: bool
    voice: str
    stretch: float
    pause_ms: int
    tuning: bool


async def turn_set(folder: Path, *, seed: int = 1, voices_per_line: int = 2) -> TurnSet:
    """The set in `folder`, made now if it is not there. Raises NotAWav, OSError, EngineFailure, and
    ValueError for labels that are none."""
    labels = trio.Path(folder / LABELS)
    if not await labels.exists():
        return await _make(folder, seed, voices_per_line)
    try:
        return msgspec.json.decode(await labels.read_bytes(), type=TurnSet)
    except msgspec.DecodeError as error:
        raise ValueError(f"{folder / LABELS} holds no labels: {error}") from None


def audio_of(folder: Path, turn: Labelled) -> bytes:
    """PCM16 mono at 16 kHz. Raises NotAWav."""
    return read_wav(folder / turn.file).pcm16


async def _make(folder: Path, seed: int, voices_per_line: int) -> TurnSet:
    flite = shutil.which("flite")
    voices = [*(FLITE_VOICES if flite else ()), *ESPEAK_VOICES]
    notes = [] if flite else ["flite is not installed: all voices are espeak's"]
    await trio.Path(folder).mkdir(parents=True, exist_ok=True)
    orders = _orders(random.Random(seed), voices, voices_per_line)
    turns: list[Labelled] = []
    for voice in voices:
        own = [(number, order) for number, order in enumerate(orders) if order.voice == voice]
        spoken = await _spoken([order for _, order in own], voice, flite)
        for (number, order), sound in zip(own, spoken, strict=True):
            name = f"{number:03}.wav"
            made = _turn(order, sound, np.random.default_rng((seed, number)), name)
            if made is None:
                notes.append(f"{voice} makes no pause in: {', '.join(order.said)}")
                continue
            pcm16, labelled = made
            (folder / name).write_bytes(wav_bytes(pcm16, HEARING_RATE_HZ))
            turns.append(labelled)
    turns.sort(key=lambda turn: turn.file)
    made_set = TurnSet(seed=seed, voices=voices, notes=notes, turns=turns)
    text = msgspec.json.format(msgspec.json.encode(made_set), indent=1)
    (folder / LABELS).write_bytes(text)
    return made_set


def _orders(chance: random.Random, voices: Sequence[str], voices_per_line: int) -> list[_Order]:
    """Every line by several voices. All that say a line are in the same half."""
    pairs = paused()
    lines: list[tuple[Said, bool]] = [((line, ""), False) for line in whole()]
    lines += [(pair, at >= len(pairs) - FINISHED_LOOKING) for at, pair in enumerate(pairs)]
    weights = [2 if voice in FLITE_VOICES else 1 for voice in voices]
    orders = []
    for at, (said, finished_looking) in enumerate(lines):
        chosen: set[str] = set()
        while len(chosen) < min(voices_per_line, len(voices)):
            chosen |= set(chance.choices(voices, weights))
        orders += [
            _Order(
                said=said,
                finished_looking=finished_looking,
                voice=voice,
                stretch=chance.uniform(0.9, 1.2),
                pause_ms=chance.randint(*PAUSE_MS),
                tuning=at % 2 == 0,
            )
            for voice in sorted(chosen)
        ]
    return orders


# The voices


async def _spoken(orders: Sequence[_Order], voice: str, flite: str | None) -> list[Sound]:
    if voice in FLITE_VOICES and flite is not None:
        return [await trio.to_thread.run_sync(_by_flite, flite, order) for order in orders]
    return await _by_espeak(orders, voice)


def _text(said: Said) -> str:
    before, after = said
    line = f"{before}, {after}" if after else before
    return line if line.endswith("?") else f"{line}."


def _by_flite(flite: str, order: _Order) -> Sound:
    stretch = f"duration_stretch={order.stretch:.3f}"
    command = [flite, "-voice", order.voice, "--setf", stretch, "-t", _text(order.said)]
    # -o /dev/stdout would be a pipe, in which flite cannot go back to write the length.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spoken.wav")
        subprocess.run([*command, "-o", str(path)], check=True, capture_output=True, timeout=60)
        return _resampled(read_wav(path))


async def _by_espeak(orders: Sequence[_Order], voice: str) -> list[Sound]:
    lane = Lane("voice", loader(voice=voice, rate_wpm=160))
    sounds = []
    async with trio.open_nursery() as nursery:
        await nursery.start(lane.run)
        for order in orders:
            with trio.fail_after(60):
                speech = await lane.call(pyttsx3_worker.speak, _text(order.said))
            sounds.append(_resampled(Wav(speech.pcm16, speech.rate_hz)))
        nursery.cancel_scope.cancel()
    return sounds


def _resampled(wav: Wav) -> Sound:
    sound = np.frombuffer(wav.pcm16, "<i2").astype(np.float64) / 32768
    return np.asarray(soxr.resample(sound, wav.rate_hz, HEARING_RATE_HZ))


# The turn


def _turn(
    order: _Order, sound: Sound, noise: np.random.Generator, name: str
) -> tuple[bytes, Labelled] | None:
    """Its audio and labels; None where a pause was wanted and the voice made none."""
    sound = at_level(sound, SPEECH_DBFS)
    loud = _loud(sound)
    edges = np.flatnonzero(loud)
    first, last = int(edges[0]), int(edges[-1]) + 1
    pause = None
    begin = LEAD_MS * MS
    if order.said[1]:
        gap = _gap(loud[first:last], len(order.said[0]) / len(" ".join(order.said)))
        if gap is None:
            return None
        pieces = [sound[first : first + gap[0]], sound[first + gap[1] : last]]
        start = begin + len(pieces[0])
        pause = (start, start + order.pause_ms * MS)
        parts = [_faded(pieces[0]), np.zeros(order.pause_ms * MS), _faded(pieces[1])]
    else:
        parts = [_faded(sound[first:last])]
    speech = np.concatenate([np.zeros(begin), *parts, np.zeros(TAIL_MS * MS)])
    speech += at_level(pink(noise, len(speech)), NOISE_DBFS)
    before, after = (said.removesuffix("?") for said in order.said)
    return (speech * 32768).clip(-32768, 32767).astype("<i2").tobytes(), Labelled(
        file=name,
        voice=order.voice,
        before=before,
        after=after,
        finished_looking=order.finished_looking,
        begin_ms=LEAD_MS,
        end_ms=round(len(speech) / MS - TAIL_MS, 1),
        pause_ms=None if pause is None else (round(pause[0] / MS, 1), round(pause[1] / MS, 1)),
        tuning=order.tuning,
    )


def _loud(sound: Sound) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which samples are not the synthesizer's silence."""
    width = SMOOTH_MS * MS
    level = np.sqrt(np.convolve(sound * sound, np.ones(width) / width, "same"))
    return np.asarray(level > 10 ** ((SPEECH_DBFS + SILENT_DB) / 20))


def _gap(loud: np.ndarray[tuple[int], np.dtype[np.bool_]], share: float) -> tuple[int, int] | None:
    """The silence at the comma: the longest one near where the letters say that it should be."""
    quiet = np.flatnonzero(np.diff(np.concatenate([[0], ~loud, [0]]).astype(np.int8)))
    found = [
        (int(start), int(end))
        for start, end in quiet.reshape(-1, 2)
        if end - start >= GAP_MS * MS
        and FIRST_MS * MS <= start < end <= len(loud) - FIRST_MS * MS
        and abs((start + end) / 2 / len(loud) - share) < 0.25
    ]
    return max(found, key=lambda gap: gap[1] - gap[0], default=None)


def _faded(piece: Sound) -> Sound:
    ramp = np.linspace(0, 1, FADE_MS * MS)
    piece = piece.copy()
    piece[: len(ramp)] *= ramp
    piece[-len(ramp) :] *= ramp[::-1]
    return piece


def pink(noise: np.random.Generator, length: int) -> Sound:
    """Power falls with the frequency, as in rooms."""
    spectrum = np.fft.rfft(noise.normal(size=length))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), length * 50 / HEARING_RATE_HZ))
    return np.asarray(np.fft.irfft(spectrum, length))
