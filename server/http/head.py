"""Request heads: bytes in, a checked `Head` out.

`HeadParser` is the pure part, `read_head` the shell around it. What a peer gets wrong is a
`BadRequest` with the HTTP status to answer; a peer that leaves before it said anything is
`PeerGone`. Nothing else comes out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote_to_bytes

import h11
import trio

from ...transport import PeerGone

HEAD_LIMIT_S = 7.0
"""A head arrives in one packet; seven seconds let a bad radio link retransmit, and no one linger.
With the time that a peer has to read why it is closed (wire.LINGER_LIMIT_S) it is under ten."""
HEAD_LIMIT_BYTES = 16 * 1024
"""Twice what browsers and proxies send at their worst (cookies); what a peer may make us hold."""
HOST_LIMIT_BYTES = 255 + len(":65535")
"""RFC 1035's longest name and a port: longer ones have made parsers slow before."""
QUERY_LIMIT_FIELDS = 64
"""More than any of our routes knows; keeps a hostile query from costing time."""
RECEIVE_BYTES = 4096
MESSAGE_LIMIT = 120
"""Characters of what h11 says, which may quote the whole line that it did not like."""

_PROOF = re.compile(r"/(key|call)-[^/]+")
"""A token, or a ticket: see telephone/tickets.py."""
_IN_DOUBT = re.compile(rb"(?<!\r)\n|\r(?!\n)|\n[ \t]")
"""Line ends that some servers see and others do not, and lines that go on in the next one (RFC
9112, 2.2 and 5.2, which allow to refuse both): with them a request can hide in another."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


class BadRequest(Exception):
    """The peer's fault: `status` and `message` are what it is told, `headers` go with them."""

    def __init__(
        self,
        status: int,
        message: str,
        headers: tuple[tuple[str, str], ...] = (),
        *,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        """`param` and `code` are told where errors are in OpenAI's shape: the field that is wrong,
        and a word that programs look at."""
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.headers = headers
        self.param = param
        self.code = code


class BadHead(BadRequest):
    """The request's head cannot be understood or is not acceptable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One request's head, checked.

    `target` is as it was sent, `path` percent-decoded and without the query. `query` holds the
    last value of each name. Header names are lower case. `raw` is everything that was read:
    `head_size` bytes of head and, after them, the surplus.
    """

    method: str
    target: str
    path: str
    query: Mapping[str, str]
    headers: tuple[tuple[bytes, bytes], ...]
    http_version: str
    is_websocket: bool
    raw: bytes
    head_size: int

    @property
    def shown_path(self) -> str:
        """The path for logs and for agents, without what lets a telephone's stream in."""
        return _PROOF.sub(r"/\1-…", self.path)

    @property
    def surplus(self) -> bytes:
        """What was read beyond the head: the body's beginning, or early frames."""
        return self.raw[self.head_size :]

    def header(self, name: str) -> str | None:
        """The header's value, several lines joined by a comma (RFC 9110, 5.3); None if absent."""
        wanted = name.lower().encode("ascii")
        values = [value for key, value in self.headers if key == wanted]
        return b", ".join(values).decode("latin-1") if values else None

    def tokens(self, name: str) -> list[str]:
        """The header's comma-separated items, stripped, empty ones left out, case kept."""
        items = (self.header(name) or "").split(",")
        return [item.strip() for item in items if item.strip()]


class HeadParser:
    """Feed it what arrives; it returns the `Head` once that is whole, and None before."""

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT_BYTES)
        self.raw = bytearray()

    def feed(self, data: bytes) -> Head | None:
        """Raises BadHead. `data` must not be empty."""
        self.raw += data
        self._h11.receive_data(data)
        try:
            event = self._h11.next_event()
        except h11.RemoteProtocolError as exc:
            raise BadHead(exc.error_status_hint, str(exc)[:MESSAGE_LIMIT]) from None
        if not isinstance(event, h11.Request):
            return None
        head_size = len(self.raw) - len(self._h11.trailing_data[0])
        if head_size > HEAD_LIMIT_BYTES:
            raise BadHead(431, "request head too large")
        if _IN_DOUBT.search(self.raw, 0, head_size):
            raise BadHead(400, "a line of the head ends without CRLF, or goes on in the next one")
        return _checked(event, bytes(self.raw), head_size)


async def read_head(stream: trio.abc.ReceiveStream, early: bytes = b"") -> Head:
    """Read one request's head; raises BadHead, or PeerGone if nothing ever came. `early` is what
    was read of it already."""
    parser = HeadParser()
    head = parser.feed(early) if early else None
    if head is not None:
        await trio.lowlevel.checkpoint()
        return head
    with trio.move_on_after(HEAD_LIMIT_S):
        while True:
            try:
                data = await stream.receive_some(RECEIVE_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                raise PeerGone(reason="connection lost before its request") from None
            if not data:
                if not parser.raw:
                    raise PeerGone(reason="connection closed before its request")
                raise BadHead(400, "incomplete request head")
            head = parser.feed(bytes(data))
            if head is not None:
                return head
    raise BadHead(408, "request head took too long")


def _checked(request: h11.Request, raw: bytes, head_size: int) -> Head:
    http_version = request.http_version.decode("ascii")
    if http_version not in ("1.0", "1.1"):
        raise BadHead(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    headers = tuple((bytes(name), bytes(value)) for name, value in request.headers)
    names = {name for name, _ in headers}
    if {b"content-length", b"transfer-encoding"} <= names:
        raise BadHead(400, "both Content-Length and Transfer-Encoding")
    for name, value in headers:
        # wsproto decodes these as ASCII inside the reader task, where it would be our crash.
        if (name == b"host" or name.startswith(b"sec-websocket-")) and not value.isascii():
            raise BadHead(400, f"{name.decode('ascii')} must be ASCII")
        if name == b"host" and len(value) > HOST_LIMIT_BYTES:
            raise BadHead(400, "host too long")
    target = bytes(request.target)
    path, query = _split_target(target)
    upgrades = [value for name, value in headers if name == b"upgrade"]
    return Head(
        method=request.method.decode("ascii"),
        target=target.decode("ascii"),
        path=path,
        query=query,
        headers=headers,
        http_version=http_version,
        is_websocket=b"websocket"
        in [token.strip().lower() for token in b",".join(upgrades).split(b",")],
        raw=raw,
        head_size=head_size,
    )


def _split_target(target: bytes) -> tuple[str, Mapping[str, str]]:
    """Path and query of any of RFC 9112's target forms (3.2); authority-form is refused."""
    if target == b"*":
        return "*", MappingProxyType({})
    absolute = _ABSOLUTE.match(target)
    origin = target[absolute.end() :] if absolute else target
    raw_path, _, raw_query = origin.partition(b"#")[0].partition(b"?")
    if not raw_path and absolute:
        raw_path = b"/"
    if not raw_path.startswith(b"/"):
        raise BadHead(400, "the request target is not a path")
    try:
        path = unquote_to_bytes(raw_path).decode("utf-8")
        pairs = parse_qsl(
            raw_query.decode("ascii"), keep_blank_values=True, max_num_fields=QUERY_LIMIT_FIELDS
        )
    except UnicodeDecodeError:
        raise BadHead(400, "the path is not UTF-8") from None
    except ValueError:
        raise BadHead(400, "too many query fields") from None
    if _CONTROL.search(path):
        raise BadHead(400, "control characters in the path")
    return path, MappingProxyType(dict(pairs))
