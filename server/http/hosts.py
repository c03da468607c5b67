"""Names and addresses of hosts, as far as they are to be told apart. No I/O."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit


def host_name(authority: str) -> str:
    """The name in `name:port`, in lower case, without brackets and without a dot at its end; ""
    where there is none."""
    with suppress(ValueError):
        return (urlsplit(f"//{authority}").hostname or "").removesuffix(".")
    return ""
