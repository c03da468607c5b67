"""The pages of the documentation, taken apart: code blocks, commands, code spans, links, headings.

Nothing is judged here; tests/test_documents.py does that.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

GUIDES = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")))
"""What people read to use Parley and to work on it."""
RECORDS = ("HANDOFF.md", "CHANGELOG.md")
"""What was done. Their commands are of their time; only their links are looked at."""

_FENCE = re.compile(r"^( *)```(\S*)$")
_ASSIGNMENT = re.compile(r"^[A-Z][A-Z0-9_]*=")
_SHELLS = frozenset({"console", "sh", "bash", "", "indented"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A code block. `language` is what its fence says, "" without a word, `indented` without a
    fence."""

    page: str
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A line that a reader is meant to type."""

    where: str
    assigned: tuple[str, ...]
    """`NAME=value`, before the program."""
    words: tuple[str, ...]
    """The program and its arguments; empty where something is only assigned."""

    @property
    def program(self) -> str:
        return Path(self.words[0]).name if self.words else ""


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def blocks_of(page: str) -> tuple[Block, ...]:
    return tuple(_blocks(page))


def _blocks(page: str) -> Iterator[Block]:
    lines: list[str] = []
    began, language, inside = 0, "", ""
    for number, line in enumerate((*text_of(page).splitlines(), ""), start=1):
        fence = _FENCE.match(line)
        if inside == "fence":
            if fence:
                yield Block(page=page, line=began, language=language, text="\n".join(lines))
                inside, lines = "", []
            else:
                lines.append(line)
        elif fence:
            began, language, inside, lines = number + 1, fence[2], "fence", []
        elif line.startswith("    ") and (inside == "indent" or not lines):
            began = began if inside else number
            inside = "indent"
            lines.append(line[4:])
        elif inside == "indent" and line.strip():
            yield Block(page=page, line=began, language="indented", text="\n".join(lines))
            inside, lines = "", []
    if inside == "indent":
        yield Block(page=page, line=began, language="indented", text="\n".join(lines))


def commands_of(block: Block) -> list[Command]:
    """What a block has the reader type. In `console` that is what stands behind `$ `."""
    if block.language not in _SHELLS:
        return []
    found = []
    lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
    for offset, line in enumerate(lines):
        if block.language == "console" and not line.startswith("$ "):
            continue
        words = _words(line.removeprefix("$ "))
        names = [word for word in words if _ASSIGNMENT.match(word)]
        assigned = tuple(names[: _leading(words)])
        rest = tuple(words[len(assigned) :])
        found.append(
            Command(where=f"{block.page}:{block.line + offset}", assigned=assigned, words=rest)
        )
    return found


def _leading(words: list[str]) -> int:
    """How many assignments stand at the beginning."""
    return next((n for n, word in enumerate(words) if not _ASSIGNMENT.match(word)), len(words))


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # prose or a table in an indented block
        return []


def code_spans_of(page: str) -> list[str]:
    """What stands between backticks in the text, without the blocks."""
    return re.findall(r"`([^`\n]+)`", _without_fences(page))


def _without_fences(page: str) -> str:
    return re.sub(r"^( *)```.*?^ *```$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)


def prose_of(page: str) -> str:
    """The text without blocks and code spans."""
    return re.sub(r"`[^`\n]+`", "`…`", re.sub(r"^    .*$", "", _without_fences(page), flags=re.M))


def links_of(page: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", _without_fences(page))


@cache
def anchors_of(page: str) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    anchors = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", _without_fences(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        anchors.add(f"{slug}-{count}" if count else slug)
    return frozenset(anchors)
