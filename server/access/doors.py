"""The doors of the server: which one a request is at, by its path.

A path that nobody listed is behind a lock: a new route is closed until it is said here that it is
open.
"""

from __future__ import annotations

from enum import Enum


class Door(Enum):
    """A way in. Tokens name the doors that they open by these words."""

    OPEN = "open"
    """For everybody, from anywhere: whether the server is alive. Nothing is told of anybody."""
    PAGE = "page"
    """The page and its modules: files that everybody has who has Parley. It asks for the token."""
    WS = "ws"
    STREAM = "stream"
    ENGINE = "engine"
    REALTIME = "realtime"
    HTTP = "http"
    """Speech over HTTP, OpenAI's API, the settings that may be known, one's own recording."""
    TICKETS = "tickets"
    """Where whoever has a token gets a ticket for a browser."""
    TELEPHONE = "telephone"
    """Telephone services, which prove themselves in ways of their own (see telephone/gate.py)."""
    ADMIN = "admin"
    """What concerns others' conversations: metrics, sessions, which services are set up."""


FOR_TOKENS = (Door.WS, Door.STREAM, Door.ENGINE, Door.REALTIME, Door.HTTP, Door.ADMIN)
"""Those that a token may be for."""

_EXACT = {
    "/health": Door.OPEN,
    "/healthz": Door.OPEN,
    "/ready": Door.OPEN,
    "/readyz": Door.OPEN,
    "/": Door.PAGE,
    "/metrics": Door.ADMIN,
    "/sessions": Door.ADMIN,
    "/broadcast": Door.ADMIN,
    "/telephone": Door.ADMIN,
    "/tickets": Door.TICKETS,
}
_BELOW = {
    "/static": Door.PAGE,
    "/sessions": Door.ADMIN,
    "/telephone": Door.TELEPHONE,
    **dict.fromkeys(("/ws", "/ws2", "/ws_legacy"), Door.WS),
    "/stream": Door.STREAM,
    "/engine": Door.ENGINE,
    **dict.fromkeys(("/v1/realtime", "/realtime"), Door.REALTIME),
}
"""A test holds it against the paths of all dialects."""


def door_of(path: str, *, websocket: bool = False) -> Door:
    """The door of a decoded path. A WebSocket at a path that is no other's is NewSpeech's, which
    its own port serves at every path."""
    if (door := _EXACT.get(path)) is not None:
        return Door.ENGINE if websocket and door is Door.PAGE else door
    for place, door in _BELOW.items():
        if path == place or path.startswith(f"{place}/"):
            return door
    return Door.ENGINE if websocket else Door.HTTP
