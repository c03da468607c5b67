"""What an event of a chat completion says, in all the shapes in which servers say it.

A field that is not what the API promises is looked at for text and otherwise left out; only what is
no completion at all raises ValueError. Plain.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from ..services.json_answer import parse_json
from .openai_calls import CallPiece, read_calls

THOUGHT_TYPES = {"thinking", "reasoning", "thought", "reasoning_content", "redacted_thinking"}

MAX_DEPTH = 4
"""Of parts within parts: a part, its text, and what some wrap around that."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class _Said(msgspec.Struct):
    """A delta, or the message of a whole answer."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    tool_calls: Any = None
    function_call: Any = None


class _Choice(msgspec.Struct):
    delta: _Said | None = None
    message: _Said | None = None
    text: Any = None
    finish_reason: Any = None
    index: Any = 0
    error: Any = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: Any = None
    object: Any = None
    message: Any = None
    detail: Any = None
    code: Any = None
    type: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What an event adds to a reply."""

    text: str = ""
    alive: bool = False
    """Whether the model wrote something that is no text for people: a thought, a call of a tool."""
    finish: str | None = None
    calls: tuple[CallPiece, ...] = ()
    error: Any = None
    """What the server says is wrong."""


def read_event(data: bytes) -> Piece:
    """Raises ValueError for what is no event of a completion."""
    chunk = _parsed(data)
    if chunk.error:
        return Piece(error=chunk.error)
    if chunk.choices is None and (chunk.message or chunk.detail):
        told = chunk.message or chunk.detail
        return Piece(error={"message": told, "code": chunk.code, "type": chunk.type})
    if not chunk.choices:
        return Piece()
    choice = next((one for one in chunk.choices if one.index == 0), chunk.choices[0])
    finish = choice.finish_reason if isinstance(choice.finish_reason, str) else None
    if choice.error or finish == "error":
        return Piece(error=choice.error or "finish_reason error")
    said = choice.delta or choice.message or _Said()
    text, thought = _text_of(said.content)
    if not text:
        text, _ = _text_of(choice.text)
    refusal, _ = _text_of(said.refusal)
    thoughts = (said.reasoning_content, said.reasoning, said.reasoning_details)
    return Piece(
        text=text + refusal,
        alive=thought or any(thoughts) or bool(said.tool_calls or said.function_call),
        finish=finish or None,
        calls=read_calls(said.tool_calls, said.function_call),
    )


def _parsed(data: bytes) -> _Chunk:
    try:
        return parse_json(data, _Chunk)
    except ValueError:
        if b"\\u" not in data and data.isascii():
            raise
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    try:  # this parser takes halves of characters, which the strict one refuses
        return msgspec.convert(json.loads(text), _Chunk)
    except RecursionError as error:
        raise ValueError(str(error)) from None


def _text_of(value: Any, depth: int = 0) -> tuple[str, bool]:
    """The text in a string, a part or a list of parts, and whether there is a thought in it."""
    if isinstance(value, str):
        return value, False
    if depth >= MAX_DEPTH:
        return "", False
    if isinstance(value, list):
        found = [_text_of(part, depth + 1) for part in value]
        return "".join(text for text, _ in found), any(thought for _, thought in found)
    if not isinstance(value, dict):
        return "", False
    kind = value.get("type")
    if (isinstance(kind, str) and kind in THOUGHT_TYPES) or value.get("thought") is True:
        return "", True
    inner = next(
        (value[key] for key in ("text", "refusal", "value", "content") if key in value), ""
    )
    return _text_of(inner, depth + 1)


class Halves:
    """Puts together the halves of characters (surrogates) that were sent in two tokens; a half that
    stays alone becomes a replacement character."""

    def __init__(self) -> None:
        self._half = ""

    def push(self, text: str) -> str:
        if not text:
            return ""
        text, self._half = self._half + text, ""
        if _SURROGATE.search(text) is None:
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return _SURROGATE.sub("\ufffd", joined)

    def finish(self) -> str:
        half, self._half = self._half, ""
        return "\ufffd" if half else ""
