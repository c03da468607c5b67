"""Whose address a request has, where a proxy stands in between. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from ..http.head import Head

Network: TypeAlias = IPv4Network | IPv6Network


def client_address(peer: str, head: Head | None, proxies: Sequence[Network]) -> str:
    """The address of whoever asks: `peer` itself, or, where that is a proxy of ours, the last
    address in X-Forwarded-For that is none of ours. Whoever is no proxy of ours is not believed."""
    address = _plain(peer)
    if head is None or not _is_one_of(address, proxies):
        return address
    forwarded = [part.strip() for part in (head.header("x-forwarded-for") or "").split(",")]
    for hop in reversed([hop for hop in forwarded if hop]):
        address = _plain(hop)
        if not _is_one_of(address, proxies):
            break
    return address


def _plain(text: str) -> str:
    """An address without brackets, port and zone; as it is where it is none."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    with suppress(ValueError):
        found = ip_address(bare.partition("%")[0])
        mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
        return str(mapped or found)
    return bare


def _is_one_of(address: str, networks: Sequence[Network]) -> bool:
    with suppress(ValueError):
        found = ip_address(address)
        return any(found in network for network in networks if network.version == found.version)
    return False
