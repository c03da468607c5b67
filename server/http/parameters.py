"""A header's value with parameters, like `form-data; name="file"` (RFC 9110, 5.6.6).

Pure, linear in the text, and it raises nothing: what makes no sense is left out. The standard
library's email package reads the same, but it fails on some nonsense with an IndexError, takes
milliseconds for other, and ends an unquoted boundary at a slash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[ \t]*([^=;\"\s]+)[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"[ \t]*(?=;|\Z)', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
"""Browsers write a backslash of a file's name as it is, so only these two are taken back."""


def parameters_of(value: str) -> tuple[str, Mapping[str, str]]:
    """The value itself, and its parameters by name, both names in lower case. Of parameters with
    the same name the first one counts. An unquoted value may hold anything but a semicolon."""
    kind, _, rest = value.partition(";")
    found: dict[str, str] = {}
    at = 0
    while at < len(rest):
        name = _NAME.match(rest, at)
        quoted = _QUOTED.match(rest, name.end()) if name else None
        semicolon = rest.find(";", quoted.end() if quoted else at)
        end = semicolon if semicolon >= 0 else len(rest)
        if name is not None:
            plain = rest[name.end() : end].strip(" \t")
            told = _ESCAPED.sub(r"\1", quoted[1]) if quoted else plain
            if quoted or not plain.startswith('"'):
                found.setdefault(name[1].lower(), told)
        at = end + 1
    return kind.strip(" \t").lower(), found
