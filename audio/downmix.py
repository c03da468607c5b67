"""Several channels to one.

Their mean is right for nearly all sound. But where two channels carry the same sound with opposite
signs (a microphone with balanced outputs taken for stereo, a cable with a swapped wire) the mean
is silence; then the louder channel is heard instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[Any]

CANCELLED = 0.1
"""Power of the mean, of the loudest channel's, below which the channels take each other out. Of
one channel that sounds beside a silent one the mean has a quarter."""

BLOCK = 480
"""Frames after which what was heard counts less. Blocks lie at fixed places of the stream, so that
it sounds the same however it is cut into pieces."""

KEPT = 0.95
"""Of the powers, from one block to the next: a choice holds over pauses."""


class Downmix:
    """Of one stream. The choice is made anew with each frame, by it and by those before it: so it
    depends on the sound alone, and needs nothing that is still to come."""

    def __init__(self) -> None:
        self._powers: Samples | None = None
        """One for each channel and the mean's behind them, summed frame by frame."""
        self._in_block = 0

    def mono(self, frames: Samples) -> npt.NDArray[np.float64]:
        """`frames` has a row for each moment and a column for each channel."""
        frames = frames.astype(np.float64, copy=False)
        mean: npt.NDArray[np.float64] = frames.mean(axis=1)
        if frames.shape[1] == 1 or not len(frames):
            return mean
        powers = self._followed(np.square(np.column_stack((frames, mean))))
        loudest = powers[:, :-1].argmax(axis=1)
        moments = np.arange(len(frames))
        cancelled = powers[:, -1] < CANCELLED * powers[moments, loudest]
        return np.where(cancelled, frames[moments, loudest], mean)

    def _followed(self, squares: Samples) -> Samples:
        """The powers as of each frame. Sums are made in the order of the stream, one frame after
        the other, so that their rounding does not depend on the pieces either."""
        done = 0
        while done < len(squares):
            part = squares[done : done + BLOCK - self._in_block]
            if self._powers is not None:
                part[0] += self._powers
            part[:] = part.cumsum(axis=0)
            self._powers = part[-1].copy()
            self._in_block += len(part)
            if self._in_block == BLOCK:
                self._powers *= KEPT
                self._in_block = 0
            done += len(part)
        return squares
