"""Labelled audio made by construction: speech with pauses of known length, and noise added to it.

The speech is that of recordings, their own silence cut away. That of examples/audio has known
lengths; in other recordings speech is found by its level: above the middle, in dB, between the
recording's quiet and loud parts (its 5th and 95th percentiles), gaps up to 250 ms included. The
seeds are fixed: the same recordings give the same audio, to the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..audio.pcm import HEARING_RATE_HZ
from ..client.recording import load_folder
from ..engines.vad.energy import level_dbfs

Sound = npt.NDArray[np.float64]
"""16 kHz mono; full scale is 1."""
Marks = npt.NDArray[np.bool_]
"""One per millisecond."""
Span = tuple[int, int]
"""From and to, in ms."""

MS = HEARING_RATE_HZ // 1000
EXAMPLES = Path(__file__).resolve().parent.parent / "examples/audio"
LEAD_MS, TAIL_MS = 300, 1000
"""The silence around the speech of the examples."""
PAUSE_MS = (600, 2000)
SPEECH_DBFS = -26.0
HISS_DBFS = -72.0
QUIETER_DB = 20
BABBLERS = 8
SHORTEST_MS = 300
"""Of what is found by its level."""
GAP_MS = 250


@dataclass(frozen=True, slots=True)
class Noise:
    """`snr_db`: speech to noise, mean power to mean power; None where there is none."""

    kind: str
    snr_db: int | None = None

    def __str__(self) -> str:
        return self.kind if self.snr_db is None else f"{self.kind} {self.snr_db}"


NOISES = (
    Noise("none"),
    Noise("quiet speaker"),
    *(Noise(kind, snr) for kind in ("white", "hum", "babble") for snr in (20, 10, 5)),
)
"""The quiet speaker is QUIETER_DB below the others, without noise."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Clean speech, and where its utterances are."""

    speech: Sound
    spans: Sequence[Span]

    @property
    def seconds(self) -> float:
        return len(self.speech) / HEARING_RATE_HZ

    @property
    def spoken_s(self) -> float:
        return sum(end - start for start, end in self.spans) / 1000


def speech_in(folder: Path) -> list[Sound]:
    """The stretches of speech in a folder's WAV files, by name. Raises NotAWav, and ValueError
    where there is no speech in them."""
    known = folder.resolve() == EXAMPLES
    pieces = [
        piece
        for recording in load_folder(folder)
        for piece in (_known if known else _by_level)(recording.pcm16)
    ]
    if not pieces:
        raise ValueError(f"{folder}: there is no speech in its recordings")
    return pieces


def _known(pcm16: bytes) -> list[Sound]:
    return [_sound(pcm16)[LEAD_MS * MS : -TAIL_MS * MS]]


def _by_level(pcm16: bytes) -> list[Sound]:
    sound = _sound(pcm16)
    return [sound[start * MS : end * MS] for start, end in loud_spans(pcm16)]


def loud_spans(pcm16: bytes) -> list[Span]:
    """Where there is speech in a recording, by its level."""
    step = 2 * 20 * MS
    levels = [level_dbfs(pcm16[at : at + step]) for at in range(0, len(pcm16), step)]
    if not levels:
        return []
    loud = np.repeat(np.array(levels) > np.mean(np.percentile(levels, (5, 95))), 20)
    return [span for span in runs(_closed(loud, GAP_MS)) if span[1] - span[0] >= SHORTEST_MS]


def _sound(pcm16: bytes) -> Sound:
    return np.frombuffer(pcm16, "<i2").astype(np.float64) / 32768


def runs(marks: Marks) -> list[Span]:
    """Start and end of each stretch that is marked."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marks.astype(np.int8), [0]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _closed(marks: Marks, gap_ms: int) -> Marks:
    filled = marks.copy()
    for start, end in runs(~marks):
        if start > 0 and end < len(marks) and end - start <= gap_ms:
            filled[start:end] = True
    return filled


def scene_of(pieces: Sequence[Sound], seconds: float) -> Scene:
    """All pieces in random orders with pauses between them, until it is long enough."""
    random = np.random.default_rng(1)
    parts: list[Sound] = []
    spans: list[Span] = []
    at_ms = 0
    while at_ms < seconds * 1000:
        for index in random.permutation(len(pieces)):
            pause_ms = int(random.integers(PAUSE_MS[0], PAUSE_MS[1] + 1))
            piece = at_level(pieces[index], SPEECH_DBFS)
            piece = piece[: len(piece) // MS * MS]
            start, end = at_ms + pause_ms, at_ms + pause_ms + len(piece) // MS
            parts += [np.zeros(pause_ms * MS), piece]
            spans.append((start, end))
            at_ms = end
    parts.append(np.zeros(1000 * MS))
    return Scene(np.concatenate(parts), spans)


def mixed(speech: Sound, noise: Noise, babblers: Sequence[Sound]) -> bytes:
    """Speech in a noise, as PCM16. There is always a sound card's hiss."""
    sound = speech + at_level(np.random.default_rng(3).normal(size=len(speech)), HISS_DBFS)
    if noise.kind == "quiet speaker":
        sound = sound + speech * (10 ** (-QUIETER_DB / 20) - 1)
    elif noise.snr_db is not None:
        sound = sound + at_level(
            _noise(noise.kind, len(speech), babblers), SPEECH_DBFS - noise.snr_db
        )
    return (sound * 32768).clip(-32768, 32767).astype("<i2").tobytes()


def _noise(kind: str, length: int, pieces: Sequence[Sound]) -> Sound:
    random = np.random.default_rng(2)
    if kind == "white":
        return np.asarray(random.normal(size=length))
    if kind == "hum":
        t = np.arange(length) / HEARING_RATE_HZ
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


def at_level(sound: Sound, dbfs: float) -> Sound:
    """The same sound with this mean power; silence stays silence."""
    power = float(np.mean(sound * sound))
    return np.asarray(sound * np.sqrt(10 ** (dbfs / 10) / power)) if power else sound
