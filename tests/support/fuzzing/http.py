"""HTTP as fuzz targets: request heads, upgrades, bodies, forms.

None of them needs an event loop: what awaits a stream is driven by hand, with a stream that has
all of its bytes.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import Request

from parley.server.http.cors import Cors
from parley.server.http.head import MESSAGE_LIMIT, BadHead, BadRequest, Head, HeadParser
from parley.server.http.multipart import boundary_of, form_field, is_form_data
from parley.server.http.multipart_stream import FormStream, PartBegun, PartData
from parley.server.http.refusals import refusal
from parley.server.http.request_body import BadBody, RequestBody
from parley.server.http.request_stream import RequestStream, has_body
from parley.server.http.responses import render
from parley.server.http.upgrade import TOKEN_SUBPROTOCOLS, BadUpgrade, check_upgrade
from parley.server.telephone.asked import Asked, NotSigned
from parley.transport import PeerGone
from support.blobs import FORM, form
from support.ws_client import request

from .target import Target, pieces_of

STATUSES = {400, 404, 405, 408, 413, 414, 415, 426, 431, 500, 501, 505}
BODY_LIMIT = 1000

Result = TypeVar("Result")


class Bytes(trio.abc.Stream):
    """A stream whose bytes are all here, in pieces; it never waits, so no event loop is needed."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self.sent = b""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    async def wait_send_all_might_not_block(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


def at_once(work: Coroutine[Any, Any, Result]) -> Result:
    """Run what never really waits, without an event loop."""
    try:
        work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    raise AssertionError("it waits for something")


# Heads


def parsed(pieces: Sequence[bytes]) -> Head | BadHead | None:
    """What a parser makes of a head that comes in these pieces."""
    parser = HeadParser()
    try:
        for piece in pieces:
            head = parser.feed(piece)
            if head is not None:
                return head
    except BadHead as bad:
        assert bad.status in STATUSES, bad.status
        assert len(bad.message) <= MESSAGE_LIMIT, bad.message
        answer = refusal(None, bad)
        render(None, answer)
        return bad
    return None


def head(data: bytes) -> None:
    """A head is the same in one piece and in many, and what is made of it is what it holds."""
    pieces = pieces_of(data)
    found = parsed(pieces)
    whole = parsed([data]) if data else None
    if isinstance(found, BadHead):
        # In one piece a head that is too long is seen to its end before it is refused.
        assert not isinstance(whole, Head) or found.status == 431, (found, whole)
        return
    if found is None:
        assert whole is None, whole
        return
    assert isinstance(whole, Head)
    for name in ("method", "target", "path", "query", "headers", "http_version", "head_size"):
        assert getattr(found, name) == getattr(whole, name), name
    assert whole.raw == data
    assert data[: whole.head_size] + whole.surplus == data
    assert whole.path.startswith("/") or whole.path == "*"
    assert not any(ord(sign) < 32 or ord(sign) == 127 for sign in whole.path + whole.shown_path)
    whole.path.encode()
    _used(whole)


def _used(whole: Head) -> None:
    """What the server does with any head."""
    for name in ("content-type", "origin", "accept", "x-event-id"):
        whole.header(name)
        whole.tokens(name)
    cors = Cors()
    for told in (cors.headers(whole), cors.preflight(whole, {"GET", "POST"}) or {}):
        assert not any("\r" in value or "\n" in value for value in told.values()), told
    is_form(whole)
    try:
        asked = Asked.of(whole)
        _ = asked.query, asked.form
    except NotSigned:
        pass
    render(whole, refusal(whole, BadRequest(404, "not found")))
    if whole.is_websocket:
        _upgraded(whole)


def is_form(whole: Head) -> None:
    try:
        is_form_data(whole.header("content-type") or "")
    except BadBody as bad:
        assert bad.status in STATUSES


def _upgraded(whole: Head) -> None:
    """What is accepted the library can read, and takes for an upgrade."""
    try:
        upgrade = check_upgrade(whole)
    except BadUpgrade as bad:
        assert bad.status in (400, 426)
        render(whole, refusal(whole, bad))
        return
    replayed = upgrade.replay()
    assert replayed.count(b"\r\n\r\n") == 1
    connection = WSConnection(ConnectionType.SERVER)
    connection.receive_data(replayed)
    (event,) = connection.events()
    assert isinstance(event, Request)
    shown = [name for name in upgrade.offered if not name.startswith(TOKEN_SUBPROTOCOLS)]
    assert event.subprotocols == shown  # no library sees a token
    upgrade.select(("realtime",))


_GET = b"GET /stream?events=document&a=%20b&c HTTP/1.1\r\nHost: example.org:8084\r\n"
_HEADS = (
    _GET + b"\r\n",
    _GET + b"Origin: https://example.org\r\nAccept: */*\r\nX: a\r\nX: b\r\n\r\nsurplus",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nOrigin: null\r\n"
    b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x, y\r\n\r\n",
    b"GET http://example.org/ws?x=%C3%A9#f HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
    b"POST /transcribe HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
    b"Content-Type: multipart/form-data; boundary=abc\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET /telephone/twilio/sales/call-00000000-" + b"0" * 32 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    request(
        "/ws", "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.x", "Origin: http://a"
    ),
    request("/v1/realtime?model=parley&intent=transcription", "Authorization: Bearer x"),
)
_HEAD_WORDS = (
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"%", b"%00", b"%0d%0a", b"%2e%2e", b"/../"),
    *(b"//", b"?", b"#", b"&", b"=", b";", b"*", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"CONNECT"),
    *(b"Content-Length: 3\r\n", b"Content-Length: 3, 3\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding : chunked\r\n", b"Host: b\r\n"),
    *(b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n", b"Sec-WebSocket-Version: 8\r\n"),
    *(
        b"Sec-WebSocket-Key: ",
        b"Sec-WebSocket-Protocol: ",
        b"xn--",
        b"\xff",
        b"\xc3\xa9",
        b"\xed\xa0",
    ),
    *(b"Expect: 100-continue\r\n", b"Content-Type: ", b"multipart/form-data", b"boundary*0=a"),
    *(b"charset=", b"filename*=utf-8''%ff", b"9" * 400, b"\x80", b"=?utf-8?b?", b"\x1c", b"\x85"),
)


# Bodies


def body(data: bytes) -> None:
    """A request with its body, as a connection has it. What stands behind the body is the next
    request's, to the last byte, however the bytes were cut."""
    found = [_read_body([data[:cut], data[cut:]]) for cut in (len(data), len(data) // 2)]
    found.append(_read_body(pieces_of(data)))
    assert found[0] == found[1] == found[2], found


def _read_body(pieces: Sequence[bytes]) -> object:
    parser, first, left = HeadParser(), None, [piece for piece in pieces if piece]
    try:
        while first is None and left:
            first = parser.feed(left.pop(0))
    except BadHead:
        return None
    if first is None:
        return None
    stream = RequestStream(Bytes(left), first)
    if not has_body(first):
        assert stream.whole
        return None
    content = b""
    try:
        source = RequestBody(stream, first, BODY_LIMIT)
        while piece := at_once(source.next_piece()):
            content += piece
    except BadBody as bad:
        assert bad.status in (400, 413), bad.status
        assert len(bad.message) <= MESSAGE_LIMIT
        assert not stream.whole
        return "bad"
    except PeerGone:
        return "gone"
    assert len(content) <= BODY_LIMIT
    assert stream.whole
    rest = stream.rest or b""
    while more := at_once(stream.receive_some()):
        rest += more
    return content, rest


_POST = b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: a\r\n"
_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n\r\n"
_BODIES = (
    _POST + b"Content-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n",
    _POST + b"Content-Length: 0\r\n\r\n",
    _CHUNKED + b"5\r\nhello\r\n6;name=value\r\n world\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
    _CHUNKED + b"1\r\na\r\n0\r\nTrailer: x\r\n\r\nmore",
    _CHUNKED + b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n",
    _POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
)
_BODY_WORDS = (
    *_HEAD_WORDS,
    *(b"0\r\n\r\n", b"\r\n0\r\n", b"ffffffff", b"00000000000000000001", b"-1", b"+1", b"0x1", b";"),
    *(b"Content-Length: 1\r\n", b"Content-Length: +1\r\n", b"Content-Length: 01\r\n"),
)


# Forms


def multipart(data: bytes) -> None:
    """A form read at once and as it comes: neither fails, and the same parts are in both. The first
    line of the input is the content type."""
    kind, _, content = data.partition(b"\n")
    content_type = kind.decode("latin-1")
    try:
        boundary = boundary_of(content_type)
    except BadBody as bad:
        assert bad.status in (400, 415)
        return
    parts = _streamed(boundary, [content])
    assert _streamed(boundary, pieces_of(content)) == parts
    try:
        field = form_field(content_type, content, "file")
    except BadBody as bad:
        assert bad.status in (400, 413)
        return
    if isinstance(parts, list):
        assert ("file", field) in [(name, value) for name, _, value in parts]


def _streamed(
    boundary: bytes, pieces: Sequence[bytes]
) -> list[tuple[str | None, str | None, bytes]] | int:
    """The parts, or the status of what is wrong."""
    stream = FormStream(boundary)
    parts: list[tuple[str | None, str | None, bytes]] = []
    try:
        for piece in pieces:
            for event in stream.feed(piece):
                if isinstance(event, PartBegun):
                    parts.append((event.name, event.filename, b""))
                else:
                    assert isinstance(event, PartData)
                    name, filename, value = parts[-1]
                    parts[-1] = (name, filename, value + event.data)
        stream.finish()
    except BadBody as bad:
        return bad.status
    return parts


_PLAIN = (
    b"multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; "
    b'name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--b\r\n'
    b"Content-Disposition: form-data; name=model\r\n\r\nwhisper-1\r\n--b--\r\nbehind"
)
_FORMS = (
    FORM.encode() + b"\n" + form(b"RIFFabc\r\n--no boundary"),
    _PLAIN,
    _PLAIN.replace(b"boundary=b", b'Boundary="b"; charset=utf-8'),
    b"multipart/form-data; boundary=b\npreamble\r\n--b \t\r\n\r\nno headers\r\n--b--",
    b"multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; "
    b"name*=utf-8''file; filename*0=\"a\"; filename*1=b\r\n\r\nx\r\n--b--",
    b"application/json\n{}",
)
_FORM_WORDS = (
    *(b"\r\n", b"\n", b"--b", b"\r\n--b", b"\r\n--b--\r\n", b"--", b'"', b"\\", b";", b"="),
    *(b"name=", b"name*=", b"name*0=", b"name*0*=", b"name*1=", b"filename=", b"utf-8''%ff", b"%"),
    *(b"boundary=", b"boundary*0=", b"boundary*=utf-8''b", b"form-data", b"Content-Disposition: "),
    *(b"Content-Transfer-Encoding: base64\r\n", b"=?utf-8?q?=ff?=", b"charset=x", b"\0", b"\xff"),
    *(
        b"(comment",
        b"<",
        b">",
        b"@",
        b"[",
        b"\x1c",
        b"\x85",
        b"''",
        b"'",
        b" \t",
        b"multipart/mixed",
    ),
)

HTTP_TARGETS: Sequence[Target] = (
    Target(name="http-head", run=head, seeds=_HEADS, words=_HEAD_WORDS),
    Target(name="http-body", run=body, seeds=_BODIES, words=_BODY_WORDS),
    Target(name="http-form", run=multipart, seeds=_FORMS, words=_FORM_WORDS),
)
