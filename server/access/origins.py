"""Which web pages may use the server, and under which names it answers. No I/O.

A browser lets any page send requests to any server, also to one on the user's own machine, and
says in `Origin` which page it was. And any page can give its own name the address of that machine
(DNS rebinding): then the page and the server have one origin, and `Host` has the page's name. So a
request of a browser counts only where its page is this server's own or a listed one, and where the
name that it used can only be ours.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from ...addresses import host_name, is_loopback
from ..http.head import BadRequest, Head

ANY = "*"


def is_address(host: str) -> bool:
    """Whether it is no name at all: no page can take an address for its own name."""
    with suppress(ValueError):
        ip_address(host)
        return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """`hosts` are names under which the server may be asked; none: any (the proof is another).
    `only_loopback`: nobody but this machine reaches it. `pages` are the origins of pages that may
    use it beside its own; `*` is any."""

    hosts: Collection[str] | None
    only_loopback: bool
    pages: Collection[str] = ()

    def check_host(self, head: Head) -> None:
        """Raises BadRequest (421) for a name that is not one of ours."""
        host = head.header("host")
        if host is None or self.hosts is None:
            return
        name = host_name(host)
        if is_loopback(name) or name in self.hosts:
            return
        if is_address(name) and not self.only_loopback:
            return
        raise BadRequest(
            421,
            f"this server is not asked under the name {_shown(name)}; if it is its name, "
            "add it to PARLEY_HOSTS",
        )

    def check_origin(self, head: Head) -> None:
        """Raises BadRequest (403) for a page that may not use the server."""
        origin = head.header("origin")
        if origin is None:
            # A form of a page that sends no Origin; browsers say at least that it is another's.
            if (head.header("sec-fetch-site") or "").lower() == "cross-site" and (
                head.method not in ("GET", "HEAD", "OPTIONS") or head.is_websocket
            ):
                raise BadRequest(403, "a page of another origin asks; see STREAM_CORS_ORIGINS")
            return
        folded = origin.lower().rstrip("/")
        if ANY in self.pages or folded in self.pages or _is_own(folded, head):
            return
        raise BadRequest(
            403,
            f"pages of {_shown(origin)} may not use this server; to let them, "
            "add that origin to STREAM_CORS_ORIGINS",
        )


def _is_own(origin: str, head: Head) -> bool:
    """Whether the page came from the address that is asked now. Its scheme is not compared: where
    a proxy speaks TLS, the server sees none."""
    parts = urlsplit(origin)
    host = (head.header("host") or "").lower()
    if parts.scheme not in ("http", "https") or not parts.netloc or not host:
        return False
    default = ":443" if parts.scheme == "https" else ":80"
    return parts.netloc.removesuffix(default) == host.removesuffix(default)


def _shown(text: str) -> str:
    return repr(text[:80])
