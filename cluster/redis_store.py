"""The store in Valkey or Redis: each call of the interface as commands. See redis_link.py for how
the connection is kept, and how it fails."""

from __future__ import annotations

import re
from collections.abc import Sequence

import trio

from ..backoff import Attempts, Backoff
from ..telemetry import Telemetry
from .redis_link import Command, RedisLink
from .redis_words import NO_REDIS, why_not
from .store import CALL_S, PAUSES, VALUE_MAX_BYTES, StoreUnavailable, number, too_long
from .store_address import StoreAddress

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

WITH_GETDEL = (6, 2)


class RedisStore:
    """`run` has to be a child of the server's tree."""

    def __init__(
        self,
        address: StoreAddress,
        telemetry: Telemetry,
        *,
        client_name: str = "parley",
        call_s: float = CALL_S,
        backoff: Backoff = PAUSES,
    ) -> None:
        self._link = RedisLink(
            address, telemetry, client_name=client_name, call_s=call_s, attempts=Attempts(backoff)
        )
        self.run = self._link.run
        self._ask = self._link.ask
        self._failed = self._link.failed

    @property
    def why_away(self) -> str | None:
        """Why calls fail now; None while they do not."""
        return self._link.why_away

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
        try:
            with trio.fail_after(self._link.call_s):
                keys = await (
                    self._indexed(index, prefix) if index else self._scanned(prefix, most)
                )
                found, gone = await self._values(keys, most)
        except trio.TooSlowError:
            raise self._failed(
                f"to look through all of it takes over {self._link.call_s:g} s"
            ) from None
        if index is not None and gone:
            await self._ask(*((b"SREM", index, key) for key in gone[:AT_ONCE]))
        return found

    async def _values(self, keys: list[bytes], most: int) -> tuple[dict[str, bytes], list[bytes]]:
        """Those that are there, and the names of those that are gone."""
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
        return found, gone

    async def _indexed(self, index: str, prefix: str) -> list[bytes]:
        (names,) = await self._ask((b"SMEMBERS", index), answer_bytes=VALUE_MAX_BYTES)
        if not isinstance(names, set | frozenset | list):
            raise self._failed(NO_REDIS)
        begin = prefix.encode()
        return [name for name in names if isinstance(name, bytes) and name.startswith(begin)]

    async def _scanned(self, prefix: str, most: int) -> list[bytes]:
        """Goes through everything: for kinds of which servers hardly ever look for all."""
        pattern = re.sub(r"([\[\]*?\\^])", r"\\\1", prefix) + "*"
        keys: set[bytes] = set()
        cursor: bytes = b"0"
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

    def _has_getdel(self) -> bool:
        found = re.match(r"(\d+)\.(\d+)", self._link.version)
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
