"""Where an engine finds its servers: one URL, or several with commas between, and their keys."""

from __future__ import annotations

from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from .kinds import Hint, Rule, check_url, may_be_credentials, parted, without_credentials

MAX_PLACES = 32
"""Servers that one engine asks. Each is a client with connections of its own."""


def urls_of(listed: str | None) -> tuple[str, ...]:
    """Each URL of a list. Raises ValueError, which says what is wrong and shows no credentials."""
    urls = parted(listed) if listed else []
    for url in urls:
        if not _is_one(url):
            raise ValueError(f"{without_credentials(url)!r} is none")
    same = [_same(url) for url in urls]
    twice = next((url for url, one in zip(urls, same, strict=True) if same.count(one) > 1), None)
    if twice is not None:
        raise ValueError(f"{without_credentials(twice)!r} stands there twice")
    if len(urls) > MAX_PLACES:
        raise ValueError(f"{len(urls)} are more than {MAX_PLACES}")
    return tuple(urls)


def keys_of(key: SecretStr | None, places: int) -> tuple[str | None, ...]:
    """The key of each place: the one that there is, or its own where there are several. Raises
    ValueError where they are neither one nor as many as the places."""
    plain = None if key is None else key.get_secret_value()
    keys = [plain] if plain is None or places < 2 else plain.split(",")
    if len(keys) == 1:
        return tuple(keys * places)
    if len(keys) != places or not all(keys):
        raise ValueError(f"{len(keys)} keys for {places} URLs: one for all, or one for each")
    return tuple(keys)


def _is_one(url: str) -> bool:
    """A comma in its host or path is taken for a second URL whose scheme was forgotten."""
    try:
        check_url(url)
    except ValueError:
        return False
    parts = urlsplit(url)
    return "," not in f"{parts.hostname}{parts.path}"


def _same(url: str) -> tuple[str, str | None, int, str]:
    """What two ways to write one URL have in common."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/")


def _check(listed: str | None) -> str | None:
    urls_of(listed)
    return listed


def _why(value: object) -> str:
    """Nothing about a single one: the rule says it."""
    if len(parted(str(value))) < 2:
        return ""
    try:
        urls_of(str(value))
    except ValueError as error:
        return str(error)
    return ""


BaseUrls: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check),
    Rule("an http or https URL, or several with commas between them, none twice"),
    Hint(_why),
    may_be_credentials,
]
