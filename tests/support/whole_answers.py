"""What a server of voices or transcripts answers with: whole bodies, right and wrong.

Behaviours for `support.llm_server`, which plays them.
"""

from __future__ import annotations

import json

from support.llm_server import Behaviour, Wire


def answer(body: bytes, content_type: str = "application/json", *, status: int = 200) -> Behaviour:
    return (_head(len(body), content_type, status) + body,)


def tell_json(data: object) -> Behaviour:
    return answer(json.dumps(data).encode())


def slowly(body: bytes, content_type: str, *, pieces: int = 5, pause_s: float = 0.01) -> Behaviour:
    """The same, piece by piece."""
    size = len(body) // pieces + 1
    steps = [body[start : start + size] for start in range(0, len(body), size)]
    return (_head(len(body), content_type), *(s for step in steps for s in (pause_s, step)))


def cut_off(body: bytes, content_type: str, *, reset: bool = False) -> Behaviour:
    """Half of the body, and then the end of the connection."""
    half = _head(len(body), content_type) + body[: len(body) // 2]
    return (half, 0.02, Wire.RST if reset else Wire.FIN)


def stalled(body: bytes, content_type: str, *, status: int = 200) -> Behaviour:
    """Half of the body, and then nothing."""
    return (_head(len(body), content_type, status) + body[: len(body) // 2], Wire.STALL)


def endless(content_type: str) -> Behaviour:
    """A body of 64 MB, as fast as it is read."""
    return (_head(64 << 20, content_type), *([bytes(1 << 20)] * 64))


def endless_refusal(status: int) -> Behaviour:
    """An error whose body has no end: a megabyte, and then nothing."""
    return (_head(64 << 20, "text/html", status), b"no " * (1 << 19), Wire.STALL)


def _head(length: int, content_type: str, status: int = 200) -> bytes:
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"HTTP/1.1 {status} Told\r\n{kind}Content-Length: {length}\r\n\r\n".encode()
