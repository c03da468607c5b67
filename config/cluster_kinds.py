"""The kinds of values that the settings of several servers have. See kinds.py.

Validators raise ValueError; pydantic collects them.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator

from .kinds import Rule, may_be_credentials


def _check_store_url(value: str | None) -> str | None:
    """A server's address, with user, password and the number of a database where it has them."""
    if value is None:
        return None
    parts = urlsplit(value)
    has_space = any(character.isspace() for character in value)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or has_space:
        raise ValueError("not a redis or rediss URL")
    if "?" in value or "#" in value or not re.fullmatch(r"/?|/[0-9]{1,5}", parts.path):
        raise ValueError("behind the address stands the number of a database, or nothing")
    _ = parts.port  # raises ValueError for a port that is none
    return value


def _check_node(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value):
        raise ValueError("not a name")
    return value


StoreUrl: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_store_url),
    Rule("redis://user:password@host:port/database, or rediss:// for TLS"),
    may_be_credentials,
]
NodeName: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_node),
    Rule("up to 63 letters, digits, dots, underscores and hyphens"),
]
