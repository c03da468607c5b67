"""Tells an embedder's watchers what happens in a session."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from ..conversation.events import SessionEvent, Watcher
from ..telemetry import Telemetry


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
