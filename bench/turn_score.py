"""What windows make of the answers of an end-of-turn engine: turns cut off, and how late their ends
were certain. Plain arithmetic on silences that were looked at before (`turn_pauses.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ..config import Settings
from ..conversation.patience import Patience, Waits
from .result import Spread, spread
from .turn_pauses import Silence

FIXED = "fixed"
FLOORS_MS = (150, 200, 250, 300, 400)
ORDINARY_MS = (500, 600, 700, 850, 1000)
CEILINGS_MS = (900, 1200, 1500, 1800, 2100)
FIXED_MS = tuple(range(300, 1600, 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How long a silence lasts that ends a turn: certainly over, nobody knows, certainly not."""

    floor_ms: int
    ordinary_ms: int
    ceiling_ms: int

    def of(self, likelihood: float) -> int:
        waits = Waits(
            pause_ms=_HEARING.pause_ms,
            floor_ms=self.floor_ms,
            ordinary_ms=self.ordinary_ms,
            ceiling_ms=self.ceiling_ms,
        )
        return Patience(waits, learns=False).window_ms(likelihood)


_HEARING = Settings.defaults().hearing
DEFAULT = Windows(
    floor_ms=_HEARING.floor_ms,
    ordinary_ms=_HEARING.silence_ms,
    ceiling_ms=_HEARING.ceiling_ms,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A turn's silences, with what each engine said of each of them; the true end in ms."""

    silences: Sequence[Silence]
    likelihoods: Mapping[str, Sequence[float]]
    end_ms: float
    tuning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`delay_ms`: from the last sample of speech until the end was certain, of the silence that is
    the last, whether or not the turn was cut before. `open`: turns whose end was not found within
    the audio."""

    turns: int
    cut: int
    open: int
    delay_ms: Spread
    mean_ms: float


def outcome(
    turns: Iterable[Looked], engine: str, windows: Windows, *, pause_ms: int, frame_ms: int
) -> Outcome:
    """`pause_ms` is the silence at which an engine is asked: no window is shorter."""
    count = cut = still_open = 0
    delays: list[float] = []
    for turn in turns:
        count += 1
        ends = [
            silence.ends_turn_ms(max(pause_ms, windows.of(likely)), frame_ms)
            for silence, likely in zip(turn.silences, turn.likelihoods[engine], strict=True)
        ]
        cut += any(end is not None and end < turn.end_ms for end in ends)
        if not ends or ends[-1] is None or ends[-1] < turn.end_ms:
            still_open += 1
        else:
            delays.append(ends[-1] - turn.end_ms)
    mean_ms = sum(delays) / len(delays) if delays else 0.0
    return Outcome(
        turns=count, cut=cut, open=still_open, delay_ms=spread(delays), mean_ms=round(mean_ms, 1)
    )


def candidates(engine: str) -> list[Windows]:
    """What is tried. The fixed rule has one window."""
    if engine == FIXED:
        return [Windows(floor_ms=ms, ordinary_ms=ms, ceiling_ms=ms) for ms in FIXED_MS]
    return [
        Windows(floor_ms=floor, ordinary_ms=ordinary, ceiling_ms=ceiling)
        for floor, ordinary, ceiling in product(FLOORS_MS, ORDINARY_MS, CEILINGS_MS)
        if floor < ordinary < ceiling
    ]


def front(
    turns: Sequence[Looked], engine: str, *, pause_ms: int, frame_ms: int
) -> list[tuple[Windows, Outcome]]:
    """Those windows that nothing beats in both, turns cut and mean delay; the fewest cuts first."""
    found = [
        (windows, outcome(turns, engine, windows, pause_ms=pause_ms, frame_ms=frame_ms))
        for windows in candidates(engine)
    ]
    found.sort(key=lambda one: (one[1].cut, one[1].mean_ms))
    best: list[tuple[Windows, Outcome]] = []
    for windows, seen in found:
        if not best or seen.mean_ms < best[-1][1].mean_ms:
            best.append((windows, seen))
    return best
