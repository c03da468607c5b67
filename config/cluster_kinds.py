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


ARCHIVES = ("s3", "gs", "az", "file")


def check_archive_url(value: str | None) -> str | None:
    """A bucket or a folder, and nothing secret."""
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ARCHIVES:
        known = ", ".join(f"{scheme}://" for scheme in ARCHIVES)
        raise ValueError(f"it begins with none of {known}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("keys belong into the environment (AWS_ACCESS_KEY_ID, …), not into it")
    if parts.scheme == "file" and (parts.netloc or not parts.path.strip("/")):
        raise ValueError("it names no folder: file:///folder")
    if parts.scheme != "file" and not parts.netloc:
        raise ValueError(f"it names no bucket: {parts.scheme}://bucket/folder")
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
ArchiveUrl: TypeAlias = Annotated[
    str | None,
    AfterValidator(check_archive_url),
    Rule("s3://bucket/folder, gs://, az:// or file:///folder, with its keys in the environment"),
    may_be_credentials,
]
NodeName: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_node),
    Rule("up to 63 letters, digits, dots, underscores and hyphens"),
]
