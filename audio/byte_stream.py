"""PCM16 that comes in chunks of any length: one stream of bytes, of which two make a sample.

A chunk of odd length ends in the middle of a sample, and the next one begins with the other half.
Or it was cut short, and the next one begins with a whole sample. Both exist, and taken the wrong
way all that follows is noise; so the sound decides. Paired as they were meant, neighbours among the
samples are like each other, and quiet sound is quiet; paired the other way neither is so. While
neither is plain, chunks of even length are taken to begin with a whole sample.
"""

from __future__ import annotations

import numpy as np

from .containers import RELATED, correlation

LEAST_BYTES = 64
"""Less is too little to be sure. So little of the wrong sound is no harm either."""

PLAIN = 0.6
"""Correlation of neighbours above which a pairing is right, if the other's is below RELATED."""

LOUDER = 20.0
"""So many times as loud is the wrong pairing of quiet sound, of which one byte in two is nearly
always the same."""


class ByteStream:
    """`push` gives whole samples; half a sample at the end is kept until its other half comes."""

    def __init__(self) -> None:
        self._half = b""
        """What belongs before the next chunk; in doubt, what may belong there."""
        self._doubtful = False

    def push(self, data: bytes) -> bytes:
        if not self._half:
            return self._cut(data)
        if not data:
            return b""
        joins = self._joins(data) if self._doubtful else True
        if joins is None and len(data) % 2 == 0:
            self._half = data[-1:]
            return data
        if joins is not False:
            self._doubtful = joins is None
            return self._cut(self._half + data)
        self._half, self._doubtful = b"", False
        return self._cut(data)

    @property
    def is_within_sample(self) -> bool:
        """Whether half a sample waits for its other half."""
        return bool(self._half)

    def forget(self) -> None:
        """What comes next is another stream."""
        self._half, self._doubtful = b"", False

    def _cut(self, data: bytes) -> bytes:
        whole = len(data) // 2 * 2
        if whole < len(data) and not self._half:
            self._doubtful = True
        self._half = data[whole:]
        return data[:whole]

    def _joins(self, data: bytes) -> bool | None:
        """Whether the half belongs to this; None: it cannot be seen."""
        if len(data) < LEAST_BYTES:
            return None
        joined, apart = _seen(self._half + data), _seen(data)
        for one, other, answer in ((joined, apart, True), (apart, joined, False)):
            if one[0] > PLAIN and other[0] < RELATED:
                return answer
            if one[1] * LOUDER < other[1]:
                return answer
        return None


def _seen(data: bytes) -> tuple[float, float]:
    """How alike neighbours are, and how loud it is."""
    samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float64)
    return correlation(samples), float(np.sqrt(np.square(samples).mean()))
