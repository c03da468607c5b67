"""Chunks on disk to batches: windows of many lengths, prompts, targets.

A batch is of takes of about one length. Its window is the longest take and some margin, filled
with 0.0 as faster-whisper fills it; one batch in twenty is padded to 30 s.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tokens import Ids
from words import WORDS

LONGEST = 3000
FRAMES_PER_BATCH = 8_000
STAGES = ((130, 4_000, 700), (250, 8_000, 500))
"""Longest take and batch, both in frames, and how many batches: short ones first, or the encoder
does not find out for a long time that there are words at all."""
EARLY = sum(count for _, _, count in STAGES)
INDEX = {word: index for index, word in enumerate(WORDS)}


@dataclass(frozen=True, slots=True)
class Row:
    """A take: its mels (frames, 80), and what is in it."""

    mels: NDArray[np.float16]
    words: list[str]
    voice: str
    start_s: float
    end_s: float
    is_speech: bool


@dataclass(frozen=True, slots=True)
class Batch:
    mels: Tensor
    inputs: Tensor
    targets: Tensor
    labels: list[Tensor]


def load(folder: Path, prefix: str) -> list[Row]:
    """Every take of the chunks whose names begin so. Mels stay on disk until they are used."""
    rows: list[Row] = []
    for path in sorted(folder.glob(f"{prefix}*.json")):
        frames = np.load(path.with_suffix(".npy"), mmap_mode="r")
        entries: list[dict[str, Any]] = json.loads(path.read_text())
        for entry in entries:
            mels = frames[entry["at"] : entry["at"] + entry["frames"]]
            about = (entry["words"], entry["voice"], entry["start_s"], entry["end_s"])
            rows.append(Row(mels, *about, is_speech=entry["speech"]))
    return rows


def window(rows: list[Row], frames: int) -> Tensor:
    """Mels (batch, 80, frames), each followed by 0.0."""
    filled = np.zeros((len(rows), frames, 80), np.float32)
    for place, row in zip(filled, rows, strict=True):
        place[: len(row.mels)] = row.mels[:frames]
    return torch.from_numpy(filled).transpose(1, 2)


def sequence(row: Row, ids: Ids, *, timestamps: bool) -> tuple[list[int], list[int]]:
    """What the decoder is given and what it has to say to it, token by token.

    As in Whisper the first thing to say, to the start token, is whether there is speech.
    """
    said = [ids.words[word] for word in row.words]
    if timestamps:
        begin = ids.first_timestamp + (round(row.start_s / 0.02) if row.is_speech else 0)
        said = [*said, ids.first_timestamp + round(row.end_s / 0.02)] if said else []
    else:
        begin = ids.no_timestamps
    first = begin if row.is_speech else ids.no_speech
    return [ids.start, begin, *said], [first, *said, ids.end]


def batch(rows: list[Row], ids: Ids, rng: random.Random, *, early: bool = False) -> Batch:
    """Mels, prompts and targets. Early on the margin is short: there is time to lose."""
    longest = max(len(row.mels) for row in rows)
    dice = rng.random()
    margin = LONGEST if dice < 0.05 else rng.randint(0, 300 if dice < 0.25 else 40)
    margin = min(margin, 40) if early else margin
    frames = min(longest + margin + (longest + margin) % 2, LONGEST)
    rows = rng.sample(rows, min(len(rows), max(4, FRAMES_PER_BATCH // frames)))
    mels = window(rows, frames)
    for index, row in enumerate(rows):
        # Bands left out now and then: no voice is to be known by its pitch alone.
        if rng.random() < 0.5 and len(row.mels):
            low = rng.randrange(72)
            mels[index, low : low + rng.randint(1, 8), : len(row.mels)] = 0.0
    pairs = [sequence(row, ids, timestamps=rng.random() < 0.15) for row in rows]
    length = max(len(given) for given, _ in pairs)
    inputs = torch.full((len(rows), length), ids.end)
    targets = torch.full((len(rows), length), -100)
    for index, (given, wanted) in enumerate(pairs):
        inputs[index, : len(given)] = torch.tensor(given)
        targets[index, : len(wanted)] = torch.tensor(wanted)
    labels = [torch.tensor([INDEX[word] for word in row.words], dtype=torch.long) for row in rows]
    return Batch(mels, inputs, targets, labels)


def groups(rows: list[Row], frames: int, rng: random.Random) -> list[list[Row]]:
    """Rows of about one length together, as many as `frames` allow, in no order."""
    # Sorted, but not quite: neighbours are of about one length and not always the same.
    ordered = sorted(rows, key=lambda row: len(row.mels) * rng.uniform(0.9, 1.1))
    made: list[list[Row]] = [[]]
    for row in ordered:
        if made[-1] and (len(made[-1]) + 1) * (len(row.mels) + 20) > frames:
            made.append([])
        made[-1].append(row)
    rng.shuffle(made)
    return made


def course(rows: list[Row], seed: int) -> Iterator[list[Row]]:
    """Rows for batch after batch, without end: the stages first, then everything."""
    rng = random.Random(seed)
    for longest, frames, count in STAGES:
        short = [row for row in rows if len(row.mels) <= longest]
        left = count
        while left:
            made = groups(short, frames, rng)[:left]
            left -= len(made)
            yield from made
    while True:
        yield from groups(rows, FRAMES_PER_BATCH, rng)
