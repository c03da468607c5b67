"""Hosts as people write them, and as they stand in URLs. Pure."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

HOME_PREFIX = 64
"""Bits of an IPv6 address that one customer's are alike in: whoever has one has all of these."""
EVERYWHERE = ("0.0.0.0", "::", "")
"""Every interface of the machine, which is no address that one can open."""


def without_brackets(host: str) -> str:
    """`[::1]` is how a URL writes `::1`."""
    host = host.strip()
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def place_of(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    host = without_brackets(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url_of(scheme: str, host: str, port: int) -> str:
    """Where a client on this machine finds what listens on `host`, without a path. Where that is
    every interface, it is loopback."""
    plain = without_brackets(host)
    if plain in EVERYWHERE:
        plain = "::1" if ":" in plain else "127.0.0.1"
    return f"{scheme}://{place_of(plain, port)}"


def is_loopback(host: str) -> bool:
    """Whether this can only be the machine itself, judged by the name alone (RFC 6761 gives all of
    .localhost to it). A name that merely begins like one may lead anywhere."""
    host = without_brackets(host).lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_private(host: str) -> bool:
    """Whether an address is one of this machine or of a closed network (RFC 1918, 4193, 3927).
    False for a name: where it leads is not known."""
    try:
        address = ip_address(without_brackets(host).partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_private


def host_name(authority: str) -> str:
    """The name in `name:port`, in lower case, without brackets and without a dot at its end; ""
    where there is none."""
    with suppress(ValueError):
        return (urlsplit(f"//{authority}").hostname or "").removesuffix(".")
    return ""


def counted_as(address: str) -> str:
    """Under which name an address is counted: IPv6 by its network. As it is where it is none."""
    with suppress(ValueError):
        found = ip_address(address.partition("%")[0])
        if isinstance(found, IPv6Address):
            if found.ipv4_mapped is not None:
                return str(found.ipv4_mapped)
            if not found.is_loopback:
                return str(ip_network(f"{found}/{HOME_PREFIX}", strict=False))
        return str(found)
    return address
