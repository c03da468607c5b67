"""The store in Valkey or Redis (6 or newer), through coredis.

One connection, on which calls follow each other without waiting for the answers of those before.
`RedisStore.run` is the child that keeps it: it connects, asks for a sign of life where nobody else
asks for anything, and connects again after a pause that grows. While there is no connection every
call fails at once, so that nobody waits for a server that is known to be away; a call that got no
answer in its time fails too, and three of them in a row end the connection. So does a server that
sends more than it was asked for. None of it is ever raised but as StoreUnavailable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

import structlog
import trio
from coredis.exceptions import RedisError

from ..telemetry import Telemetry
from .backoff import Backoff
from .redis_connection import SLACK_BYTES, BoundedConnection, connect
from .redis_words import FULL, NO_REDIS, why_not
from .store import CALL_S, VALUE_MAX_BYTES, StoreUnavailable, number, too_long
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
FOUND_AT_ONCE = 64
"""Values that are asked for in one command."""
AT_ONCE = 16
"""Names that are gone, and are taken out of the set of their kind at once."""
KEY_BYTES = 1024
"""Of a name; longer ones are refused."""

INDEX = "parley:index:"
FOUND_KINDS = frozenset({"node", "held"})
"""Kinds of which all are looked for: their names stand in a set beside them. To look for others
means to go through everything that the store holds."""

Command: TypeAlias = tuple[bytes, *tuple[bytes | str | int, ...]]

WITH_GETDEL = (6, 2)

_SLOW = "it does not answer in time"
_SLOW_TLS = f"{_SLOW}; perhaps it does not speak TLS, and redis:// is meant"


class RedisStore:
    """`run` has to be a child of the server's tree; `why_away` says how it stands."""

    def __init__(
        self,
        address: StoreAddress,
        telemetry: Telemetry,
        *,
        client_name: str = "parley",
        call_s: float = CALL_S,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self.why_away: str | None = "it was not asked yet"
        """Why calls fail now; None while they do not."""
        self._address = address
        self._telemetry = telemetry
        self._client_name = client_name
        self._call_s = call_s
        self._backoff = backoff()
        self._log = structlog.get_logger(__name__)
        self._connection: BoundedConnection | None = None
        self._over = trio.Event()
        self._waiting = 0
        self._late = 0
        self._answered_s = 0.0

    # The connection

    async def run(self) -> None:
        """Keep a connection, for ever."""
        while True:
            self._is_away(await self._hold())
            await trio.sleep(self._backoff.next_s())

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
                await self._ask((b"PING",))
            except StoreUnavailable as problem:
                why = str(problem)
            except RedisError as problem:  # coredis raises it in the place of a cancellation, too
                why = _SLOW if deadline.cancel_called else why_not(problem)
            else:
                self._is_here()
                await self._watch()
                if self._late >= LATE_MAX:
                    why = f"it does not answer within {self._call_s:g} s"
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
                    await self._ask((b"PING",))
                except StoreUnavailable:
                    continue

    def _is_here(self) -> None:
        self._backoff.begin_again()
        self.why_away = None
        self._log.info("store_available", store=str(self._address))

    def _is_away(self, why: str) -> None:
        if self.why_away == why:
            return
        self._log.warning("store_unavailable", store=str(self._address), why=why)
        if self.why_away is None:
            self._telemetry.count("store_outages")
        self.why_away = why

    # Calls

    async def get(self, key: str) -> bytes | None:
        (value,) = await self._ask((b"GET", _key(key)), answer_bytes=VALUE_MAX_BYTES)
        return _value(value)

    async def take(self, key: str) -> bytes | None:
        if self._has_getdel():
            (value,) = await self._ask((b"GETDEL", _key(key)), answer_bytes=VALUE_MAX_BYTES)
            return _value(value)
        *_, done = await self._ask(
            (b"MULTI",),
            (b"GET", _key(key)),
            (b"DEL", _key(key)),
            (b"EXEC",),
            answer_bytes=VALUE_MAX_BYTES,
        )
        return _value(_listed(done, 2)[0])

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        too_long(value)
        commands: list[Command] = [(b"SET", _key(key), value, b"PX", _ms(ttl_s))]
        if (index := _index(key)) is not None:
            commands.append((b"SADD", index, _key(key)))
        await self._ask(*commands)

    async def put_new(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        too_long(value)
        (done,) = await self._ask((b"SET", _key(key), value, b"PX", _ms(ttl_s), b"NX"))
        return done is not None

    async def delete(self, key: str) -> None:
        await self._ask((b"DEL", _key(key)))

    async def add(self, key: str, amount: float, *, ttl_s: float) -> float:
        *_, done = await self._ask(
            (b"MULTI",),
            (b"SET", _key(key), b"0", b"PX", _ms(ttl_s), b"NX"),
            (b"INCRBYFLOAT", _key(key), repr(float(amount))),
            (b"EXEC",),
        )
        total = _listed(done, 2)[1]
        if isinstance(total, BaseException):
            raise self._failed(why_not(total))
        if not isinstance(total, bytes | float | int):
            raise self._failed(NO_REDIS)
        return number(total if isinstance(total, bytes) else repr(total).encode())

    async def find(self, prefix: str, *, most: int) -> dict[str, bytes]:
        index = _index(prefix)
        keys = await (self._indexed(index, prefix) if index else self._scanned(prefix, most))
        found: dict[str, bytes] = {}
        gone: list[bytes] = []
        for begin in range(0, len(keys), FOUND_AT_ONCE):
            some = keys[begin : begin + FOUND_AT_ONCE]
            (values,) = await self._ask(
                (b"MGET", *tuple(some)), answer_bytes=len(some) * VALUE_MAX_BYTES
            )
            for key, value in zip(some, _listed(values, len(some)), strict=True):
                if not isinstance(value, bytes):
                    gone.append(key)
                elif len(found) < most:
                    found[key.decode("utf-8", "replace")] = value
            if len(found) >= most:
                break
        if index is not None and gone:
            await self._ask(*((b"SREM", index, key) for key in gone[:AT_ONCE]))
        return found

    async def _indexed(self, index: str, prefix: str) -> list[bytes]:
        (names,) = await self._ask((b"SMEMBERS", index), answer_bytes=VALUE_MAX_BYTES)
        if not isinstance(names, set | frozenset | list):
            raise self._failed(NO_REDIS)
        begin = prefix.encode()
        return [name for name in names if isinstance(name, bytes) and name.startswith(begin)]

    async def _scanned(self, prefix: str, most: int) -> list[bytes]:
        """Goes through everything: for kinds of which there are few servers ever look."""
        pattern = re.sub(r"([\[\]*?\\^])", r"\\\1", prefix) + "*"
        keys: set[bytes] = set()
        cursor: bytes = b"0"
        with trio.move_on_after(self._call_s):
            while len(keys) < most:
                (page,) = await self._ask(
                    (b"SCAN", cursor, b"MATCH", pattern, b"COUNT", 500),
                    answer_bytes=VALUE_MAX_BYTES,
                )
                at, some = _listed(page, 2)
                if not isinstance(at, bytes) or not isinstance(some, list):
                    raise self._failed(NO_REDIS)
                keys.update(key for key in some if isinstance(key, bytes))
                cursor = at
                if cursor == b"0":
                    break
        return list(keys)[:most]

    async def _ask(self, *commands: Command, answer_bytes: int = 0) -> list[object]:
        """The answers, in order. Raises StoreUnavailable."""
        connection = self._connection
        if connection is None:
            raise self._failed(self.why_away or "it is not connected", sent=False)
        if self._waiting + len(commands) > WAITING_MAX:
            raise self._failed("it does not keep up", sent=False)
        if self._waiting == 0:
            connection.allowed_bytes = SLACK_BYTES
        connection.allowed_bytes += SLACK_BYTES + answer_bytes
        self._waiting += len(commands)
        try:
            with trio.fail_after(self._call_s):
                requests = [connection.create_request(*command) for command in commands]
                answers: list[object] = [await request for request in requests]
        except (trio.TooSlowError, TimeoutError):
            self._is_late()
            raise self._failed(f"it does not answer within {self._call_s:g} s") from None
        except RedisError as problem:
            why = why_not(problem)
            if why == FULL:
                self._is_away(why)
            raise self._failed(why) from None
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

    def _failed(self, why: str, *, sent: bool = True) -> StoreUnavailable:
        self._telemetry.count("store_calls_failed")
        return StoreUnavailable(why, sent=sent)

    def _has_getdel(self) -> bool:
        version = self._connection.server_version if self._connection is not None else None
        found = re.match(r"(\d+)\.(\d+)", version or "")
        return found is not None and (int(found[1]), int(found[2])) >= WITH_GETDEL


def _key(key: str) -> bytes:
    encoded = key.encode("utf-8", "replace")
    if len(encoded) > KEY_BYTES:
        raise StoreUnavailable(f"a name of {len(encoded)} bytes is too long", sent=False)
    return encoded


def _index(key: str) -> str | None:
    kind = key.split(":")[1:2]
    return f"{INDEX}{kind[0]}" if kind and kind[0] in FOUND_KINDS else None


def _ms(ttl_s: float) -> int:
    return max(1, round(ttl_s * 1000))


def _value(answer: object) -> bytes | None:
    if answer is None or isinstance(answer, bytes):
        return answer
    raise StoreUnavailable(NO_REDIS)


def _listed(answer: object, length: int) -> Sequence[object]:
    if isinstance(answer, list) and len(answer) == length:
        return answer
    raise StoreUnavailable(NO_REDIS)
