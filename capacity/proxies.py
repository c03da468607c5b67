"""HAProxy in front: connections, descriptors, cores, memory and how many of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .at_once import at_once
from .costs import Costs
from .load import Load
from .machine import NETWORK
from .traffic import wire_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    connections: int
    """Sessions; each is two sockets."""
    descriptors: int
    """Of all of them together."""
    cores: float
    memory_gb: float
    gbit_each_way: float
    """What a proxy takes in it gives out: both directions of all calls."""
    machines: int
    """With one more, so that one may fail."""


def cores_a_session(load: Load, costs: Costs) -> float:
    """HAProxy does a little for each message, whichever way it goes."""
    replies_per_s = load.reply_share * costs[f"{load.dialect}.reply_messages"]
    return (1000 / load.frame + replies_per_s) * costs["proxy.message"]


def proxies_of(load: Load, costs: Costs, places: int) -> Proxies:
    cores = places * cores_a_session(load, costs)
    replying = at_once(places, load.reply_share, load.percentile)
    bits = wire_of(load, costs, places, replying).both_bits
    machine = load.machine
    by_cores = cores / (machine.cores * machine.used)
    by_network = bits / (machine.network_gbit * 1e9 * NETWORK)
    return Proxies(
        connections=places,
        descriptors=2 * places,
        cores=cores,
        memory_gb=places * costs["proxy.mb"] / 1024,
        gbit_each_way=bits / 1e9,
        machines=max(1, math.ceil(max(by_cores, by_network))) + 1,
    )
