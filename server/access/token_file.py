"""A file of tokens, changed by a line or two and otherwise left as people wrote it. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

HEADING = re.compile(r"^\s*\[\[\s*token\s*\]\]", re.MULTILINE)
_NAMED = re.compile(r"""^\s*name\s*=\s*["']([^"']*)["']""", re.MULTILINE)
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def appended(
    text: str,
    *,
    name: str,
    digest: bytes,
    expires: datetime | None,
    doors: Sequence[str],
    claims: Mapping[str, object],
    limits: Mapping[str, float],
) -> str:
    """The file's text with one more token at its end. Raises ValueError for a claim that no file
    can hold."""
    lines = ["[[token]]", f'name = "{name}"', f'sha256 = "{digest.hex()}"']
    if expires is not None:
        lines.append(f"expires = {expires.strftime('%Y-%m-%dT%H:%M:%SZ')}")
    if doors:
        lines.append(f"doors = [{', '.join(json.dumps(door) for door in doors)}]")
    if claims:
        lines.append(f"claims = {_table(claims)}")
    if limits:
        lines.append(f"limits = {_table(limits)}")
    before = text.rstrip("\n")
    return "\n".join([*([before, ""] if before else []), *lines, ""])


def without(text: str, name: str) -> str:
    """The text without the table of that name."""
    starts = [match.start() for match in HEADING.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        found = _NAMED.search(text, start, end)
        if found is not None and found[1] == name:
            return (text[:start].rstrip("\n") + "\n\n" + text[end:].lstrip("\n")).strip("\n") + "\n"
    return text


def _table(values: Mapping[str, object]) -> str:
    pairs = (f"{_key(name)} = {_value(value)}" for name, value in values.items())
    return f"{{ {', '.join(pairs)} }}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _value(value: object) -> str:
    """Words, numbers, and true or false are written in TOML as in JSON."""
    if isinstance(value, str | bool | int | float):
        return json.dumps(value)
    raise ValueError(f"{value!r} cannot be a claim: words, numbers, true and false can")
