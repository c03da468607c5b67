"""The plan itself: from calls, costs and a machine to how much of everything.

Places come from Erlang B, so that callers seldom find everything taken; every place is planned to
be taken at once. One machine is filled as far as it goes, and there are as many as the places need,
with spare ones for those that fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .at_once import at_once
from .costs import Costs, Sure
from .erlang import blocking, places_for
from .figures import SERVICE
from .limits import Limit, limits_of
from .load import Load, checked
from .machine import (
    OneMachine,
    engines_of,
    full_first,
    full_machine,
    machine_with,
    traffic_of,
)
from .proxies import Proxies, proxies_of
from .server_load import Cores, cores_of
from .store_load import StoreLoad, store_load
from .traffic import Wire, wire_of

DESCRIPTORS_A_SESSION = 3
"""Its socket, a recording, a request to a service (docs/DEPLOY.md)."""
DESCRIPTORS_A_PROCESS = 150
DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    load: Load
    places: int
    """Calls at once for which there is room."""
    refused: float
    """The share of callers that find every place taken, where a caller that one server refuses is
    sent to another."""
    refused_alone: float
    """The same where whoever is refused by one machine goes nowhere else."""
    talking: int
    replying: int
    """At once, in all calls, at the percentile of the plan."""
    turns_per_s: float
    full: OneMachine
    """A machine that carries as much as it can."""
    full_first: str
    carried: OneMachine
    """A machine as it is while all run and every place is taken."""
    machines: int
    """Spare ones among them."""
    processes: int
    cores: Cores
    """All calls, on average; spare machines and head room are not in it."""
    memory_gb: float
    wire: Wire
    """On average."""
    descriptors: int
    """Of one process, all places taken."""
    proxies: Proxies
    store: StoreLoad
    log_bytes_per_s: float
    recording_bytes_per_s: float
    model_requests_per_s: float
    model_requests_open: int
    """At once, at the percentile."""
    limits: Sequence[Limit]
    """What breaks, in the order in which it does."""
    sure: dict[str, Sure]
    """By the names of costs that were used."""


def plan_of(load: Load, costs: Costs) -> Plan:
    """Raises BadLoad and BadCosts."""
    load = checked(load)
    places = places_for(load.calls, load.most_refused)
    full = full_machine(load, costs)
    needed = max(1, math.ceil(places / full.sessions))
    machines = needed + load.spare_machines
    carried = machine_with(load, costs, math.ceil(places / machines))
    processes = machines * full.processes
    talking, replying = load.calls * load.talk_share, load.calls * load.reply_share
    mean = machine_with(load, costs, max(1, math.ceil(load.calls / needed)))
    turns_per_s = load.turns_per_s(talking)
    served = load.model == SERVICE
    return Plan(
        load=load,
        places=places,
        refused=blocking(load.calls, places),
        refused_alone=blocking(load.calls / needed, math.ceil(places / needed)),
        talking=at_once(places, load.talk_share, load.percentile),
        replying=at_once(places, load.reply_share, load.percentile),
        turns_per_s=turns_per_s,
        full=full,
        full_first=full_first(load, full),
        carried=carried,
        machines=machines,
        processes=processes,
        cores=_mean_cores(load, costs, processes),
        memory_gb=machines * mean.memory_mb / 1024,
        wire=wire_of(load, costs, load.calls, replying),
        descriptors=DESCRIPTORS_A_PROCESS
        + DESCRIPTORS_A_SESSION * math.ceil(full.sessions / full.processes),
        proxies=proxies_of(load, costs, places),
        store=store_load(load, costs, load.calls, machines),
        log_bytes_per_s=turns_per_s * costs["log.turn"] + load.arrivals_per_s * costs["log.call"],
        recording_bytes_per_s=(
            load.calls * load.recorded * costs["recording.bytes"] if load.recorded else 0.0
        ),
        model_requests_per_s=turns_per_s * served,
        model_requests_open=at_once(places, _share_asking(load), load.percentile) * served,
        limits=limits_of(load, costs, full),
        sure={name: costs.figure(name).sure for name in used_costs(load)},
    )


def used_costs(load: Load) -> list[str]:
    """The names of all costs that a plan of this load rests on."""
    own, hears, speaks = load.dialect, load.recognizer, load.voice
    names = [
        *(
            "server.base",
            "server.wake",
            "server.cools",
            "server.mb",
            "server.series",
            "server.hearing",
        ),
        *(f"{own}.{part}" for part in ("session", "frame", "talk", "reply", "turn", "mb")),
        *(f"{own}.{part}" for part in ("frame_bytes", "reply_bytes", "reply_messages")),
        *(f"detector.{load.detector}", f"model.{load.model}.turn"),
        *("proxy.message", "proxy.mb", "store.set", "store.operation", "log.turn", "log.call"),
    ]
    if hears != SERVICE:
        names += [f"recognizer.{hears}", f"recognizer.{hears}.mb"]
    if speaks != SERVICE:
        names += [f"voice.{speaks}", f"voice.{speaks}.mb"]
    return [*names, "recording.bytes"] if load.recorded else names


def _share_asking(load: Load) -> float:
    """Of calls in which a request to the model is open."""
    return min(1.0, load.talk_share / load.turn_s * load.model_s)


def _mean_cores(load: Load, costs: Costs, processes: int) -> Cores:
    talking, replying = load.calls * load.talk_share, load.calls * load.reply_share
    traffic = traffic_of(load, load.calls, talking, replying)
    return cores_of(traffic.shared_by(processes), engines_of(load), costs).times(processes)
