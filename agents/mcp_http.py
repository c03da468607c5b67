"""An MCP server that speaks streamable HTTP: a connection to it with bounds.

Owned by the connection (mcp_connection.py). What fails on the way raises in a group, as it leaves
the client library.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.message import SessionMessage

from ..engines.services.http_client import open_http
from .mcp_pace import MAX_MESSAGE_BYTES, Pace, cost_of

Heard = ReadStream[SessionMessage | Exception]
Written = WriteStream[SessionMessage]

CONNECT_S = 10.0
READ_S = 300.0
"""A stream of events may be silent for long; each call has its own deadline."""


@asynccontextmanager
async def http_streams(url: str) -> AsyncIterator[tuple[Heard, Written]]:
    """What a server says, and where to write. Nothing is sent before something is written. Raises
    BadEnvironment where the environment's proxy or certificates cannot be used."""
    timeout = httpx2.Timeout(CONNECT_S, read=READ_S)
    async with (
        open_http(url, timeout=timeout, event_hooks={"response": [_bound]}) as client,
        streamable_http_client(
            url,
            http_client=client,
            terminate_on_close=False,  # a server that hangs would keep us from trying again
            max_sse_event_size=MAX_MESSAGE_BYTES,
        ) as (heard, written),
    ):
        yield _Paced(heard), written


async def _bound(response: httpx2.Response) -> None:
    """An answer that is no stream of events is one message."""
    kind = response.headers.get("content-type", "")
    if not kind.lower().startswith("text/event-stream") and isinstance(
        response.stream, httpx2.AsyncByteStream
    ):
        response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    """A body that may be as long as a message."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._body:
            size += len(chunk)
            if size > MAX_MESSAGE_BYTES:
                raise httpx2.ReadError(f"an answer of more than {MAX_MESSAGE_BYTES:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


class _Paced:
    """What a server says, no faster than is good for the voices."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._pace = Pace()

    async def receive(self) -> SessionMessage | Exception:
        item = await self._heard.receive()
        await self._pace.spend(cost_of(item))
        return item

    async def aclose(self) -> None:
        await self._heard.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        item = await self._heard.__anext__()
        await self._pace.spend(cost_of(item))
        return item

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
