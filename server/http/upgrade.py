"""The WebSocket upgrade, checked before any library sees it (RFC 6455, 4.2.1). No I/O.

wsproto decodes headers inside trio-websocket's reader task, where a bad one is a crash: not only
bytes beyond ASCII, `Host: xn--a` is enough. So it never sees the peer's head: after the check it
gets a head of our own, made of the key and the subprotocols alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass

from .head import BadRequest, Head

VERSION = "13"
TOKEN_SUBPROTOCOLS = ("openai-insecure-api-key.", "parley-token.")
"""How a subprotocol begins in which a browser brings a token, since it cannot give a WebSocket a
header."""
_KEY_BYTES = 16
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class BadUpgrade(BadRequest):
    """A WebSocket upgrade that cannot be accepted."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An acceptable upgrade."""

    key: str
    offered: tuple[str, ...]

    def select(self, known: Collection[str]) -> str | None:
        """The first offered subprotocol that is known, or else the first that was offered; where
        some are known, and others were offered, none. One that holds a token is never selected:
        the answer would repeat it.

        A browser that offers and gets none selected fails the connection. Here the path says
        which dialect is spoken, so an unknown offer is no reason to turn a client away.
        """
        offered = [name for name in self.offered if not name.startswith(TOKEN_SUBPROTOCOLS)]
        for name in offered:
            if name in known:
                return name
        return offered[0] if offered and not known else None

    def replay(self) -> bytes:
        """A request head that says this and nothing else."""
        lines = [
            "GET / HTTP/1.1",
            "Host: parley",
            "Connection: Upgrade",
            "Upgrade: websocket",
            f"Sec-WebSocket-Version: {VERSION}",
            f"Sec-WebSocket-Key: {self.key}",
        ]
        offered = [name for name in self.offered if not name.startswith(TOKEN_SUBPROTOCOLS)]
        if offered:
            lines.append("Sec-WebSocket-Protocol: " + ", ".join(offered))
        return "\r\n".join([*lines, "", ""]).encode("ascii")


def check_upgrade(head: Head) -> Upgrade:
    """Raises BadUpgrade: 426 for another version, 400 for everything else."""
    if head.method != "GET":
        raise BadUpgrade(400, "a WebSocket upgrade is a GET")
    if head.http_version != "1.1":
        raise BadUpgrade(400, "a WebSocket upgrade needs HTTP/1.1")
    if "upgrade" not in [token.lower() for token in head.tokens("connection")]:
        raise BadUpgrade(400, "Connection: Upgrade is missing")
    if head.header("content-length") not in (None, "0") or head.header("transfer-encoding"):
        raise BadUpgrade(400, "a WebSocket upgrade has no body")
    version = head.header("sec-websocket-version")
    if version is None:
        raise BadUpgrade(400, "Sec-WebSocket-Version is missing")
    if version != VERSION:
        raise BadUpgrade(
            426,
            f"only WebSocket version {VERSION} is spoken here",
            (("Sec-WebSocket-Version", VERSION), ("Upgrade", "websocket")),
        )
    offered = tuple(dict.fromkeys(head.tokens("sec-websocket-protocol")))
    if not all(_TOKEN.match(name) for name in offered):
        raise BadUpgrade(400, "Sec-WebSocket-Protocol is malformed")
    return Upgrade(_checked_key(head.header("sec-websocket-key")), offered)


def _checked_key(key: str | None) -> str:
    if key is None:
        raise BadUpgrade(400, "Sec-WebSocket-Key is missing")
    try:
        nonce = base64.b64decode(key, validate=True)
    except binascii.Error:
        raise BadUpgrade(400, "Sec-WebSocket-Key is malformed") from None
    if len(nonce) != _KEY_BYTES:
        raise BadUpgrade(400, "Sec-WebSocket-Key is malformed")
    return key
