"""Uploads that go to disk as they come."""

from __future__ import annotations

import resource
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import memory_stream_pair

from parley.server.http.head import BadRequest
from parley.server.http.request_stream import RequestStream
from parley.server.v1.uploads import (
    LOCKED_WITHIN_S,
    PREFIX,
    STALL_S,
    Upload,
    received,
    remove_left_behind,
)
from support.blobs import BOUNDARY, FORM, head_of

SOUND = bytes(range(256)) * 20_000


def part(name: str, content: bytes, filename: str = "") -> bytes:
    told = f'; filename="{filename}"' if filename else ""
    top = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'
    return top.encode() + content + b"\r\n"


def body_of(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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


async def test_what_a_killed_server_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"{PREFIX}left"
    left.write_bytes(b"half an upload")
    other, away = tmp_path / "other", tmp_path / "away"
    other.touch()
    away.touch()
    (tmp_path / f"{PREFIX}link").symlink_to(away)
    sender = Sender(body_of(part("file", SOUND, "a.wav")))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.send)
        async with sender.received() as upload:
            assert remove_left_behind(tmp_path, time.time()) == 0  # they may be about to be locked
            assert remove_left_behind(tmp_path, time.time() + LOCKED_WITHIN_S + 1) == 1
            assert upload.path.read_bytes() == SOUND
    assert names_in(tmp_path) == ["away", "other", f"{PREFIX}link"]


async def test_a_disk_without_room_costs_the_upload_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sender = Sender(body_of(part("file", SOUND, "a.wav")))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))  # as a full disk would
        assert await sender.refused() == 503
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names_in(tmp_path) == []
