"""A plan in words and numbers, line by line, for whoever prints it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .costs import Costs, Sure
from .figures import SERVICE
from .plan import DAY_S, Plan

ORDER: tuple[Sure, ...] = ("measured", "extrapolated", "assumed")


@dataclass(frozen=True, slots=True)
class Line:
    what: str
    amount: str
    rests_on: str = ""
    """The least sure of the costs that it is made of; "" where it is made of none."""


def worst(plan: Plan, *beginnings: str) -> Sure:
    """Of the costs whose names begin so."""
    used = [sure for name, sure in plan.sure.items() if name.startswith(beginnings)]
    return max(used, key=ORDER.index, default="measured")


def asked(plan: Plan) -> list[Line]:
    load = plan.load
    return [
        Line("calls at once, in the busiest hour", count(load.calls)),
        Line("new calls a second", amount(load.arrivals_per_s)),
        Line("turns a second", amount(plan.turns_per_s)),
        Line(f"refused at the door, with {count(plan.places)} places", share(plan.refused)),
        Line(f"people who talk at once, {load.percentile:.4g} of all moments", count(plan.talking)),
        Line("replies spoken at once, the same", count(plan.replying)),
    ]


def needed(plan: Plan) -> list[Line]:
    load, full, machine = plan.load, plan.full, plan.load.machine
    own = load.dialect
    all_cores = ("server.", f"{own}.", "detector.", "recognizer.", "voice.", "model.")
    spare = f"{load.spare_machines} of them spare" if load.spare_machines else "none of them spare"
    size = f"{machine.cores} cores, {machine.memory_gb:g} GB, {machine.network_gbit:g} Gbit/s"
    sure = worst(plan, *all_cores)
    lines = [
        Line(f"machines of {size}", f"{count(plan.machines)}, {spare}", sure),
        Line("one carries", f"{count(full.sessions)} calls, then its {plan.full_first} are full"),
        Line("one runs", _processes(plan)),
        Line("server processes in all", count(plan.processes), sure),
        Line("descriptors of a process", count(plan.descriptors), "extrapolated"),
        Line(
            "memory in all", f"{amount(plan.memory_gb)} GB", worst(plan, f"{own}.mb", "server.mb")
        ),
        Line("from clients", bits(plan.wire.in_bits), worst(plan, f"{own}.frame_bytes")),
        Line("to clients", bits(plan.wire.out_bits), worst(plan, f"{own}.reply_bytes")),
    ]
    lines[6:6] = list(_cores(plan))
    return [*lines, *_beside(plan)]


def _processes(plan: Plan) -> str:
    full = plan.full
    parts = [f"{full.processes} server processes"]
    if full.recognizer_lanes:
        parts.append(f"{full.recognizer_lanes} recognizers")
    if full.voice_lanes:
        parts.append(f"{full.voice_lanes} voices")
    return ", ".join(parts)


def _cores(plan: Plan) -> Iterator[Line]:
    load, cores = plan.load, plan.cores
    own = f"{load.dialect}."
    yield Line(
        "cores in use, on average",
        amount(cores.server + cores.workers),
        worst(plan, own, "server."),
    )
    for what, used, *names in (
        (
            "sockets, sessions, protocol",
            cores.server - cores.detector - cores.model,
            own,
            "server",
        ),
        (f"detector: {load.detector}", cores.detector, "detector."),
        (f"recognizer: {load.recognizer}", cores.recognizer, "recognizer."),
        (f"model: {load.model}", cores.model, "model."),
        (f"voice: {load.voice}", cores.voice, "voice."),
    ):
        if used:
            yield Line(f"  {what}", amount(used), worst(plan, *names))


def _beside(plan: Plan) -> Iterator[Line]:
    load, proxies, store = plan.load, plan.proxies, plan.store
    yield Line(
        "HAProxy: machines",
        f"{count(proxies.machines)}, one of them spare; {amount(proxies.cores)} cores in all",
        worst(plan, "proxy."),
    )
    yield Line("HAProxy: connections", count(proxies.connections))
    yield Line(
        "HAProxy: each way", f"{amount(proxies.gbit_each_way)} Gbit/s", worst(plan, load.dialect)
    )
    yield Line(
        "Valkey: operations a second",
        f"{count(store.operations_per_s)}, {amount(store.cores)} of its core",
        worst(plan, "store."),
    )
    yield Line(
        "Valkey: written a second, kept",
        f"{amount(store.bytes_per_s / 1e6)} MB, {amount(store.memory_mb)} MB",
        "extrapolated",
    )
    per_day = plan.log_bytes_per_s * DAY_S / 1e9
    yield Line("log, at level info", f"{amount(per_day)} GB a day", worst(plan, "log."))
    if load.recorded:
        per_day = plan.recording_bytes_per_s * DAY_S / 1e9
        yield Line("recordings", f"{amount(per_day)} GB a day", worst(plan, "recording."))
    if load.model == SERVICE:
        yield Line(
            "the model's service",
            f"{amount(plan.model_requests_per_s)} requests a second, "
            f"{count(plan.model_requests_open)} open at once",
            "assumed",
        )
    for engine, at_once, name in (
        (load.recognizer, plan.talking, "recognizer"),
        (load.voice, plan.replying, "voice"),
    ):
        if engine == SERVICE:
            yield Line(f"the {name}'s service", f"{count(at_once)} streams at once")


def sources(costs: Costs, plan: Plan) -> list[str]:
    """How sure the costs are: one line for each way in which some were found."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for name in plan.sure:
        figure = costs.figure(name)
        by = figure.by.partition(":")[0]
        found.setdefault((figure.sure, by, figure.where), []).append(name)
    return [
        f"{sure}: {', '.join(sorted(names))} ({'; '.join(filter(None, (by, where)))})"
        for (sure, by, where), names in sorted(
            found.items(),
            key=lambda one: ORDER.index(one[0][0]),
        )
    ]


def count(number: float) -> str:
    return f"{number:,.0f}"


def amount(number: float) -> str:
    """Three digits, or all before the point, and never an exponent."""
    if number <= 0 or number >= 99.95:
        return count(number)
    digits = 2 - math.floor(math.log10(number))
    return f"{number:.{digits}f}".rstrip("0").rstrip(".")


def share(part: float) -> str:
    return f"1 in {1 / part:,.0f}" if part > 0 else "nobody"


def bits(per_s: float) -> str:
    return f"{amount(per_s / 1e9)} Gbit/s" if per_s >= 1e9 else f"{amount(per_s / 1e6)} Mbit/s"


def met(plan: Plan) -> Iterable[tuple[str, str, str, str, bool]]:
    """What breaks, at how many calls, what to do, how sure, and whether this plan is beyond it."""
    for limit in plan.limits:
        beyond = plan.load.calls > limit.calls
        yield limit.what, count(limit.calls), limit.then, limit.sure, beyond
