"""PCM16 that comes in chunks of any length: one stream of bytes, of which two make a sample.

A chunk of odd length ends in the middle of a sample, and the next one begins with the other half.
Or it was cut short, and the next one begins with a whole sample. Both exist, and taken the wrong
way all that follows is noise; so the sound decides: neighbours among its samples are like each
other if the bytes are paired as they were meant, and are not if they are paired the other way.
"""

from __future__ import annotations

import numpy as np

from .containers import RELATED, correlation

LEAST_BYTES = 64
"""Less is too little to be sure. So little of the wrong sound is no harm either."""

PLAIN = 0.6
"""Correlation of neighbours above which a pairing is right, if the other's is below RELATED."""


class ByteStream:
    """`push` gives whole samples; half a sample at the end is kept until its other half comes."""

    def __init__(self) -> None:
        self._half = b""
        self._sure = False
        """Whether it was decided that the half belongs to what follows it."""

    def push(self, data: bytes) -> bytes:
        if self._half:
            if not self._sure and len(data) >= LEAST_BYTES:
                self._decide(data)
            data = self._half + data
        if len(data) % 2 == 0:
            self._half, self._sure = b"", False
            return data
        self._sure = self._sure and bool(self._half)
        self._half = data[-1:]
        return data[:-1]

    @property
    def is_within_sample(self) -> bool:
        """Whether half a sample waits for its other half."""
        return bool(self._half)

    def forget(self) -> None:
        """What comes next is another stream."""
        self._half, self._sure = b"", False

    def _decide(self, data: bytes) -> None:
        joined, apart = _related(self._half + data), _related(data)
        if apart > PLAIN and joined < RELATED:
            self._half = b""
        elif joined > PLAIN and apart < RELATED:
            self._sure = True


def _related(data: bytes) -> float:
    return correlation(np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float64))
