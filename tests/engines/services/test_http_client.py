"""What is on this machine is asked directly, and an environment that cannot be used is one line."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from parley.engines.services.http_client import BadEnvironment, open_http

NAMES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
NOWHERE = "http://192.0.2.1:9"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def answer(stream: trio.SocketStream, words: bytes, asked: list[bytes]) -> None:
    asked.append(await stream.receive_some(4096))
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(words)}\r\nConnection: close\r\n\r\n"
    await stream.send_all(head.encode() + words)


@asynccontextmanager
async def listening(words: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Something on loopback that answers with `words`, and what it was asked."""
    asked: list[bytes] = []
    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, partial(answer, words=words, asked=asked), 0, host="127.0.0.1")
        )
        yield listeners[0].socket.getsockname()[1], asked
        nursery.cancel_scope.cancel()


async def got(url: str) -> str:
    async with open_http(url, timeout=5) as client:
        return (await client.get(url)).text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_PROXY": NOWHERE},
        {"ALL_PROXY": NOWHERE},
        {"ALL_PROXY": "socks5://192.0.2.1:9"},
        {"ALL_PROXY": "socks9://me:secret@192.0.2.1:9"},
        {"SSL_CERT_FILE": "/there/is/no/such.pem"},
        {"SSL_CERT_DIR": "/there/is/no/such", "HTTPS_PROXY": NOWHERE},
    ],
    ids=lambda environ: "+".join(environ),
)
async def test_loopback_goes_direct_whatever_the_environment_says(
    environ: dict[str, str], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(b"direct") as (port, asked):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        assert await got(f"http://{host}:{port}/v1") == "direct"
    assert asked[0].startswith(b"GET /v1 ")


async def test_what_is_elsewhere_is_asked_by_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(b"by the proxy") as (port, asked):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        assert await got("http://model.example/v1") == "by the proxy"
    assert asked[0].startswith(b"GET http://model.example/v1 ")


def refusal(url: str) -> str:
    with pytest.raises(BadEnvironment) as refused:
        open_http(url)
    return str(refused.value)


def test_a_proxy_that_cannot_be_used_is_one_line_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks9://me:secret@192.0.2.1:9")
    told = refusal("https://api.example/v1")
    assert "ALL_PROXY" in told
    assert "secret" not in told
    assert "\n" not in told


@pytest.mark.parametrize("what", ["missing", "empty", "a folder"])
def test_certificates_that_cannot_be_read_are_one_line(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path if what == "a folder" else tmp_path / "ca.pem"
    if what == "empty":
        path.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    told = refusal("https://api.example/v1")
    assert told.startswith(f"SSL_CERT_FILE={path} cannot be used")
    assert "\n" not in told


def test_certificates_of_ones_own_are_believed_on_loopback_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded: list[str] = []
    real = ssl.create_default_context

    def create(*args: object, cafile: str | None = None, **more: object) -> ssl.SSLContext:
        loaded.append(str(cafile))
        return real()

    monkeypatch.setattr("ssl.create_default_context", create)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    open_http("https://127.0.0.1:1/v1")
    assert str(tmp_path / "own.pem") in loaded
