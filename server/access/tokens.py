"""Tokens: what they look like, how they are kept, and how one is recognised. No I/O.

A token is `parley_<name>_<secret>`, with 256 random bits in the secret. A file keeps the name and
the SHA-256 of the whole token, which tells nobody the token; a slow hash is for passwords, which
can be guessed. The name says which hash to compare with, in constant time.

    [[token]]
    name = "kiosk"
    sha256 = "9f86d081..."
    expires = 2027-01-01T00:00:00Z          # absent: never
    doors = ["ws", "realtime"]              # absent: all but admin
    claims = { tenant = "acme" }            # given to agents
    limits = { sessions = 5, audio_s_per_hour = 3600 }
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from typing import Any

from ...config import Limits
from .doors import FOR_TOKENS, Door

PREFIX = "parley_"
SECRET_BYTES = 32
TOKEN = re.compile(rf"{PREFIX}([a-z0-9-]{{1,40}})_[A-Za-z0-9_-]{{43}}")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""No underscore: it ends the name in a token."""
DIGEST = re.compile(r"[0-9a-f]{64}")
OWN_NAME = "the-token"
"""How the one of PARLEY_TOKEN is called."""
USUAL_DOORS = frozenset(FOR_TOKENS) - {Door.ADMIN}

_KEYS = {"name", "sha256", "expires", "doors", "claims", "limits"}
_LIMITS = {one.name: one for one in fields(Limits)}


class BadTokens(Exception):
    """A file of tokens cannot be used. One line that says where and why; no secret is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token. `expires_s` is a moment in Unix seconds, None: never."""

    name: str
    digest: bytes = field(repr=False)
    expires_s: float | None = None
    doors: frozenset[Door] = USUAL_DOORS
    claims: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def is_over(self, now_s: float) -> bool:
        return self.expires_s is not None and now_s >= self.expires_s


class TokenRing:
    """All tokens that are known."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._by_name = {token.name: token for token in tokens}

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, token: Token) -> bool:
        return self._by_name.get(token.name) == token

    def __iter__(self) -> Iterator[Token]:
        return iter(self._by_name.values())

    def named(self, name: str) -> Token | None:
        return self._by_name.get(name)

    def found(self, presented: str) -> Token | None:
        """The token that somebody presents, be it over or not. The time that this takes depends on
        the name in it, which is no secret, and on nothing else."""
        shape = TOKEN.fullmatch(presented)
        token = self._by_name.get(shape[1] if shape else OWN_NAME)
        digest = token.digest if token is not None else _NOBODY
        same = hmac.compare_digest(digest, digest_of(presented))
        return token if same else None


def new_token(name: str) -> str:
    """A token that nobody can guess. Raises ValueError for a name that cannot be one."""
    if not NAME.fullmatch(name) or name == OWN_NAME:
        raise ValueError(
            f"{name!r} cannot be a token's name: small letters, digits and hyphens, 40 at most"
        )
    return f"{PREFIX}{name}_{secrets.token_urlsafe(SECRET_BYTES)}"


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def own_token(secret: str) -> Token:
    """The one of PARLEY_TOKEN: for every door but admin, without limits of its own."""
    return Token(name=OWN_NAME, digest=digest_of(secret))


def read_tokens(text: str, where: str) -> list[Token]:
    """The tokens of a file's text. `where` names the file. Raises BadTokens."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadTokens(f"{where}: not valid TOML: {_without_values(str(error))}") from None
    listed = content.pop("token", [])
    if content:
        raise BadTokens(f"{where}: {min(content)!r} is not known; there are [[token]] tables only")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise BadTokens(f"{where}: tokens are written as [[token]] tables")
    tokens = [_token(one, f"{where}, token {number}") for number, one in enumerate(listed, 1)]
    names = [token.name for token in tokens]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadTokens(f"{where}: two tokens are called {twice!r}")
    return tokens


def _token(table: Mapping[str, Any], where: str) -> Token:
    if unknown := sorted(set(table) - _KEYS):
        raise BadTokens(f"{where}: {unknown[0]!r} is not known; known: {', '.join(sorted(_KEYS))}")
    name, digest = table.get("name"), table.get("sha256")
    if not isinstance(name, str) or not NAME.fullmatch(name) or name == OWN_NAME:
        raise BadTokens(f"{where}: its name must be small letters, digits and hyphens, 40 at most")
    where = f"{where} ({name})"
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest.lower()):
        raise BadTokens(
            f"{where}: sha256 must be the 64 hexadecimal digits that `parley tokens "
            "new` wrote, not the token itself"
        )
    claims = table.get("claims", {})
    if not isinstance(claims, dict):
        raise BadTokens(f"{where}: claims must be a table")
    return Token(
        name=name,
        digest=bytes.fromhex(digest),
        expires_s=_moment(table.get("expires"), where),
        doors=_doors(table.get("doors"), where),
        claims=claims,
        limits=_limits(table.get("limits", {}), where),
    )


def _moment(value: object, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    raise BadTokens(f"{where}: expires must be a date or a moment: 2027-01-01T00:00:00Z")


def _doors(value: object, where: str) -> frozenset[Door]:
    if value is None:
        return USUAL_DOORS
    known = {door.value: door for door in FOR_TOKENS}
    names = value if isinstance(value, list) else []
    if not names or any(name not in known for name in names if isinstance(name, str)):
        raise BadTokens(f"{where}: doors must be a list of {', '.join(known)}")
    if not all(isinstance(name, str) for name in names):
        raise BadTokens(f"{where}: doors must be a list of {', '.join(known)}")
    return frozenset(known[name] for name in names)


def _limits(value: object, where: str) -> Limits:
    if not isinstance(value, dict):
        raise BadTokens(f"{where}: limits must be a table")
    for name, number in value.items():
        if name not in _LIMITS:
            raise BadTokens(f"{where}: there is no limit {name!r}; there are {', '.join(_LIMITS)}")
        if isinstance(number, bool) or not isinstance(number, int | float) or not number >= 0:
            raise BadTokens(f"{where}: {name} must be a number from 0 on; 0 is no limit")
    return Limits(**value)


def _without_values(message: str) -> str:
    """A TOML error's place; its words may quote what stands there."""
    place = re.search(r"\(at .*\)", message)
    return place.group() if place else "it cannot be read"


_NOBODY = secrets.token_bytes(32)
"""Compared with where there is no such name, so that this takes as long."""
