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

KEPT = 0.9
"""Of the powers that were measured so far, with each piece: a choice holds over pauses."""


class Downmix:
    """Of one stream. The choice is made anew with each piece, by it and by those before it."""

    def __init__(self) -> None:
        self._powers: Samples | None = None
        self._mean_power = 0.0

    def mono(self, frames: Samples) -> npt.NDArray[np.float64]:
        """`frames` has a row for each moment and a column for each channel."""
        frames = frames.astype(np.float64, copy=False)
        mean: npt.NDArray[np.float64] = frames.mean(axis=1)
        if frames.shape[1] == 1 or not len(frames):
            return mean
        powers, mean_power = np.square(frames).sum(axis=0), float(np.square(mean).sum())
        if self._powers is not None:
            powers, mean_power = powers + self._powers, mean_power + self._mean_power
        self._powers, self._mean_power = powers * KEPT, mean_power * KEPT
        loudest = int(powers.argmax())
        if mean_power < CANCELLED * powers[loudest]:
            channel: npt.NDArray[np.float64] = frames[:, loudest]
            return channel
        return mean
