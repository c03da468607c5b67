"""The model of CPU time: what a load costs in the server's process and in its workers.

It is a sum. A process costs something by itself; each session, each frame that comes, each second
in which somebody talks, each second of a reply and each turn adds its share; and a process that
slept has to be woken, and finds its caches cold. That is the one part which does not grow with the
load: a process that is busy anyhow is seldom woken. `scripts/validate_plan.py` measures the shares
at some loads and compares others with this sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from .costs import Costs
from .figures import SERVICE

PIECES_PER_S = 10.0
"""Of a reply, a tenth of a second each."""


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

    def shared_by(self, processes: int) -> Traffic:
        """What each of so many processes has of it."""
        return replace(
            self,
            sessions=self.sessions / processes,
            frames_per_s=self.frames_per_s / processes,
            talking=self.talking / processes,
            replying=self.replying / processes,
            turns_per_s=self.turns_per_s / processes,
        )


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
    waking: float
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
        work = self.sockets + self.detector + self.model + self.hand_over
        return self.base + self.waking + work

    @property
    def workers(self) -> float:
        return self.recognizer + self.voice

    def times(self, processes: int) -> Cores:
        """Of so many processes that are all like this one."""
        return Cores(**{one.name: processes * getattr(self, one.name) for one in fields(self)})


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
    cores = Cores(
        base=costs["server.base"],
        sockets=sockets,
        waking=0.0,
        detector=traffic.sessions * _cost(costs, "detector", engines.detector),
        model=traffic.turns_per_s * _cost(costs, "model", engines.model, ".turn"),
        hand_over=traffic.talking * costs["server.hearing"] if real else 0.0,
        recognizer=traffic.talking * costs[f"recognizer.{engines.recognizer}"] if hears else 0.0,
        voice=traffic.replying * costs[f"voice.{engines.voice}"] if speaks else 0.0,
    )
    cold = cooling(events_per_s(traffic), costs["server.cools"]) * costs["server.wake"]
    return replace(cores, waking=max(1 - cores.server, 0.0) * cold / (1 + cold))


def events_per_s(traffic: Traffic) -> float:
    """What wakes a server process, where it sleeps: frames of clients, and the pieces of replies,
    each when it is due."""
    return traffic.frames_per_s + PIECES_PER_S * traffic.replying


def cooling(events: float, cools_s: float) -> float:
    """How many times a second a process that would do nothing else is woken, counted by how cold
    it is: whole after a pause much longer than `cools_s`, and less after a shorter one.

    Events come independently of each other, so the pause between them is 1 / events on average, and
    the share 1 - U of them, where U is the time in which the process is busy, finds it asleep. With
    U = work + (1 - U) · cold that is the division by 1 + cold in `cores_of`.
    """
    if events <= 0:
        return 0.0
    return events * -math.expm1(-1 / (events * max(cools_s, 1e-6)))


def _cost(costs: Costs, kind: str, engine: str | None, end: str = "") -> float:
    return 0.0 if engine is None else costs[f"{kind}.{engine}{end}"]
