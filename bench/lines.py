"""What callers say: numbers for instant engines, recordings for real ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from ..audio.pcm import HEARING_RATE_HZ
from ..client.recording import Recording, resampled
from ..client.speech_edges import speech_edges
from .caller import Line
from .instant import FRAME_NUMBERS, sample_of


def numbered_line(caller: int, frames: int, *, rate_hz: int, frame_ms: int) -> Line:
    """A line that instant engines can read: who speaks, then frame after frame its number."""
    samples = rate_hz * frame_ms // 1000
    numbers = [caller, *range(FRAME_NUMBERS, FRAME_NUMBERS + frames - 1)]
    return Line(
        frames=[
            sample_of(number).to_bytes(2, "little", signed=True) * samples for number in numbers
        ],
        words=f"caller {caller} frames {frames - 1}",
    )


def frame_of_partial(text: str) -> int:
    """The index in the line of the frame that an instant transcriber's partial has got to."""
    word, _, number = text.partition(" ")
    return int(number) + 1 if word == "frame" else -1


def lines_of(recordings: Sequence[Recording], *, rate_hz: int, frame_ms: int) -> list[Line]:
    """Recordings in frames."""
    size = rate_hz * frame_ms // 1000 * 2
    lines = []
    for recording in recordings:
        pcm16 = resampled(recording.pcm16, HEARING_RATE_HZ, rate_hz)
        frames = [pcm16[at : at + size].ljust(size, b"\0") for at in range(0, len(pcm16), size)]
        edges = speech_edges(recording.pcm16, HEARING_RATE_HZ)
        speech = None
        if edges is not None:
            speech = range(int(edges.onset_ms // frame_ms), int(edges.last_ms // frame_ms) + 1)
        lines.append(Line(frames=frames, words=recording.spoken or "", speech=speech))
    return lines


def recorded_lines(
    recordings: Sequence[Recording], *, rate_hz: int, frame_ms: int
) -> Callable[[random.Random], Line]:
    """The same; what it gives picks one of them."""
    lines = lines_of(recordings, rate_hz=rate_hz, frame_ms=frame_ms)
    return lambda rng: rng.choice(lines)
