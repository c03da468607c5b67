"""What a server tells of itself that whoever talks to it should know: whether it records."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import h11
import msgspec
import trio

from .wire import Unreachable, connected

ASK_S = 2.0
"""A server that is slower with its settings is talked to without them."""
MAX_BYTES = 1 << 20

SETTINGS = "/api/stream_config"
RECORDS = "This server records conversations."
RECORDS_SOME = "This server records some conversations; this may be one of them."


NOT_TOLD = (
    *(OSError, ValueError, msgspec.MsgspecError, h11.ProtocolError, Unreachable),
    *(trio.BrokenResourceError, trio.ClosedResourceError),
)
"""What may go wrong where there is no such server. h11 has its own word for each mistake."""


class _Settings(msgspec.Struct):
    stream_record_dir: str | None = None
    stream_record_share: float = 1.0


async def recording_notice(url: str, path: str, *, token: str = "", ca: Path | None = None) -> str:
    """What to say of recordings to whoever talks to `url`, a WebSocket's address that ends in
    `path`; empty where the server records nothing, or does not tell. `token` and `ca` are those of
    `open_wire`."""
    told = _Settings()
    with trio.move_on_after(ASK_S):
        try:
            parts = urlsplit(url)
            if parts.scheme in ("ws", "wss") and parts.hostname:
                stream = await connected(url, ca)
                told = await _asked(
                    stream,
                    parts.netloc.rpartition("@")[2],
                    parts.path.removesuffix(path) + SETTINGS,
                    token,
                )
        except NOT_TOLD:
            return ""  # whether it can be talked to is seen when it is talked to
    if not told.stream_record_dir or told.stream_record_share <= 0:
        return ""
    return RECORDS if told.stream_record_share >= 1 else RECORDS_SOME


async def _asked(stream: trio.abc.Stream, host: str, target: str, token: str) -> _Settings:
    http, body = h11.Connection(h11.CLIENT), bytearray()
    headers = [("Host", host), ("Connection", "close")]
    if token:
        headers.append(("Authorization", f"Bearer {token}"))
    try:
        request = h11.Request(method="GET", target=target, headers=headers)
        await stream.send_all((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                http.receive_data(bytes(await stream.receive_some()))
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.ConnectionClosed) or len(body) > MAX_BYTES:
                raise ValueError("no whole answer")
    finally:
        await trio.aclose_forcefully(stream)
    return msgspec.json.decode(body, type=_Settings)
