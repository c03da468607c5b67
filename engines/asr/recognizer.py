"""An open recognizer: what the sessions of a server share of their speech recognition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..kit import MakeTranscriber
from ..lanes.lane import Lane
from ..pools.pool import Pool
from .admission import Admission


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognizer:
    """`make` makes a session's transcriber. A service, and an embedder's engine, have no lanes."""

    make: MakeTranscriber
    lanes: tuple[Lane, ...] = ()
    admission: Admission | None = None
    """Who may talk; None where nobody is refused here."""
    pools: tuple[Pool[Any], ...] = ()
    """Those of a service with several servers."""
