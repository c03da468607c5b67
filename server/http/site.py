"""The page at `/` and what it is made of: files of the package, served from memory.

There is a fixed table of names; nothing that a peer sends becomes a path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import trio

from .front import HttpHandler
from .head import Head
from .responses import Response

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "media-src 'self' data: blob:",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The page asks nobody but its own server, and nobody puts it into a page of theirs."""

HEADERS = {
    "Cache-Control": "no-cache",  # asked for each time, and 304 where nothing is new
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
}


def site(folder: Path) -> Mapping[tuple[str, str], HttpHandler]:
    """Routes for all files below `folder`: index.html at `/`, the rest under `/static/`.

    Raises OSError where it cannot be read.
    """
    return {
        ("GET", _path(file.relative_to(folder).as_posix())): _serve(file.read_bytes(), file.suffix)
        for file in sorted(folder.rglob("*"))
        if file.suffix in KINDS
    }


def _path(name: str) -> str:
    return "/" if name == "index.html" else f"/static/{name}"


def _serve(body: bytes, suffix: str) -> HttpHandler:
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {**HEADERS, "ETag": tag, "Content-Type": KINDS[suffix]}

    async def answer(head: Head, stream: trio.abc.Stream) -> Response:
        known = {seen.removeprefix("W/") for seen in head.tokens("if-none-match")}
        if tag in known or "*" in known:
            return Response(304, headers)
        return Response(200, headers, body)

    return answer
