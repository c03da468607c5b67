"""Calls that are being held: what their services tell of them, and how they are parted with.

One `LiveCall` per call, between the line, the session's events and the service's API.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from ...conversation.events import CallEnding, SessionEvent
from ...protocol.call_start import CallStart
from ...telemetry import Telemetry
from .control import CallControl, CarrierRefused
from .line import Line
from .statuses import CallStatus

NEWS = {
    "machine": "machine",
    "machine-ready": "beep",
    "human": "human",
    "fax": "fax",
}
"""What services tell of who answers, as an agent is told it."""


class LiveCall:
    """`told` is a watcher of the call's session; `part` is done before its line closes."""

    def __init__(
        self, start: CallStart, line: Line, control: CallControl | None, telemetry: Telemetry
    ) -> None:
        self.start = start
        self.line = line
        self._control = control
        self._telemetry = telemetry
        self._ending: CallEnding | None = None
        self._log = structlog.get_logger().bind(service=start.service, call_id=start.call_id)

    def told(self, event: SessionEvent) -> None:
        if isinstance(event, CallEnding):
            self._ending = event

    async def part(self) -> None:
        """Put the caller through, or hang up: a call may outlive its stream. The line may be all
        there is: then closing it is the end."""
        ending = self._ending
        if self._control is None:
            return
        try:
            if ending is not None and ending.transfer:
                await self._control.transfer(self.start, ending.transfer)
                self._log.info("call_transferred")
            else:
                await self._control.hang_up(self.start)
        except CarrierRefused as problem:
            self._telemetry.count("call_controls_failed")
            what = "transfer" if ending is not None and ending.transfer else "hang-up"
            self._log.warning("call_control_failed", what=what, reason=str(problem))


class LiveCalls:
    """Those of one server, by the ids that services gave them."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], LiveCall] = {}

    @contextmanager
    def held(self, call: LiveCall) -> Iterator[None]:
        key = (call.start.service, call.start.call_id)
        call.line.parting = call.part
        self._calls[key] = call
        try:
            yield
        finally:
            if self._calls.get(key) is call:
                del self._calls[key]

    def told(self, news: CallStatus) -> None:
        """A service tells something of a call by another way than its line."""
        call = self._calls.get((news.service, news.call_id))
        word = NEWS.get(news.answered_by)
        if call is not None and word is not None:
            call.line.tell(word)
