"""Uploads that go to disk as they come."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair

from parley.server.http.head import BadRequest
from parley.server.http.request_stream import RequestStream
from parley.server.v1.uploads import STALL_S, Upload, received
from support.blobs import BOUNDARY, FORM, head_of

SOUND = bytes(range(256)) * 20_000


def part(name: str, content: bytes, filename: str = "") -> bytes:
    told = f'; filename="{filename}"' if filename else ""
    top = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'
    return top.encode() + content + b"\r\n"


def body_of(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


class Sender:
    """A client that sends a body, as fast as it is taken or with pauses."""

    def __init__(self, body: bytes, fields: Sequence[str] = ("model",), limit_mb: int = 100):
        head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        self.body, self.fields, self.limit_mb = body, fields, limit_mb
        self.client, server = memory_stream_pair()
        self.head = head_of(head.encode())
        self.stream = RequestStream(server, self.head)

    def received(self) -> AbstractAsyncContextManager[Upload]:
        return received(
            self.stream,
            self.head,
            file_field="file",
            fields=self.fields,
            limit_mb=self.limit_mb,
        )

    async def send(self, size: int = 1 << 20, pause_s: float = 0.0) -> None:
        for at in range(0, len(self.body), size):
            await self.client.send_all(self.body[at : at + size])
            await trio.sleep(pause_s)

    async def refused(self, **how: Any) -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: self.send(**how))
            with pytest.raises(BadRequest) as caught:
                async with self.received():
                    pass
            nursery.cancel_scope.cancel()
        return caught.value.status


async def test_the_file_is_on_disk_for_as_long_as_it_is_needed() -> None:
    sender = Sender(
        body_of(
            part("model", b" whisper-1 "),
            part("file", SOUND, "a.wav"),
            part("prompt", b"not wanted"),
            part("model[]", "größer".encode()),
        )
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.send)
        async with sender.received() as upload:
            assert await trio.Path(upload.path).read_bytes() == SOUND
            assert (upload.size, upload.has_file) == (len(SOUND), True)
            assert SOUND.startswith(upload.beginning)
            assert upload.all("model") == [" whisper-1 ", "größer"]
            assert (upload.get("model"), upload.get("prompt")) == ("größer", None)
            assert sender.stream.whole
            path: Path = upload.path
    assert not await trio.Path(path).exists()


REFUSED = (
    (body_of(part("file", SOUND, "a"), part("file", b"x", "b")), 400),
    (body_of(part("model", b"\xff")), 400),
    (body_of(part("model", b"x" * 100_000)), 413),
    (body_of(part("file", SOUND, "a"))[:-10], 400),
    (b"no form", 400),
)


@pytest.mark.parametrize(("body", "status"), REFUSED)
async def test_what_is_wrong_with_a_form_is_told(body: bytes, status: int) -> None:
    assert await Sender(body).refused() == status


async def test_a_file_that_is_too_large_is_413() -> None:
    assert await Sender(body_of(part("file", SOUND, "a")), limit_mb=1).refused() == 413
    assert await Sender(body_of(part("file", SOUND, "a")), limit_mb=5).refused() == 413


async def test_an_upload_that_stands_still_or_drips_is_408(autojump_clock: Any) -> None:
    body = body_of(part("file", SOUND, "a"))
    began_s = trio.current_time()
    assert await Sender(body).refused(size=1000, pause_s=STALL_S + 1) == 408
    assert trio.current_time() - began_s <= 2 * STALL_S
    began_s = trio.current_time()
    assert await Sender(body).refused(size=1000, pause_s=1) == 408
    assert trio.current_time() - began_s <= 2 * STALL_S
