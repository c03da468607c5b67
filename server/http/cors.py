"""Which web pages may use this server from another origin (CORS), as the settings say.

A browser asks before it lets a page of another origin send JSON or read an answer. With no origins
set nothing is answered to that, and browsers refuse such pages.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .head import Head

ANY_ORIGIN = "*"
PREFLIGHT_KEPT_S = 600
"""How long a browser may remember a permission."""
EXPOSED = "Retry-After, X-Event-ID"
"""Headers of answers that pages may read beside the few that they always may."""


@dataclass(frozen=True, slots=True)
class Cors:
    """`origins` are those that may; `*` among them stands for all. Cookies are never allowed:
    nothing here knows any."""

    origins: Collection[str] = ()

    def allows(self, head: Head) -> str | None:
        """What to name in the answer; None where the request's origin may not, or names none."""
        origin = head.header("origin")
        if origin is None:
            return None
        if ANY_ORIGIN in self.origins:
            return ANY_ORIGIN
        return origin if origin.lower().rstrip("/") in self.origins else None

    def headers(self, head: Head) -> dict[str, str]:
        """What comes on top of an answer's headers."""
        allowed = self.allows(head)
        if allowed is None:
            return {}
        headers = {"Access-Control-Allow-Origin": allowed, "Access-Control-Expose-Headers": EXPOSED}
        return headers if allowed == ANY_ORIGIN else {**headers, "Vary": "Origin"}

    def preflight(self, head: Head, methods: Collection[str]) -> dict[str, str] | None:
        """The headers that answer a browser which asks; None where that was no such question, or
        the origin may not."""
        if head.header("access-control-request-method") is None or self.allows(head) is None:
            return None
        return {
            **self.headers(head),
            "Access-Control-Allow-Methods": ", ".join(sorted({*methods, "OPTIONS"})),
            "Access-Control-Allow-Headers": head.header("access-control-request-headers") or "*",
            "Access-Control-Max-Age": str(PREFLIGHT_KEPT_S),
        }
