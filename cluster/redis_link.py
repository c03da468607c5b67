"""The connection to Valkey or Redis (6 or newer), through coredis, that `RedisStore` asks by.

One connection, on which calls follow each other without waiting for the answers of those before.
`RedisLink.run` is the child that keeps it: it connects, asks for a sign of life where nobody else
asks for anything, and connects again after a pause that grows. While there is no connection every
call fails at once, so that nobody waits for a server that is known to be away; a call that got no
answer in its time fails too, and three of them in a row end the connection. So does a server that
sends more than it was asked for. None of it is ever raised but as StoreUnavailable.
"""

from __future__ import annotations

from typing import TypeAlias

import structlog
import trio
from coredis.exceptions import RedisError

from ..backoff import Attempts
from ..telemetry import Telemetry
from .redis_connection import SLACK_BYTES, BoundedConnection, connect
from .redis_words import FULL, why_not
from .store import StoreUnavailable
from .store_address import StoreAddress

CONNECT_S = 2.0
"""To connect, to encrypt and to say who asks."""
PROBE_S = 2.0
"""How often a connection that nobody uses is asked for a sign of life."""
PROBE_AGAIN_S = 0.1
"""The same, after a call that was not answered."""
LATE_MAX = 3
"""Calls in a row without an answer in time, after which the connection is given up."""
WAITING_MAX = 64
"""Calls that wait for answers. More of them come only where the store does not keep up."""

Command: TypeAlias = tuple[bytes, *tuple[bytes | str | int, ...]]

_SLOW = "it does not answer in time"
_SLOW_TLS = f"{_SLOW}; perhaps it does not speak TLS, and redis:// is meant"


class RedisLink:
    """`run` has to be a child of the server's tree; `why_away` says how it stands."""

    def __init__(
        self,
        address: StoreAddress,
        telemetry: Telemetry,
        *,
        client_name: str,
        call_s: float,
        attempts: Attempts,
    ) -> None:
        self.why_away: str | None = "it was not asked yet"
        """Why calls fail now; None while they do not."""
        self.call_s = call_s
        self._address = address
        self._telemetry = telemetry
        self._client_name = client_name
        self._attempts = attempts
        self._log = structlog.get_logger(__name__)
        self._connection: BoundedConnection | None = None
        self._over = trio.Event()
        self._waiting = 0
        self._late = 0
        self._answered_s = 0.0

    @property
    def version(self) -> str:
        """What the server says of itself; empty where there is none."""
        return (self._connection.server_version if self._connection is not None else None) or ""

    async def run(self) -> None:
        """Keep a connection, for ever."""
        while True:
            self._is_away(await self._hold())
            await trio.sleep(self._attempts.next_s())

    async def _hold(self) -> str:
        """Connect and stay so; why it is over."""
        try:
            with trio.fail_after(CONNECT_S):
                stream = await connect(self._address)
        except trio.TooSlowError:
            return _SLOW_TLS if self._address.tls is not None else _SLOW
        except OSError as problem:
            return why_not(problem)
        connection = BoundedConnection(stream, self._address, client_name=self._client_name)
        why = "the connection was lost"
        self._over = trio.Event()
        async with trio.open_nursery() as nursery:
            deadline = trio.CancelScope(deadline=trio.current_time() + CONNECT_S)
            try:
                with deadline:
                    await nursery.start(self._live, connection, self._over)
                    self._connection, self._late, self._waiting = connection, 0, 0
                if self._connection is None:
                    raise StoreUnavailable(_SLOW)
                await self.ask((b"PING",))
            except StoreUnavailable as problem:
                why = str(problem)
            except RedisError as problem:  # coredis raises it in the place of a cancellation, too
                why = _SLOW if deadline.cancel_called else why_not(problem)
            else:
                self._is_here()
                await self._watch()
                if self._late >= LATE_MAX:
                    why = f"it does not answer within {self.call_s:g} s"
            self._connection = None
            nursery.cancel_scope.cancel()
        return "it sends more than it was asked for" if connection.flooded else why

    async def _live(
        self,
        connection: BoundedConnection,
        over: trio.Event,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        try:
            await connection.run(task_status=task_status)
        finally:
            over.set()

    async def _watch(self) -> None:
        """Returns when the connection is over."""
        while not self._over.is_set():
            with trio.move_on_after(PROBE_AGAIN_S if self._late else PROBE_S):
                await self._over.wait()
                return
            if self._late or trio.current_time() - self._answered_s >= PROBE_S:
                try:
                    await self.ask((b"PING",))
                except StoreUnavailable:
                    continue

    def _is_here(self) -> None:
        self._attempts.begin_again()
        self.why_away = None
        self._log.info("store_available", store=str(self._address))

    def _is_away(self, why: str) -> None:
        if self.why_away == why:
            return
        self._log.warning("store_unavailable", store=str(self._address), why=why)
        if self.why_away is None:
            self._telemetry.count("store_outages")
        self.why_away = why

    async def ask(self, *commands: Command, answer_bytes: int = 0) -> list[object]:
        """The answers, in order. Raises StoreUnavailable."""
        connection = self._connection
        if connection is None:
            raise self.failed(self.why_away or "it is not connected", sent=False)
        if self._waiting + len(commands) > WAITING_MAX:
            raise self.failed("it does not keep up", sent=False)
        if self._waiting == 0:
            connection.allowed_bytes = SLACK_BYTES
        connection.allowed_bytes += SLACK_BYTES + answer_bytes
        self._waiting += len(commands)
        try:
            with trio.fail_after(self.call_s):
                requests = [connection.create_request(*command) for command in commands]
                answers: list[object] = [await request for request in requests]
        except (trio.TooSlowError, TimeoutError):
            self._is_late()
            raise self.failed(f"it does not answer within {self.call_s:g} s") from None
        except RedisError as problem:
            why = why_not(problem)
            if why == FULL:
                self._is_away(why)
            raise self.failed(why) from None
        finally:
            if connection is self._connection:
                self._waiting -= len(commands)
        self._late = 0
        self._answered_s = trio.current_time()
        if self.why_away == FULL and commands[0][0] == b"SET":
            self._is_here()
        return answers

    def _is_late(self) -> None:
        self._late += 1
        if self._late >= LATE_MAX:
            self._over.set()

    def failed(self, why: str, *, sent: bool = True) -> StoreUnavailable:
        """A call that was not done, counted."""
        self._telemetry.count("store_calls_failed")
        return StoreUnavailable(why, sent=sent)
