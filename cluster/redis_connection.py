"""One connection to Valkey or Redis, by coredis: what it reads is bounded.

coredis' parser keeps what has come until an answer is whole. A server that sends without end, or
that is none, would fill the memory with it; so each connection knows how many bytes it may still
get, and is over when more come.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from anyio import BrokenResourceError, connect_tcp
from anyio.abc import ByteStream
from coredis.connection import TCPConnection, TCPLocation

from .store_address import StoreAddress

SLACK_BYTES = 64 * 1024
"""What a server may say of itself, unasked."""

logging.getLogger("coredis").setLevel(logging.CRITICAL + 1)
"""It logs each connection that fails, with a traceback; here that is one line, told once."""


class BoundedConnection(TCPConnection):
    """May be sent as many bytes as are `allowed_bytes`; who asks for something adds to them."""

    def __init__(self, stream: ByteStream, address: StoreAddress, *, client_name: str) -> None:
        """`stream` is connected already; the connection closes it."""
        super().__init__(
            TCPLocation(address.host, address.port),
            username=address.user or ("default" if address.password else None),
            password=address.password or None,
            db=address.database,
            client_name=client_name,
        )
        self.allowed_bytes = SLACK_BYTES
        self.flooded = False
        self._bounded = _Bounded(stream, self)

    async def _connect(self) -> ByteStream:
        return self._bounded


async def connect(address: StoreAddress) -> ByteStream:
    """Raises OSError, of which ssl.SSLError is one."""
    if address.tls is None:
        return await connect_tcp(address.host, address.port)
    return await connect_tcp(
        address.host,
        address.port,
        tls=True,
        ssl_context=address.tls,
        tls_standard_compatible=False,
    )


class _Bounded(ByteStream):
    def __init__(self, inner: ByteStream, connection: BoundedConnection) -> None:
        self._inner = inner
        self._connection = connection

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        data = await self._inner.receive(max_bytes)
        self._connection.allowed_bytes -= len(data)
        if self._connection.allowed_bytes < 0:
            self._connection.flooded = True
            raise BrokenResourceError
        return data

    async def send(self, item: bytes) -> None:
        await self._inner.send(item)

    async def send_eof(self) -> None:
        await self._inner.send_eof()

    async def aclose(self) -> None:
        await self._inner.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Any]:
        return self._inner.extra_attributes
