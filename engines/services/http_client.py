"""HTTP clients, and what the environment says of them: proxies, and whose certificates to believe.

What is on this machine is asked directly, always: a proxy that stands in ALL_PROXY or HTTP_PROXY
would look for it on its own machine. What is elsewhere is asked as the environment says; a variable
that cannot be used is a BadEnvironment, in one line, and not a crash.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...addresses import is_loopback

if TYPE_CHECKING:
    import httpx2

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class BadEnvironment(Exception):
    """A variable of the environment cannot be used. The message says which, and what to do."""


def client_options(url: str, *, limits: httpx2.Limits | None = None) -> dict[str, Any]:
    """The options of an httpx2 client that asks `url`: `verify`, and how it gets there.

    Raises BadEnvironment.
    """
    import httpx2

    limits = limits or httpx2.Limits()
    parts = urlsplit(url)
    verify = _context(needed=parts.scheme == "https")
    if is_loopback(parts.hostname or ""):
        transport = httpx2.AsyncHTTPTransport(verify=verify, limits=limits)
        return {"transport": transport}  # with one of its own a client looks for no proxy
    return {"verify": verify, "limits": limits}


def open_http(url: str, **options: Any) -> httpx2.AsyncClient:
    """A client that asks `url`; close it. Raises BadEnvironment."""
    import httpx2

    options |= client_options(url, limits=options.get("limits"))
    try:
        return httpx2.AsyncClient(**options)
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise bad_proxy(error) from None


def bad_proxy(error: Exception) -> BadEnvironment:
    """What a client says of a proxy that it cannot use, in words for whoever set it."""
    reason = str(error).partition(". ")[0]
    for word in reason.split():
        if "@" in word:
            reason = reason.replace(word, "…")  # a password may stand before it
    return BadEnvironment(
        f"the proxy in the environment cannot be used ({reason}): "
        "mend ALL_PROXY, HTTP_PROXY or HTTPS_PROXY, or name the server in NO_PROXY"
    )


def _context(*, needed: bool) -> ssl.SSLContext:
    """What certificates are checked by. Where none is `needed`, bad variables are passed over: a
    redirect may lead to https, and is then checked by the system's."""
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except (OSError, ssl.SSLError, ValueError) as error:
        if needed:
            raise _bad_certificates(error) from None
        return httpx2.create_ssl_context(trust_env=False)


def _bad_certificates(error: Exception) -> BadEnvironment:
    name = next((name for name in CERTIFICATES if os.environ.get(name)), CERTIFICATES[0])
    reason = getattr(error, "strerror", None) or type(error).__name__
    return BadEnvironment(
        f"{name}={os.environ.get(name, '')} cannot be used ({reason}): "
        "unset it, or name a file of certificates that can be read"
    )
