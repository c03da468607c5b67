"""What a voice gives for sound, checked: right samples or an EngineFailure, never noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..failures import EngineFailure

PEAK_MAX = 8.0
"""What is above 1 is cut off there. What is far above was never meant as sound between -1 and 1."""

SILENT_PEAK = 1e-4
"""Below that nothing is heard of it."""


def checked(samples: Any) -> Any:
    """`samples` as float32 in one row. Raises EngineFailure where they are no sound of one
    channel."""
    row = np.asarray(samples, np.float32)
    if row.ndim != 1:
        raise EngineFailure(f"the voice gave sound of {_shape(row.shape)}, not of one channel")
    peak = float(np.abs(row).max(initial=0.0))
    if not peak <= PEAK_MAX:  # not a number, either
        raise EngineFailure(f"the voice gave samples up to {peak}, where sound is within 1")
    return row


def silent(samples: Any) -> bool:
    """Whether nothing is heard of samples between -1 and 1."""
    return float(np.abs(samples).max(initial=0.0)) < SILENT_PEAK


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
