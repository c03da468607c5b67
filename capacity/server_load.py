"""The model of CPU time: what a load costs in the server's process and in its workers.

It is a sum. A process costs something by itself; each session, each frame that comes, each second
in which somebody talks, each second of a reply and each turn adds its share. `scripts/
validate_plan.py` measures the shares at some loads and compares others with this sum.
"""

from __future__ import annotations

from dataclasses import dataclass

from .costs import Costs
from .figures import SERVICE


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What one server process is asked to do, on the average of some time."""

    dialect: str
    sessions: float
    frames_per_s: float
    """From all clients together."""
    talking: float
    """People who talk at once; those who listen or are silent are open sessions."""
    replying: float
    """Replies that are spoken at once."""
    turns_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Which engines there are. None: such as cost nothing, to measure everything else."""

    detector: str | None = None
    recognizer: str | None = None
    model: str | None = None
    voice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """CPU seconds per second, by what they are used for."""

    base: float
    sockets: float
    """Sockets, protocol, actors: everything that is no engine."""
    detector: float
    model: float
    hand_over: float
    """In the server's process, for audio that goes to engines and comes from them. That of engines
    which run elsewhere is taken to cost as much."""
    recognizer: float
    voice: float

    @property
    def server(self) -> float:
        """The server's own process, which cannot use more than one core."""
        return self.base + self.sockets + self.detector + self.model + self.hand_over

    @property
    def workers(self) -> float:
        return self.recognizer + self.voice


def cores_of(traffic: Traffic, engines: Engines, costs: Costs) -> Cores:
    """Raises BadCosts where a cost is not known."""
    own = traffic.dialect
    sockets = (
        traffic.sessions * costs[f"{own}.session"]
        + traffic.frames_per_s * costs[f"{own}.frame"]
        + traffic.talking * costs[f"{own}.talk"]
        + traffic.replying * costs[f"{own}.reply"]
        + traffic.turns_per_s * costs[f"{own}.turn"]
    )
    real = engines.recognizer is not None or engines.voice is not None
    hears = engines.recognizer not in (None, SERVICE)
    speaks = engines.voice not in (None, SERVICE)
    return Cores(
        base=costs["server.base"],
        sockets=sockets,
        detector=traffic.sessions * _cost(costs, "detector", engines.detector),
        model=traffic.turns_per_s * _cost(costs, "model", engines.model, ".turn"),
        hand_over=traffic.talking * costs["server.hearing"] if real else 0.0,
        recognizer=traffic.talking * costs[f"recognizer.{engines.recognizer}"] if hears else 0.0,
        voice=traffic.replying * costs[f"voice.{engines.voice}"] if speaks else 0.0,
    )


def _cost(costs: Costs, kind: str, engine: str | None, end: str = "") -> float:
    return 0.0 if engine is None else costs[f"{kind}.{engine}{end}"]
