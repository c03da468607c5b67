"""A store for the processes of one machine: a folder that they all have, a file for each value.

It is that of workers without Valkey or Redis, so that a conversation goes on with another worker. A
value is written beside its place and then put there, so nobody reads half of one; a file that is
there already is never made again by `put_new`. Writing takes some 50 µs, and is done at once: the
folder is one of temporary files, which the system keeps in memory as long as it can.

The folder's owner removes it; what is over is removed by whoever comes by.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trio

from .store import StoreUnavailable, number, too_long

MOST_FILES = 20_000
SWEEP_EVERY = 500
"""So many writes are followed by a look at all files."""
_HEAD = struct.Struct("<QH")
"""Until when it holds, in milliseconds since 1970, and how long its key is. The key follows."""
_LOCK = ".lock"


class FolderStore:
    """Satisfies Store. `now_ms` are milliseconds since 1970: all processes of a machine have the
    same. Makes the folder, if there is none; OSError."""

    def __init__(self, folder: Path, now_ms: Callable[[], int]) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._now_ms = now_ms
        self._writes = 0

    async def get(self, key: str) -> bytes | None:
        await trio.lowlevel.checkpoint()
        with _told():
            return self._read(self._place(key))

    async def take(self, key: str) -> bytes | None:
        await trio.lowlevel.checkpoint()
        with _told():
            mine = self._beside()
            try:
                os.rename(self._place(key), mine)
            except FileNotFoundError:
                return None
            value = self._read(mine)
            os.unlink(mine)
            return value

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        await trio.lowlevel.checkpoint()
        with _told():
            os.replace(self._written(key, value, ttl_s), self._place(key))

    async def put_new(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        await trio.lowlevel.checkpoint()
        with _told(), self._alone():
            place = self._place(key)
            if self._read(place) is not None:
                return False
            os.replace(self._written(key, value, ttl_s), place)
            return True

    async def delete(self, key: str) -> None:
        await trio.lowlevel.checkpoint()
        with _told(), suppress(FileNotFoundError):
            os.unlink(self._place(key))

    async def add(self, key: str, amount: float, *, ttl_s: float) -> float:
        await trio.lowlevel.checkpoint()
        with _told(), self._alone():
            place = self._place(key)
            before = self._read(place)
            total = (number(before) if before is not None else 0.0) + amount
            if before is not None:
                until_ms, _ = _HEAD.unpack(place.read_bytes()[: _HEAD.size])
                ttl_s = max(0.0, (until_ms - self._now_ms()) / 1000)
            os.replace(self._written(key, repr(total).encode(), ttl_s), place)
            return total

    async def find(self, prefix: str, *, most: int) -> dict[str, bytes]:
        await trio.lowlevel.checkpoint()
        found: dict[str, bytes] = {}
        with _told():
            for place in self._folder.iterdir():
                if len(found) >= most:
                    break
                entry = None if place.name.startswith(".") else self._entry(place)
                if entry is not None and entry[0].startswith(prefix):
                    found[entry[0]] = entry[1]
        return found

    def _place(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()

    def _beside(self) -> Path:
        self._writes += 1
        return self._folder / f".{os.getpid()}-{self._writes}"

    def _written(self, key: str, value: bytes, ttl_s: float) -> Path:
        """A file with the value, which is not in its place yet."""
        too_long(value)
        if self._writes % SWEEP_EVERY == 0:
            self._sweep()
        until_ms, name = self._now_ms() + round(1000 * ttl_s), key.encode()
        file = self._beside()
        file.write_bytes(_HEAD.pack(until_ms, len(name)) + name + value)
        return file

    def _read(self, place: Path) -> bytes | None:
        entry = self._entry(place)
        return None if entry is None else entry[1]

    def _entry(self, place: Path) -> tuple[str, bytes] | None:
        """Key and value; None where there is none, or it is over."""
        try:
            data = place.read_bytes()
        except FileNotFoundError:
            return None
        if len(data) < _HEAD.size:
            return None
        until_ms, length = _HEAD.unpack(data[: _HEAD.size])
        if until_ms <= self._now_ms():
            return None
        key = data[_HEAD.size : _HEAD.size + length]
        return key.decode(), data[_HEAD.size + length :]

    def _sweep(self) -> None:
        """Remove what is over. Raises StoreUnavailable where still too much is there."""
        left = 0
        for place in self._folder.iterdir():
            if place.name.startswith("."):
                continue
            if self._entry(place) is None:
                with suppress(FileNotFoundError):
                    os.unlink(place)
            else:
                left += 1
        if left >= MOST_FILES:
            raise StoreUnavailable(f"the store has {left} values, as many as it may have")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process looks and writes meanwhile."""
        held = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)


@contextmanager
def _told() -> Iterator[None]:
    """What the system refuses is the store's trouble."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"the folder of what is kept: {error.strerror or error}") from None
