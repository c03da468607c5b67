"""How many sessions one machine carries, and what of it is full first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .at_once import at_once
from .costs import Costs
from .load import BadLoad, Load
from .server_load import Cores, Engines, Traffic, cores_of
from .traffic import Wire, wire_of

PROCESS_CORE = 0.6
"""Of its one core a server process is planned to use so much. Above, frames wait for each other:
at 0.7 their p99 is 60 ms late, at 0.46 it is 7 (docs/BENCH.md, "The framework alone")."""
LANE_CORE = 0.95
"""Of its core a worker may use so much; engines/asr/admission.py refuses above."""
MEMORY = 0.8
NETWORK = 0.6
"""Shares of a machine's memory and network that are planned for."""
MOST_SESSIONS = 1_000_000
"""On one machine; nothing carries so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneMachine:
    """A machine with as many sessions as it is planned to carry, or with fewer."""

    sessions: int
    talking: int
    replying: int
    """At once, at the percentile of the plan."""
    cores: Cores
    """All server processes together."""
    processes: int
    recognizer_lanes: int
    voice_lanes: int
    memory_mb: float
    wire: Wire

    @property
    def all_cores(self) -> float:
        return self.cores.server + self.cores.workers


def engines_of(load: Load) -> Engines:
    return Engines(
        detector=load.detector,
        recognizer=load.recognizer,
        model=load.model,
        voice=load.voice,
    )


def traffic_of(load: Load, sessions: float, talking: float, replying: float) -> Traffic:
    return Traffic(
        dialect=load.dialect,
        sessions=sessions,
        frames_per_s=sessions * 1000 / load.frame,
        talking=talking,
        replying=replying,
        turns_per_s=load.turns_per_s(talking),
    )


def machine_with(load: Load, costs: Costs, sessions: int) -> OneMachine:
    """What so many sessions need of one machine, whether it has that or not.

    Raises BadLoad where one session alone is too much for a process.
    """
    talking = at_once(sessions, load.talk_share, load.percentile)
    replying = at_once(sessions, load.reply_share, load.percentile)
    traffic = traffic_of(load, sessions, talking, replying)
    processes = processes_for(traffic, engines_of(load), costs)
    cores = cores_of(traffic.shared_by(processes), engines_of(load), costs).times(processes)
    recognizer_lanes = math.ceil(cores.recognizer / LANE_CORE - 1e-9)
    voice_lanes = math.ceil(cores.voice / LANE_CORE - 1e-9)
    return OneMachine(
        sessions=sessions,
        talking=talking,
        replying=replying,
        cores=cores,
        processes=processes,
        recognizer_lanes=recognizer_lanes,
        voice_lanes=voice_lanes,
        memory_mb=(
            processes * costs["server.mb"]
            + sessions * costs[f"{load.dialect}.mb"]
            + _lanes_mb(costs, "recognizer", load.recognizer, recognizer_lanes)
            + _lanes_mb(costs, "voice", load.voice, voice_lanes)
        ),
        wire=wire_of(load, costs, sessions, replying),
    )


def processes_for(traffic: Traffic, engines: Engines, costs: Costs) -> int:
    """So many that each is planned to use PROCESS_CORE at most. Raises BadLoad where one session
    alone is too much for a process."""
    most = max(1, math.ceil(traffic.sessions))

    def is_enough(processes: int) -> bool:
        return cores_of(traffic.shared_by(processes), engines, costs).server <= PROCESS_CORE

    if not is_enough(most):
        raise BadLoad(["one session costs more than a process can use of its core"])
    few, enough = 0, most
    while enough - few > 1:
        middle = (few + enough) // 2
        if is_enough(middle):
            enough = middle
        else:
            few = middle
    return enough


def _lanes_mb(costs: Costs, kind: str, engine: str, lanes: int) -> float:
    return lanes * costs[f"{kind}.{engine}.mb"] if lanes else 0.0


def used_of(load: Load, one: OneMachine) -> Mapping[str, float]:
    """How much of what is planned for of a machine is used; 1 is all of it."""
    machine = load.machine
    busiest = max(one.wire.in_bits, one.wire.out_bits)
    return {
        "cores": max(one.all_cores / (machine.cores * machine.used), one.processes / machine.cores),
        "memory": one.memory_mb / (machine.memory_gb * 1024 * MEMORY),
        "network": busiest / (machine.network_gbit * 1e9 * NETWORK),
    }


def full_machine(load: Load, costs: Costs) -> OneMachine:
    """The most that one machine carries. Raises BadLoad where it is not even one session."""
    fits, too_many = 0, 1
    while too_many < MOST_SESSIONS and _fits(load, costs, too_many):
        fits, too_many = too_many, 2 * too_many
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if _fits(load, costs, middle):
            fits = middle
        else:
            too_many = middle
    if not fits:
        raise BadLoad(["a machine of this size does not carry a single call"])
    return machine_with(load, costs, fits)


def _fits(load: Load, costs: Costs, sessions: int) -> bool:
    return max(used_of(load, machine_with(load, costs, sessions)).values()) <= 1


def full_first(load: Load, one: OneMachine) -> str:
    """cores, memory or network."""
    used = used_of(load, one)
    return max(used, key=lambda name: used[name])
