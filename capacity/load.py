"""What is to be carried, and by which machines: the questions that a plan answers.

Everything is checked here, so that nobody plans by a number that makes no sense; every problem is
told at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from .erlang import MOST_PLACES
from .figures import DETECTORS, DIALECTS, MODELS, RECOGNIZERS, VOICES

MOST_CALLS = MOST_PLACES / 2


class BadLoad(ValueError):
    """A load or a machine that makes no sense. `problems` are lines for a person."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One server as it is rented or bought."""

    cores: int = 16
    memory_gb: float = 64.0
    network_gbit: float = 10.0
    """Each way."""
    used: float = 0.7
    """The share of its cores that is planned for. The rest is for what no figure holds: the
    kernel's network, the moments that are busier than others, other programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`calls` at once in the busiest hour, on its average (erlangs)."""

    calls: float
    call_minutes: float = 4.0
    talk_share: float = 0.35
    """Of a call in which the caller talks."""
    reply_share: float = 0.4
    """Of a call in which a reply is spoken."""
    turn_s: float = 3.0
    """How long a caller talks at a stretch."""
    dialect: str = "ws"
    frame_ms: int = 0
    """0: as clients of this dialect usually send."""
    detector: str = "silero"
    recognizer: str = "moonshine"
    model: str = "service"
    voice: str = "joe"
    model_s: float = 2.0
    """How long a request to a model is open."""
    recorded: float = 0.0
    """The share of calls that are recorded."""
    most_refused: float = 0.001
    """The share of callers who may find everything taken."""
    percentile: float = 0.999
    """In this share of all moments there are enough recognizers and voices."""
    spare_machines: int = 1
    """So many may fail at once."""
    machine: Machine = field(default_factory=Machine)

    @property
    def frame(self) -> int:
        return self.frame_ms or DIALECTS[self.dialect]

    @property
    def arrivals_per_s(self) -> float:
        return self.calls / (60 * self.call_minutes)

    def turns_per_s(self, talking: float) -> float:
        """Of so many who talk at once."""
        return talking / self.turn_s


def checked(load: Load) -> Load:
    """The load. Raises BadLoad with everything that is wrong with it."""
    problems = [*_numbers(load), *_numbers(load.machine), *_words(load)]
    if not problems:
        problems += _together(load)
    if problems:
        raise BadLoad(problems)
    return load


BOUNDS = {
    "calls": (0, MOST_CALLS),
    "call_minutes": (0.05, 24 * 60),
    "talk_share": (0, 1),
    "reply_share": (0, 1),
    "turn_s": (0.2, 120),
    "frame_ms": (0, 1000),
    "model_s": (0, 600),
    "recorded": (0, 1),
    "most_refused": (1e-9, 0.5),
    "percentile": (0.5, 1 - 1e-9),
    "spare_machines": (0, 1000),
    "cores": (1, 1024),
    "memory_gb": (1, 65536),
    "network_gbit": (0.01, 10_000),
    "used": (0.05, 1),
}
"""From and to, both included."""


def _numbers(what: Load | Machine) -> Iterator[str]:
    for one in fields(what):
        if one.name not in BOUNDS:
            continue
        low, high = BOUNDS[one.name]
        value = getattr(what, one.name)
        if not math.isfinite(value) or not low <= value <= high:
            yield f"{spelled(one.name)} is {low:g} to {high:,g}, not {value:g}"


def _words(load: Load) -> Iterator[str]:
    for name, known in (
        ("dialect", tuple(DIALECTS)),
        ("detector", DETECTORS),
        ("recognizer", RECOGNIZERS),
        ("model", MODELS),
        ("voice", VOICES),
    ):
        if (word := getattr(load, name)) not in known:
            yield f"{spelled(name)} is one of {', '.join(known)}, not {word!r}"


def _together(load: Load) -> Iterator[str]:
    if load.talk_share + load.reply_share > 1:
        yield (
            f"callers cannot talk for {load.talk_share:.0%} and hear replies for "
            f"{load.reply_share:.0%} of the same call"
        )
    if load.turn_s > load.call_minutes * 60:
        yield f"a turn of {load.turn_s:g} s is longer than the call"
    if 0 < load.frame_ms < 10:
        yield f"frames hold 10 to 1000 ms of audio, not {load.frame_ms}"
    if load.frame_ms and load.dialect == "telephone" and load.frame_ms != DIALECTS["telephone"]:
        yield "telephone services send frames of 20 ms"


SPELLED = {
    "used": "fullest",
    "cores": "machine-cores",
    "memory_gb": "machine-memory-gb",
    "network_gbit": "machine-network-gbit",
}


def spelled(name: str) -> str:
    """As the command line calls it."""
    return "--" + SPELLED.get(name, name).replace("_", "-")
