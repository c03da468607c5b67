"""An open voice: the synthesizer that the sessions of a server share, and its lanes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..lanes.lane import Lane
from ..pools.pool import Pool
from .interface import Synthesizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A service, and an embedder's engine, have no lanes."""

    synthesizer: Synthesizer
    lanes: tuple[Lane, ...] = ()
    pools: tuple[Pool[Any], ...] = ()
    """Those of a service with several servers."""
