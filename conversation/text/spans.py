"""Links, addresses, code and tags in a line of text: what is cut nowhere inside."""

from __future__ import annotations

import re
from typing import NamedTuple

LINK_TEXT_CHARS = 200
LINK_CHARS = 600
CODE_CHARS = 200
TAG_CHARS = 200
URL_CHARS = 2000
"""How far one looks for the end of a link, of code in a line, of a tag, of an address. What is
longer is text like any other, so that an opening mark that is never closed costs nothing."""

OPENERS = "[`<hw"
"""The first characters of what `span_at` looks at: a link, code, a tag, "https://" and "www."."""

_TAG = re.compile(rf"</?[A-Za-z][^<>\n]{{0,{TAG_CHARS}}}>|<!--.{{0,{TAG_CHARS}}}?-->")
_URL_TAIL = ".,;:!?…)]}\"'»”’*_~>"


class Span(NamedTuple):
    """Where to look on. `whole`: up to there it is one thing; else it was none."""

    end: int
    whole: bool


def span_at(text: str, at: int, *, final: bool) -> Span | None:
    """What begins at `text[at]`, which is one of OPENERS; None: it takes more text to say. `final`:
    no more will come."""
    match text[at]:
        case "[":
            return _link(text, at, final=final)
        case "`":
            close = text.find("`", at + 1, at + CODE_CHARS)
            return _closed(text, at, close, CODE_CHARS, final=final)
        case "<":
            return _tag(text, at, final=final)
    return _address(text, at, final=final)


def _address(text: str, at: int, *, final: bool) -> Span | None:
    end = at
    while end < len(text) and end - at < URL_CHARS and not text[end].isspace():
        end += 1
    if end == len(text) and end - at < URL_CHARS and not final:
        return None
    return Span(at + max(1, len(text[at:end].rstrip(_URL_TAIL))), whole=True)


def _link(text: str, at: int, *, final: bool) -> Span | None:
    close = _closing_bracket(text, at)
    if close is None:
        line_ends = text.find("\n", at, at + LINK_TEXT_CHARS) >= 0
        told = final or line_ends or len(text) - at >= LINK_TEXT_CHARS
        return Span(at + 1, whole=False) if told else None
    if close + 1 == len(text):
        return Span(at + 1, whole=False) if final else None
    if text[close + 1] != "(":
        return Span(at + 1, whole=False)
    return _closed(text, at, text.find(")", close, at + LINK_CHARS), LINK_CHARS, final=final)


def _closed(text: str, at: int, close: int, limit: int, *, final: bool) -> Span | None:
    """What closes at `close`, if that is on the same line."""
    line = text.find("\n", at, at + limit)
    if close >= 0 and (line < 0 or close < line):
        return Span(close + 1, whole=True)
    told = final or line >= 0 or len(text) - at >= limit
    return Span(at + 1, whole=False) if told else None


def _tag(text: str, at: int, *, final: bool) -> Span | None:
    if at + 1 == len(text) and not final:
        return None
    if found := _TAG.match(text, at):
        return Span(found.end(), whole=True)
    may_be = text[at + 1 : at + 2].isalpha() or text[at + 1 : at + 2] in ("/", "!")
    closed = re.search(r"[<>\n]", text[at + 1 : at + TAG_CHARS]) is not None
    told = final or closed or not may_be or len(text) - at > TAG_CHARS
    return Span(at + 1, whole=False) if told else None


def _closing_bracket(text: str, at: int) -> int | None:
    """The bracket that closes the one at `at`, on its line; None where there is none near."""
    depth = 0
    for position in range(at, min(len(text), at + LINK_TEXT_CHARS)):
        character = text[position]
        if character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
            if not depth:
                return position
        elif character == "\n":
            return None
    return None
