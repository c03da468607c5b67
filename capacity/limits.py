"""What breaks first: for each part that there is only one of, the number of calls that fills it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .costs import Costs, Sure
from .load import Load
from .machine import NETWORK, PROCESS_CORE, OneMachine, full_first
from .proxies import cores_a_session
from .store_load import store_load
from .traffic import wire_of

DESCRIPTORS = 1024
"""Of a process, where nobody raised the limit."""
STORE_CORE = 0.7
"""Of the one core on which Valkey works."""
DISK_BYTES_PER_S = 200e6
"""What one disk, or one collector of logs, takes. Assumed."""
SERIES = 10e6
"""What one Prometheus holds. Assumed."""
NODES = 1000
"""That one registry holds."""
LISTED_BYTES = 450
"""A session's line of GET /sessions."""
LIST_BYTES = 20e6
"""Of an answer that a person still waits for. Assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    calls: float
    what: str
    then: str
    """What to do about it."""
    sure: Sure


def limits_of(load: Load, costs: Costs, full: OneMachine) -> tuple[Limit, ...]:
    """In the order in which they are met."""
    some = 10_000
    many = replace(load, calls=some)
    processes = round(some / max(1, full.sessions) * full.processes) or 1
    machines = some / max(1, full.sessions)
    store = store_load(many, costs, some, round(machines) or 1)
    wire = wire_of(many, costs, some, some * load.reply_share)
    machine = load.machine
    log = some * (
        load.talk_share / load.turn_s * costs["log.turn"]
        + costs["log.call"] / (60 * load.call_minutes)
    )
    proxy_bits = machine.network_gbit * 1e9 * NETWORK
    found = [
        Limit(
            calls=full.sessions / full.processes,
            what=f"the event loop of one process: {PROCESS_CORE:.0%} of a core",
            then="a process per core: parley serve --workers",
            sure="extrapolated",
        ),
        Limit(
            calls=(DESCRIPTORS - 150) / 3,
            what=f"one process with the usual limit of {DESCRIPTORS:,} descriptors",
            then="LimitNOFILE=8192",
            sure="extrapolated",
        ),
        Limit(
            calls=full.sessions,
            what=f"one machine: its {full_first(load, full)}",
            then="more machines behind HAProxy",
            sure="extrapolated",
        ),
        Limit(
            calls=machine.cores * machine.used / cores_a_session(load, costs),
            what="one HAProxy: its cores",
            then="several, by DNS or anycast",
            sure="extrapolated",
        ),
        Limit(
            calls=some * proxy_bits / wire.both_bits,
            what=f"one HAProxy: its network of {machine.network_gbit:g} Gbit/s",
            then="several, by DNS or anycast",
            sure="extrapolated",
        ),
        Limit(
            calls=some * STORE_CORE / store.cores,
            what="one Valkey: its core",
            then="one per shard, or a cluster: no two keys belong together",
            sure="extrapolated",
        ),
        Limit(
            calls=some * machine.network_gbit * 1e9 / 8 * NETWORK / store.bytes_per_s,
            what=f"one Valkey: its network of {machine.network_gbit:g} Gbit/s",
            then="one per shard, or conversations kept less often",
            sure="extrapolated",
        ),
        Limit(
            calls=some * machine.memory_gb * 1024 * 0.5 / store.memory_mb,
            what="one Valkey: half of a machine's memory",
            then="one per shard, or a shorter time to come back",
            sure="extrapolated",
        ),
        Limit(
            calls=some * DISK_BYTES_PER_S / max(log, 1e-9),
            what="one collector of logs, at 200 MB/s",
            then="a sample: one call in ten at info, all at warning",
            sure="assumed",
        ),
        Limit(
            calls=some * SERIES / (processes * costs["server.series"]),
            what="one Prometheus, of ten million series",
            then="one per shard, sums above",
            sure="assumed",
        ),
        Limit(
            calls=LIST_BYTES / LISTED_BYTES,
            what="a list of all sessions, of 20 MB",
            then="look one up by its id, or list one shard",
            sure="extrapolated",
        ),
    ]
    found.append(
        Limit(
            calls=full.sessions * NODES,
            what=f"one registry, of {NODES:,} machines",
            then="a registry per shard",
            sure="extrapolated",
        )
    )
    if load.recorded:
        recorded = load.recorded * costs["recording.bytes"]
        found.append(
            Limit(
                calls=DISK_BYTES_PER_S / recorded,
                what="one disk for recordings, at 200 MB/s",
                then="a store of objects (S3)",
                sure="assumed",
            )
        )
    return tuple(sorted(found, key=lambda limit: limit.calls))
