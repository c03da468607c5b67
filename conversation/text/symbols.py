"""Abbreviations and symbols as words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from re import Match, Pattern

from .mapped import Mapped
from .tables import Table

_SNAKE = re.compile(r"(?<=[A-Za-z0-9])_+(?=[A-Za-z0-9])|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)")
_SLASH_WORDS = re.compile(r"\b([^\W\d_]{2,})\s?/\s?(?=([^\W\d_]{2,}))")
_SLASH = re.compile(r"(?<=[A-Z])/(?=[A-Z])|(?<=\b24)/(?=7\b)")
_SHARP = re.compile(r"(?<=\b[A-G])#(?!\w)")
_TIMES = re.compile(r"(?<=\d)(?<!\b0)\s?(?:\*|×|(?<=\s)x(?=\s)|x(?=\d))\s?(?=\d)")
_SPACED = re.compile(
    r"(?:(?<=\s)|\A|(?<=[\w)]))([+=<>≤≥≠≈±×÷√∞π&%§©®™²³½¼¾µ])(?:(?=\s)|\Z|(?=[\w(.,;:!?]))"
)
_EQUALS = re.compile(r"(?<=\s)={2,3}(?=\s)")
_ABOUT = re.compile(r"(?<!\w)~(?=\d)")
_NUMBER_SIGN = re.compile(r"(?<!\w)#(?=\d)")
_MINUS = re.compile(r"(?<=[\d)] )-(?= [\d(])|−")
_DIVIDED = re.compile(r"(?<=\d)\s/\s(?=\d)")
_DASH = re.compile(r"\s*[—―]+\s*|(?<=\s)(?:–|-{1,3})(?=\s)|(?<=\w)--(?=\w)")
_LEFT = re.compile(r"[*#^_|\\~<>]+")
_ALONE = re.compile(r"(?<!\S)[/+=•·]+(?!\S)")


def spoken_abbreviations(text: Mapped, table: Table) -> None:
    if table.abbreviations_before_number:
        text.sub(
            _words(tuple(table.abbreviations_before_number), r"(?=\s?\d)"),
            lambda found: _expanded(found, table.abbreviations_before_number, table),
        )
    if table.abbreviations_before_name:
        text.sub(
            _words(tuple(table.abbreviations_before_name), r"(?=\s[A-Z])"),
            lambda found: table.abbreviations_before_name[found[0]],
        )
    if table.abbreviations:
        text.sub(
            _words(tuple(table.abbreviations), r"(?!\w)"),
            lambda found: _expanded(found, table.abbreviations, table),
        )


@cache
def _words(known: tuple[str, ...], behind: str) -> Pattern[str]:
    each = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    return re.compile(rf"(?<![\w.@])(?:{each}){behind}")


def _expanded(found: Match[str], words: Mapping[str, str], table: Table) -> str | None:
    short = found[0]
    dotted = f"{short}." in words and found.string[found.end() : found.end() + 1] == "."
    if dotted and not short.endswith("."):
        return None
    told = words[short]
    # A full stop that ends the sentence as well is said as one.
    ends = short.endswith(".") and not found.string[found.end() :].strip("\"'”’»)]}*_ ")
    return f"{told}." if ends else told


def spoken_symbols(text: Mapped, table: Table) -> None:
    words = table.symbols
    text.sub(_SNAKE, " ")
    if words:
        text.sub(_TIMES, f" {words.get('×', 'x')} ")
        text.sub(_EQUALS, "=")
        text.sub(_ABOUT, f"{words.get('~', '')} ")
        text.sub(_NUMBER_SIGN, f"{words.get('#', '')} ")
        text.sub(_MINUS, words.get("-", "-"))
        text.sub(_DIVIDED, f" {words.get('÷', '/')} ")
        text.sub(_SHARP, f" {words.get('♯', '')}")
        text.sub(_SLASH, " ")
        text.sub(_SLASH_WORDS, lambda found: _alternative(found, words.get("/", "/")))
        text.sub(_SPACED, lambda found: _symbol(found, words))
    text.sub(_DASH, ", ")
    text.sub(_LEFT, " ")
    text.sub(_ALONE, "")


def _alternative(found: Match[str], either: str) -> str:
    """ "he/she" is "he or she"; "and/or" and "client/Server" need no word between."""
    words = (found[1], found[2])
    plain = all(map(str.islower, words)) and either not in words
    return f"{found[1]} {either} " if plain else f"{found[1]} "


def _symbol(found: Match[str], words: Mapping[str, str]) -> str | None:
    sign = found[1]
    if sign == "%" or sign not in words:
        return None  # every voice reads per cent
    before = found.string[: found.start()][-1:]
    behind = found.string[found.end() :][:1]
    if sign == "+" and before.isalpha() and not (behind.isspace() or behind.isalnum()):
        return None  # "C++", "A+"
    if sign in "½¼¾" and before.isdigit():
        return f" {words.get('&', '')} {words[sign]}"
    left = "" if not before or before.isspace() else " "
    right = "" if not behind or behind.isspace() or behind in ".,;:!?" else " "
    return f"{left}{words[sign]}{right}"
