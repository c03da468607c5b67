"""The kinds of values that the settings of the telephone have. See kinds.py.

Validators raise ValueError; pydantic collects them.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from ..protocol.telephone.names import OVER_WEBSOCKETS
from .kinds import Rule

TELEPHONE_SERVICES = OVER_WEBSOCKETS

E164 = re.compile(r"\+[1-9][0-9]{1,14}")
"""A telephone number with its country's code (ITU-T E.164)."""


def _check_public_url(value: str | None) -> str | None:
    """The base URL by which services reach this server, without a slash at its end."""
    if value is None:
        return None
    parts = urlsplit(value)
    plain = value.isascii() and value.isprintable() and " " not in value
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise ValueError("not an http or https URL")
    if parts.username is not None or parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValueError("a base URL has no user, query or fragment")
    _ = parts.port  # raises ValueError for a port that is none
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _check_path_token(value: SecretStr | None) -> SecretStr | None:
    """A token that stands in a path as it is, and that nobody guesses."""
    if value is not None and not re.fullmatch(r"[A-Za-z0-9_-]{16,200}", value.get_secret_value()):
        raise ValueError("not a token for a path")
    return value


def _check_user(value: str) -> str:
    """A name as HTTP's Basic authentication carries it (RFC 7617)."""
    if not re.fullmatch(r"[!-9;-~]{1,200}", value):
        raise ValueError("not a user's name")
    return value


def _check_number(value: str | None) -> str | None:
    if value is not None and not E164.fullmatch(value):
        raise ValueError("not a telephone number with its country's code")
    return value


MAY_BE_OPEN = (*TELEPHONE_SERVICES, "audiosocket")
"""Services that may be let in unknown. AudioSocket always is; it is named where others reach it."""


def services_of(listed: str | None) -> tuple[str, ...]:
    """The services in a list with commas. Raises ValueError for one that there is not."""
    named = tuple(name.lower() for name in map(str.strip, (listed or "").split(",")) if name)
    for name in named:
        if name not in MAY_BE_OPEN:
            raise ValueError(f"{name!r} is no service")
    return named


def _check_services(listed: str | None) -> str | None:
    services_of(listed)
    return listed


PublicUrl: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_public_url),
    Rule("an https URL (http for tests) without query: https://voice.example.org"),
]
PhoneNumber: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_number),
    Rule("a number with its country's code: +4930123456"),
]
PathToken: TypeAlias = Annotated[
    SecretStr | None,
    AfterValidator(_check_path_token),
    Rule("at least 16 letters, digits, - and _"),
]
User: TypeAlias = Annotated[
    str, AfterValidator(_check_user), Rule("printable ASCII without spaces and colons")
]
Services: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_services),
    Rule(f"services with commas between them: {', '.join(MAY_BE_OPEN)}"),
]
