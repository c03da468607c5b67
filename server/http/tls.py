"""TLS in front of a door: the certificate, and the handshake of one connection.

The protocol, its versions and ciphers are Python's and OpenSSL's defaults for servers, TLS 1.2 at
least. Getting certificates is left to others (a proxy, or whatever writes the files); a new one
counts when it is read again, at SIGHUP, and connections that are open keep the one they have.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import trio

from .wire import PrefixedStream, drop, linger

HANDSHAKE_LIMIT_S = 10.0
HELLO = 0x16
"""The first byte of whoever speaks TLS."""
FIRST_BYTES = 4096
_WORDS = b"This port speaks TLS: write https:// or wss:// before the address.\n"
PLAIN = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(_WORDS), _WORDS)
)
"""What a client is told that speaks plain HTTP."""


class BadCertificate(Exception):
    """A certificate or its key cannot be used; one line that says which and why."""


class NoHandshake(Exception):
    """The peer did not get as far as a connection."""


class Certificates:
    """The certificate that is served now. Raises BadCertificate."""

    def __init__(self, cert: str, key: str, on_failed: Callable[[], None] = lambda: None) -> None:
        """`on_failed` is told of each connection that does not become one."""
        self._on_failed = on_failed
        self._cert = Path(cert).expanduser()
        self._key = Path(key).expanduser()
        self._context = self._read()

    def reload(self) -> None:
        """Read the files again. Raises BadCertificate, and then the old one goes on counting."""
        self._context = self._read()

    async def secure(self, stream: trio.abc.Stream) -> trio.abc.Stream:
        """The same connection behind TLS. Raises NoHandshake, and the stream is closed then."""
        try:
            return await self._secured(stream)
        except NoHandshake:
            self._on_failed()
            raise

    async def _secured(self, stream: trio.abc.Stream) -> trio.abc.Stream:
        try:
            with trio.fail_after(HANDSHAKE_LIMIT_S):
                first = bytes(await stream.receive_some(FIRST_BYTES))
                if first[:1] != bytes([HELLO]):
                    if first:
                        await stream.send_all(PLAIN)
                        await linger(stream)
                    raise NoHandshake("it does not speak TLS")
                secured = trio.SSLStream(
                    PrefixedStream(stream, first),
                    self._context,
                    server_side=True,
                    https_compatible=True,
                )
                await secured.do_handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            await drop(stream)
            raise NoHandshake(repr(error.__cause__ or error)) from None
        except trio.TooSlowError:
            await drop(stream)
            raise NoHandshake("the handshake took too long") from None
        return secured

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        for file in (self._cert, self._key):
            try:
                file.open("rb").close()
            except OSError as error:
                raise BadCertificate(f"{file}: cannot be read: {error.strerror}") from None
        try:
            context.load_cert_chain(self._cert, self._key, password=_ask_nobody)
        except (ssl.SSLError, ValueError) as error:
            raise BadCertificate(
                f"{self._cert} and {self._key} cannot be used: {_reason(error)}"
            ) from None
        return context


def _ask_nobody() -> NoReturn:
    raise ValueError("the key has a password; write it without one, readable by the server alone")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        if error.reason == "KEY_VALUES_MISMATCH":
            return "the key is not that of the certificate"
        return error.reason or "not PEM"
    return str(error)
