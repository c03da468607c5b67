"""Where the store is, read from its URL. The settings have looked at the URL already."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

USUAL_PORT = 6379


class BadStore(Exception):
    """The store cannot be used as it is set. The message is one line that holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """`user` and `password` are empty where there are none; `tls` None: without."""

    host: str
    port: int
    database: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.database}"


def store_address(url: str, ca_file: str | None) -> StoreAddress:
    """`ca_file`: certificates to trust, None: those of the system. Raises BadStore."""
    parts = urlsplit(url)
    return StoreAddress(
        host=parts.hostname or "",
        port=parts.port or USUAL_PORT,
        database=int(parts.path.strip("/") or 0),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=_context(ca_file) if parts.scheme == "rediss" else None,
    )


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or "it holds no certificates"
        raise BadStore(f"PARLEY_STORE_CA {ca_file} cannot be read: {reason}") from None
