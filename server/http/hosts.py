"""Names and addresses of hosts, as far as they are to be told apart. No I/O."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit


def host_name(authority: str) -> str:
    """The name in `name:port`, in lower case, without brackets and without a dot at its end; ""
    where there is none."""
    with suppress(ValueError):
        return (urlsplit(f"//{authority}").hostname or "").removesuffix(".")
    return ""


def is_loopback(host: str) -> bool:
    """Whether a name or address can only be this machine. A name that merely begins like one may
    lead anywhere."""
    host = host.strip("[]").lower()
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
