"""A request as its signature sees it, and the addresses that a service may have signed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, urlsplit

from ..http.head import Head

FORM = "application/x-www-form-urlencoded"
FORM_FIELDS = 256
"""Twilio sends some forty fields; more than this is no call."""

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_PORT = re.compile(r":[0-9]+\Z")

Pairs = Sequence[tuple[str, str]]


class NotSigned(Exception):
    """A request that does not prove whose it is. The message says what is missing, or wrong, and
    quotes no secret."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request. `target` is its path and query as they were sent, header names are in lower
    case, and `stream` is whether it asks for a WebSocket."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: bool = False

    @classmethod
    def of(cls, head: Head, body: bytes = b"") -> Asked:
        names = {name.decode("latin-1") for name, _ in head.headers}
        absolute = _ABSOLUTE.match(head.target)
        return cls(
            method=head.method,
            target=head.target[absolute.end() :] if absolute else head.target,
            headers={name: head.header(name) or "" for name in names},
            body=body,
            stream=head.is_websocket,
        )

    def header(self, name: str) -> str:
        """Its value. Raises NotSigned where there is none."""
        value = self.headers.get(name.lower(), "").strip()
        if not value:
            raise NotSigned(f"the header {name} is missing")
        return value

    @cached_property
    def query(self) -> Pairs:
        """Names and values of the address, decoded."""
        return _pairs(self.target.partition("?")[2])

    @property
    def is_form(self) -> bool:
        kind = self.headers.get("content-type", "").partition(";")[0]
        return kind.strip().lower() == FORM

    @cached_property
    def form(self) -> Pairs:
        """Names and values of a form; nothing where the body is none."""
        if not self.is_form:
            return ()
        try:
            return _pairs(self.body.decode("utf-8"))
        except UnicodeDecodeError:
            raise NotSigned("the form is not UTF-8") from None


def _pairs(encoded: str) -> Pairs:
    try:
        return parse_qsl(encoded, keep_blank_values=True, max_num_fields=FORM_FIELDS)
    except ValueError:
        raise NotSigned(f"more than {FORM_FIELDS} fields") from None


def values_of(pairs: Pairs) -> dict[str, list[str]]:
    """All values of each name, in their order."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def public_urls(public_url: str | None, target: str, schemes: Iterable[str]) -> list[str]:
    """What a service may have taken for the address of a request, the likeliest first: with each of
    the schemes, without a port, with the one that is set, and with those that are usual.

    The host is that of the setting, never that of the request. Raises NotSigned without it.
    """
    if public_url is None:
        raise NotSigned("PARLEY_PUBLIC_URL is not set, and the signature is over the address")
    parts = urlsplit(public_url)
    host = _PORT.sub("", parts.netloc)
    places = dict.fromkeys((parts.netloc, host, f"{host}:443", f"{host}:80"))
    return [f"{scheme}://{place}{parts.path}{target}" for scheme in schemes for place in places]
