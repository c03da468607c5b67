"""Calls of tools that a model writes into its text, because its server does not read them out.

The same tables say what is hidden from people (conversation/hidden_markup.py): only what is hidden
there as the call of a tool can be a call here. A call within a thought is a thought. Plain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from typing import Any

from ...conversation.hidden_markup import TAG, Kind, hides, hides_after
from .openai_calls import CallPiece, read_calls

MAX_TEXT_CHARS = 1_000_000
"""Of a reply, as far as it is searched: hours of speech."""

_WRAPPERS = re.compile(
    r"<(?:tool_calls?|function_calls?|tool_use)\b"  # Hermes, Qwen
    r"|\[tool_calls\]"  # Mistral
    r"|<\|(?:python_tag|tool_call)\|>",  # Llama, Granite
    re.IGNORECASE,
)
"""Tags around JSON that names the tool."""

_NAMED = re.compile(r"<function[\s=]+[\"']?([^\s<>\"'/]+)", re.IGNORECASE)
"""A tag that names the tool itself, around its arguments."""

_JSON_BEGINS = re.compile(r"[{\[]")
_DECODER = json.JSONDecoder()


class WrittenCalls:
    """Watches the text of one reply for calls of the tools with these names."""

    def __init__(self, names: Set[str]) -> None:
        self._names = names
        self._text: list[str] = []
        self._left = MAX_TEXT_CHARS

    def push(self, text: str) -> None:
        if text and self._left > 0:
            self._text.append(text[: self._left])
            self._left -= len(text)

    def finish(self) -> list[CallPiece]:
        """The calls in the whole text, in their order."""
        markup = _tool_markup("".join(self._text))
        found = (call for tag, inside in markup for call in _calls(tag, inside))
        return [call for call in found if call.name in self._names]


def _tool_markup(text: str) -> Iterator[tuple[str, str]]:
    """The tags that hide calls of tools, and what each hides."""
    at = 0
    while tag := TAG.search(text, at):
        at = tag.end()
        inside = hides(tag)
        while inside is not None:
            end = inside.until.search(text, at)
            hidden = text[at:] if end is None else text[at : end.start()]
            if inside.kind is Kind.TOOL:
                yield tag[0], hidden
            if end is None:
                return
            at = end.end()
            inside = hides_after(inside, hidden if inside.header else "", end[0])


def _calls(tag: str, inside: str) -> Iterator[CallPiece]:
    if named := _NAMED.match(tag):
        yield from _named_call(named[1], inside)
    elif _WRAPPERS.match(tag):
        inner = _NAMED.match(inside.lstrip())
        if inner is not None:
            yield from _named_call(inner[1], inside.partition(">")[2])
            return
        for value in _values(inside):
            yield from read_calls(value)


def _named_call(name: str, inside: str) -> tuple[CallPiece, ...]:
    """Arguments that are no JSON stay as they are."""
    told = inside.partition("</function")[0].strip()
    return read_calls({"name": name, "arguments": next(_values(told), told)})


def _values(text: str) -> Iterator[Any]:
    """The JSON objects and lists in a text, one after the other, up to the first broken one."""
    at = 0
    while begins := _JSON_BEGINS.search(text, at):
        try:
            value, at = _DECODER.raw_decode(text, begins.start())
        except (ValueError, RecursionError):
            return
        yield value
