"""Recordings as browsers make them, and request heads and bodies that carry them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import numpy as np

from parley.server.http.head import Head, HeadParser

BOUNDARY = "----ParleyTest7MA4YWxk"


def recorded(pcm16: bytes, container: str, codec: str, rate_hz: int = 48_000) -> bytes:
    """PCM16 at 16 kHz in another dress: ("webm", "libopus"), ("mp4", "aac"), ("flac", "flac")."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate_hz)
        for piece in (*_seconds(pcm16), None):
            for frame in resampler.resample(piece):
                output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return target.getvalue()


def _seconds(pcm16: bytes) -> Iterator[av.AudioFrame]:
    """The audio one second after the other: a bomb of an hour would need it all several times."""
    samples = np.frombuffer(pcm16, "<i2")
    for start in range(0, len(samples), 16_000):
        piece = samples[None, start : start + 16_000]
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
        frame.sample_rate = 16_000
        yield frame


def form(content: bytes, name: str = "file") -> bytes:
    """A form of one file, as browsers write it; its boundary is BOUNDARY."""
    top = (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{name}"; filename="blob"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return top.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


FORM = f"multipart/form-data; boundary={BOUNDARY}"


def post(path: str, body: bytes, content_type: str = "application/json", *headers: str) -> bytes:
    """A whole request."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {content_type}",
        *headers,
        "",
    )
    top = "\r\n".join(lines)
    return f"{top}Content-Length: {len(body)}\r\n\r\n".encode() + body


def head_of(request: bytes) -> Head:
    """The request's head, with the body already read behind it."""
    head = HeadParser().feed(request)
    assert head is not None
    return head
