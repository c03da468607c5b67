"""Web and mail addresses, paths and names with dots, as people say them."""

from __future__ import annotations

import re
from re import Match

from .mapped import Mapped
from .tables import Table

LONGEST_PATH = 40
"""A path that is longer is left out: nobody reads an address with a long tail aloud."""

_MAIL = re.compile(r"(?:mailto:)?(?<![\w.+-])([\w.+-]{1,64})@([\w-]{1,63}(?:\.[\w-]{1,63})+)")
_URL = re.compile(r"(?:https?://|ftp://)[^\s<>\"'“”»]+|(?<![\w@.])www\.[^\s<>\"'“”»]+")
_TAIL = ".,;:!?…)]}*_~"
_ENDINGS = (
    "com|org|net|io|dev|ai|app|edu|gov|info|biz|co|me|tv|uk|de|es|fr|it|nl|pt|pl|se|no|fi|dk|ch"
    "|at|be|eu|us|ca|au|jp|cn|in|br|ru"
)
_DOMAIN = re.compile(
    rf"(?<![\w@./-])((?:[A-Za-z0-9][A-Za-z0-9-]{{0,62}}\.)+(?:{_ENDINGS}))(/[\w./%~-]*)?(?![\w@-])"
)
_DOTTED_NAME = re.compile(
    r"(?<![\w.@/])([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+)(?![\w@])(?=\W*(?:\s|\Z))"
)
"""Node.js, main.py, os.path: with something longer than a letter in it."""
_PATH = re.compile(r"(?<![\w/.:])~?(?:/[\w.-]+){2,}/?")
_HANDLE = re.compile(r"(?<![\w@])@(?=[A-Za-z]\w)")
_HASHTAG = re.compile(r"(?<!\w)#(?=[A-Za-z]\w)")


def spoken_addresses(text: Mapped, table: Table) -> None:
    words = table.address
    if not words or not any(mark in text.text for mark in ".@#/"):
        return
    text.sub(_MAIL, lambda found: _mail(found, words))
    text.sub(_URL, lambda found: _url(found, words))
    text.sub(_DOMAIN, lambda found: _named(found[1] + (found[2] or ""), words))
    text.sub(_PATH, lambda found: _spelled_path(found[0], words))
    text.sub(_DOTTED_NAME, lambda found: _dotted(found, table))
    text.sub(_HANDLE, f"{words.get('at', '')} ")
    text.sub(_HASHTAG, "hashtag ")


def _mail(found: Match[str], words: dict[str, str]) -> str:
    return f"{_spelled(found[1], words)} {words.get('at', '@')} {_spelled(found[2], words)}"


def _url(found: Match[str], words: dict[str, str]) -> str:
    whole = found[0]
    address = whole.rstrip(_TAIL)
    if address.endswith("/"):
        address = address[:-1]
    rest = re.sub(r"\A[a-z]+://", "", address)
    return _named(rest, words) + whole[len(whole.rstrip(_TAIL)) :]


def _named(address: str, words: dict[str, str]) -> str:
    """A host, and its path where that is short."""
    address = re.split(r"[?#]", address, maxsplit=1)[0].removeprefix("www.").rstrip("/")
    host, slash, path = address.partition("/")
    host = host.replace(":", " ")
    if not slash or len(path) > LONGEST_PATH or "%" in path:
        return _spelled(host, words)
    parts = (_spelled(part, words) for part in path.split("/") if part)
    return f" {words.get('slash', '/')} ".join([_spelled(host, words), *parts])


def _spelled_path(path: str, words: dict[str, str]) -> str:
    slash = words.get("slash", "/")
    parts = [_spelled(part, words) for part in path.strip("~/").split("/")]
    return " ".join(f"{slash} {part}" for part in parts)


def _spelled(name: str, words: dict[str, str]) -> str:
    for mark, key in ((".", "dot"), ("-", "dash"), ("_", "underscore"), ("+", "plus"), ("~", "")):
        name = name.replace(mark, f" {words.get(key, key)} ")
    return " ".join(name.split())


def _dotted(found: Match[str], table: Table) -> str | None:
    parts = found[1].split(".")
    low = found[1].lower()
    if max(map(len, parts)) < 2 or low in table.may_end or low in table.never_end:
        return None  # "U.S", "p.m", "e.g"
    if len(parts) > 2 and max(map(len, parts)) < 3:
        return None  # "Ph.D.s"
    if len(parts) == 2 and parts[1][:1].isupper() and parts[0][-1:].islower() and len(parts[1]) > 3:
        return None  # a sentence without a space behind its stop
    return f" {table.address.get('dot', 'dot')} ".join(parts)
