"""Elements of HTML and SVG as Python calls; every text is escaped unless it is markup already.

    el("p", "a < b", class_="note")     ->  <p class="note">a &lt; b</p>

What comes out is well-formed XML, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias

_UNPRINTABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML cannot hold; JSON can."""

VOID = frozenset({"meta", "br", "line", "rect", "circle", "path", "polyline"})
"""Elements that are written without an end tag."""


class Markup(str):
    """Text that is markup, made by `el`, `join` or `raw`."""

    __slots__ = ()


Child: TypeAlias = str | Iterable[str | None] | None
"""A text, markup, several of them, or nothing."""


def el(tag: str, *children: Child, **attributes: str | float | None) -> Markup:
    """An element. A trailing `_` of an attribute's name is dropped, others become `-`; None
    leaves the attribute out; numbers are written with at most two decimals."""
    head = tag + "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID and not children:
        return Markup(f"<{head}/>")
    return Markup(f"<{head}>{join(*children)}</{tag}>")


def join(*children: Child) -> Markup:
    """One after the other."""
    return Markup("".join(_content(child) for child in children))


def raw(text: str) -> Markup:
    """Markup of this package's own, such as a style sheet. Never what came from a file."""
    return Markup(text)


def _content(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(_printable(child))
    return join(*child)


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return escape(_printable(value))
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
