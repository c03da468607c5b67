"""What a model is told of the tools of MCP servers: names that it can take, and results in words.

Pure. Types of the mcp package are looked at and not imported, so that this needs no package.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic_core import to_json

from .tool import NAME_CHARS

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTool:
    """A tool as its server names it."""

    name: str
    description: str
    parameters: Mapping[str, Any]


class Result(Protocol):
    """What of a result is read."""

    @property
    def content(self) -> Sequence[Any]: ...

    @property
    def structured_content(self) -> Any: ...


def safe_name(name: str) -> str:
    """The name in letters, digits, underscores and hyphens, which services take."""
    return _UNSAFE.sub("_", name)[:NAME_CHARS] or "tool"


def offered_names(
    lent: Sequence[tuple[str, Sequence[str]]], taken: Collection[str]
) -> list[list[str]]:
    """The names under which tools are offered: for each server (its name and its tools' names) one
    for each tool, none of them `taken`.

    A name that two servers lend, or that is taken, has its server's name before it.
    """
    count = Counter(plain for _, names in lent for plain in {safe_name(name) for name in names})
    given = set(taken)
    offered = []
    for server, names in lent:
        mine = []
        for name in names:
            plain = safe_name(name)
            wanted = safe_name(f"{server}_{plain}") if count[plain] > 1 or plain in taken else plain
            mine.append(_free(wanted, given))
            given.add(mine[-1])
        offered.append(mine)
    return offered


def _free(name: str, given: Collection[str]) -> str:
    """The name, with a number behind it where it is given already."""
    number, free = 2, name
    while free in given:
        behind = f"_{number}"
        free, number = name[: NAME_CHARS - len(behind)] + behind, number + 1
    return free


def result_text(result: Result) -> str:
    """What a model is told: the texts, and in words what is none. Structured content, which a
    server repeats as text, where there is no text."""
    parts = [words for item in result.content if (words := _item(item))]
    if not any(item.type == "text" for item in result.content) and (
        result.structured_content is not None
    ):
        parts.append(to_json(result.structured_content).decode())
    return "\n".join(parts)


def _item(item: Any) -> str:
    match item.type:
        case "text":
            return str(item.text)
        case "image" | "audio":
            return f"[{item.type}, {item.mime_type}: it cannot be shown here]"
        case "resource":
            text = getattr(item.resource, "text", None)
            return f"[a file: {item.resource.uri}]" if text is None else str(text)
        case "resource_link":
            return f"[a link to {item.name}: {item.uri}]"
        case other:
            return f"[{other}]"
