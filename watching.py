"""What an embedder can watch: sessions as they come, hear, and go.

A watcher is a plain function that is given each event as it happens. It must not block; one that
raises is logged and harms nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from .telemetry import Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(SessionEvent):
    dialect: str
    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(SessionEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioHeard(SessionEvent):
    """Audio came: PCM16 mono at 16 kHz, whatever the client sends."""

    pcm16: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TextHeard(SessionEvent):
    """The person said this, or typed it."""

    text: str
    typed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BargedIn(SessionEvent):
    """The person interrupted; `heard` is what they had heard of the reply."""

    turn: int
    heard: str


Watcher: TypeAlias = Callable[[SessionEvent], None]


class Watchers:
    """Tells every watcher, in order."""

    def __init__(self, watchers: Sequence[Watcher], telemetry: Telemetry) -> None:
        self._watchers = tuple(watchers)
        self._telemetry = telemetry

    def __bool__(self) -> bool:
        return bool(self._watchers)

    def tell(self, event: SessionEvent) -> None:
        for watcher in self._watchers:
            try:
                watcher(event)
            except Exception as error:  # the embedder's mistake, and only theirs
                self._telemetry.count("observer_failures")
                structlog.get_logger().error(
                    "watcher_failed", event_type=type(event).__name__, exc_info=error
                )
