"""TLS on a live port: who is let in, who refuses us, and a certificate that is changed."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives import serialization

from parley.client.wire import Unreachable, open_wire
from parley.config import Settings
from parley.engines.room import open_engine_room
from parley.server.http import tls
from parley.server.http.tls import BadCertificate, Certificates
from parley.server.tree import Server, open_listeners
from support.access import own_engines
from support.certificates import Pair, certificate


@asynccontextmanager
async def serving(pair: Pair) -> AsyncIterator[tuple[Server, int]]:
    settings = Settings.defaults(parley_tls_cert=str(pair.cert), parley_tls_key=str(pair.key))
    listeners = await open_listeners("127.0.0.1", 0)
    with trio.fail_after(30):
        async with (
            open_engine_room(settings, own_engines()) as room,
            trio.open_nursery() as nursery,
        ):
            server = Server(settings, room)
            await nursery.start(server.run, listeners)
            yield server, listeners[0].socket.getsockname()[1]
            server.stop()


async def https(port: int, path: str, ca: Path, *lines: str, host: str = "localhost") -> bytes:
    context = ssl.create_default_context(cafile=str(ca))
    stream = await trio.open_ssl_over_tcp_stream(
        "localhost", port, ssl_context=context, https_compatible=True
    )
    text = "\r\n".join(
        [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *lines, "", ""]
    )
    async with stream:
        await stream.send_all(text.encode())
        return b"".join([bytes(part) async for part in stream])


async def test_a_conversation_and_a_page_by_tls(tmp_path: Path) -> None:
    pair = certificate(tmp_path)
    async with serving(pair) as (_, port):
        async with open_wire(f"wss://localhost:{port}/ws", ca=pair.cert) as wire:
            await wire.send('{"type": "start"}')
            assert "protocol" in str(await wire.receive())
        page = await https(port, "/", pair.cert)
        assert page.startswith(b"HTTP/1.1 200 ")
        assert b"</html>" in page
        assert b"strict-transport-security" not in page.lower()  # this machine is no such name


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wrong name", "not trusted"),
        ("expired", "expired"),
        ("of a stranger", "not trusted"),
        ("spoken plainly to", "hung up|no WebSocket|refused"),
    ],
)
async def test_a_client_refuses_what_it_cannot_trust(tmp_path: Path, kind: str, words: str) -> None:
    """`parley talk` says why, in one line; the server goes on."""
    name = "other.example.org" if kind == "wrong name" else "localhost"
    pair = certificate(tmp_path, name, expired=kind == "expired")
    ca = certificate(tmp_path, file="b").cert if kind == "of a stranger" else pair.cert
    scheme = "ws" if kind == "spoken plainly to" else "wss"
    async with serving(pair) as (_, port):
        with pytest.raises(Unreachable, match=words):
            async with open_wire(f"{scheme}://localhost:{port}/ws", ca=ca):
                pass
        plain = await trio.open_tcp_stream("localhost", port)
        await plain.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with plain:
            answer = b"".join([bytes(part) async for part in plain])
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"https://" in answer


async def test_old_versions_are_not_spoken(tmp_path: Path) -> None:
    pair = certificate(tmp_path)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(pair.cert)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(pair) as (_, port):
        stream = await trio.open_ssl_over_tcp_stream("localhost", port, ssl_context=old)
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()
        await trio.aclose_forcefully(stream)


async def test_a_new_certificate_counts_when_it_is_read_and_a_bad_one_does_not(
    tmp_path: Path,
) -> None:
    pair = certificate(tmp_path)
    async with serving(pair) as (server, port):
        before = pair.cert.read_bytes()
        async with open_wire(f"wss://localhost:{port}/ws", ca=pair.cert) as open_one:
            certificate(tmp_path)
            server.reload()
            with pytest.raises(Unreachable, match="not trusted"):
                (tmp_path / "old.pem").write_bytes(before)
                async with open_wire(f"wss://localhost:{port}/ws", ca=tmp_path / "old.pem"):
                    pass
            assert (await https(port, "/health", pair.cert)).startswith(b"HTTP/1.1 200 ")
            kept = pair.cert.read_bytes()
            pair.cert.write_bytes(b"nothing")
            server.reload()
            (tmp_path / "kept.pem").write_bytes(kept)
            assert (await https(port, "/health", tmp_path / "kept.pem")).startswith(b"HTTP/1.1 200")
            await open_one.send('{"type": "start"}')
            assert "protocol" in str(await open_one.receive())


async def test_a_browser_that_came_by_a_name_is_told_to_come_by_tls_again(tmp_path: Path) -> None:
    pair = certificate(tmp_path)
    settings_host = "voice.example.org"
    async with serving(pair) as (_, port):
        answer = await https(port, "/health", pair.cert, host=settings_host)
        assert b"strict-transport-security: max-age=" in answer.lower()


def test_what_is_wrong_with_a_certificate_is_one_line(tmp_path: Path) -> None:
    a, b = certificate(tmp_path, file="a"), certificate(tmp_path, file="b")
    locked = tmp_path / "locked.key"
    key = serialization.load_pem_private_key(a.key.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x00\x01")
    for cert, key_file, words in (
        (tmp_path / "none", a.key, "cannot be read: No such file"),
        (a.cert, tmp_path / "none", "cannot be read: No such file"),
        (a.cert, b.key, "not that of the certificate"),
        (garbage, a.key, "cannot be used"),
        (a.cert, locked, "has a password"),
        (tmp_path, a.key, "cannot be read"),
    ):
        with pytest.raises(BadCertificate) as refused:
            Certificates(str(cert), str(key_file))
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)


async def test_who_begins_no_handshake_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE_LIMIT_S", 0.3)
    pair = certificate(tmp_path)
    async with serving(pair) as (server, port):
        for first in (b"", b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16" + bytes(5000)):
            stream = await trio.open_tcp_stream("localhost", port)
            if first:
                await stream.send_all(first)
            with trio.fail_after(5):
                try:
                    while await stream.receive_some(4096):
                        pass
                except trio.BrokenResourceError:
                    pass
            await stream.aclose()
        assert (await https(port, "/health", pair.cert)).startswith(b"HTTP/1.1 200 ")
        assert (
            server.telemetry.registry.get_sample_value(
                "parley_drops_total", {"edge": "tls_handshake"}
            )
            == 4
        )
