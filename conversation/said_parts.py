"""A reply with calls of tools in it is one text to the voice, and several messages to a model."""

from __future__ import annotations

from collections.abc import Sequence


def split_like(text: str, before: Sequence[str]) -> list[str]:
    """Cut `text` behind as much of it as each of `before` holds; what is left is the last part.

    White space does not count: what was heard has been put together from phrases. A text that ends
    early leaves the last parts empty.
    """
    parts: list[str] = []
    at = 0
    for part in before:
        wanted = sum(not character.isspace() for character in part)
        end = at
        while end < len(text) and wanted:
            wanted -= not text[end].isspace()
            end += 1
        parts.append(text[at:end].strip())
        at = end
    return [*parts, text[at:].strip()]
