"""Long recordings, cut into pieces that a recognizer hears one after the other.

Sound comes in as it is decoded and leaves as windows. Where somebody pauses a window ends, as an
utterance would; where nobody does for long, it is cut where it is quietest (quiet_cuts.py), so that
hardly a word is cut in two. The first window is short: somebody waits for the first words.
Plain; one per recording. PCM16 mono at 16 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .quiet_cuts import BYTES_PER_S, quiet_point, seconds_of

FIRST_S = (1.5, 4.0)
NEXT_S = (6.0, 12.0)
"""Where a window may end. Twelve seconds are what recognizers here hear best: long enough for
context, and no longer than they decode at once."""

PAUSE_S = 0.6
"""Silence that ends a window, about as long as one that ends an utterance."""
LEAST_S = 2.0
"""A window that a pause ends is at least so long: recognizers guess at single words."""

BLOCK = 320
"""Samples, 20 ms, in which loudness is looked at."""
SILENT = 20.0
"""RMS of samples below which nothing is heard: -64 dB of full scale."""
FAINT = 0.06
"""Of a window's loudest block: what is below that, before the first word and behind the last one,
is no speech."""
PAD_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A piece of a recording, and where its sound begins and ends in the recording."""

    start_s: float
    pcm16: bytes
    sound_from_s: float
    sound_to_s: float
    silent: bool

    @property
    def end_s(self) -> float:
        return self.start_s + seconds_of(len(self.pcm16))


class Windows:
    """`push` what was decoded, `flush` at its end; both give the windows that are whole."""

    def __init__(self, first_s: tuple[float, float] = FIRST_S) -> None:
        """`first_s`: where the first window may end."""
        self._first_s = first_s
        self._waiting = bytearray()
        self._taken_bytes = 0

    @property
    def wanted(self) -> int:
        """How many bytes more the next window needs."""
        longest = int(self._range()[1] * BYTES_PER_S)
        return max(BYTES_PER_S, longest - len(self._waiting))

    @property
    def duration_s(self) -> float:
        """Of all that was pushed."""
        return seconds_of(self._taken_bytes + len(self._waiting))

    def push(self, pcm16: bytes) -> list[Window]:
        self._waiting += pcm16
        windows = []
        while (size := self._next_size()) is not None:
            windows.append(self._take(size))
        return windows

    def flush(self) -> list[Window]:
        return [self._take(len(self._waiting))] if self._waiting else []

    def _next_size(self) -> int | None:
        """Where the next window ends, in bytes; None where more is needed to know."""
        waiting, (least_s, most_s) = bytes(self._waiting), self._range()
        at = pause_within(waiting, min(least_s, LEAST_S))
        if at is not None and seconds_of(at) <= most_s:
            return at
        full = seconds_of(len(waiting)) >= most_s
        return quiet_point(waiting, least_s, most_s) if full else None

    def _range(self) -> tuple[float, float]:
        return NEXT_S if self._taken_bytes else self._first_s

    def _take(self, size: int) -> Window:
        pcm16, start_s = bytes(self._waiting[:size]), seconds_of(self._taken_bytes)
        del self._waiting[:size]
        self._taken_bytes += size
        from_s, to_s = sound_within(pcm16)
        return Window(
            start_s=start_s,
            pcm16=pcm16,
            sound_from_s=start_s + from_s,
            sound_to_s=start_s + to_s,
            silent=to_s == 0.0,
        )


def pause_within(pcm16: bytes, from_s: float) -> int | None:
    """The middle of the first pause behind some sound that ends after `from_s`, in bytes; None
    where there is none."""
    heard = _heard(pcm16)
    gaps = np.diff(heard)
    long_enough = (gaps > PAUSE_S * BYTES_PER_S / 2 / BLOCK) & (
        heard[:-1] * BLOCK * 2 >= from_s * BYTES_PER_S
    )
    if not long_enough.any():
        return None
    first = int(np.argmax(long_enough))
    return int(heard[first] + gaps[first] // 2) * BLOCK * 2


def _heard(pcm16: bytes) -> Any:
    """The numbers of the blocks in which something is heard."""
    samples = np.frombuffer(pcm16[: len(pcm16) // 2 * 2], "<i2").astype(np.float32)
    blocks = len(samples) // BLOCK
    if not blocks:
        return np.empty(0, int)
    loudness = np.sqrt(np.square(samples[: blocks * BLOCK]).reshape(blocks, BLOCK).mean(axis=1))
    return np.flatnonzero(loudness >= max(SILENT, FAINT * float(loudness.max())))


def sound_within(pcm16: bytes) -> tuple[float, float]:
    """Where its sound begins and ends, in seconds; 0 and 0 where there is none."""
    heard = _heard(pcm16)
    if not len(heard):
        return 0.0, 0.0
    block_s, total_s = BLOCK * 2 / BYTES_PER_S, seconds_of(len(pcm16))
    first_s = max(0.0, float(heard[0]) * block_s - PAD_S)
    return first_s, min(total_s, (float(heard[-1]) + 1) * block_s + PAD_S)
