"""The calls of tools in a reply, put together from the pieces in which servers send them. Plain.

Servers differ: a call comes whole or in pieces; with an index, or without one, or with the same
index for all; its id and name come once, or in every piece, or the id never. `Calls` has one rule
for all of them. What the arguments hold is somebody else's to judge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...protocol.chat import ToolCall
from ..failures import EngineFailure
from ..services.json_answer import parse_json

MAX_CALLS = 64
"""In one reply. A person waits for all their results; a model that calls more is in a loop."""

MAX_CALL_CHARS = 1_000_000
"""Of all names, ids and arguments in one reply: far above any call that makes sense, and little
memory."""

MADE_ID_CHARS = 9
"""Letters and digits of an id that is made here: Mistral's templates take no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPiece:
    """What an event says of one call. What it does not say is empty."""

    index: int | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""


def read_calls(tool_calls: Any, function_call: Any = None) -> tuple[CallPiece, ...]:
    """The pieces in a delta or a message. `function_call` is the old form, with one call at most;
    it counts where there is none in the new form. What is no call at all is left out."""
    items = tool_calls if isinstance(tool_calls, list) else [tool_calls]
    pieces = tuple(_piece(item) for item in items if isinstance(item, dict))
    if not pieces and isinstance(function_call, dict):
        return (_piece({"index": 0, "function": function_call}),)
    return pieces


def _piece(item: dict[Any, Any]) -> CallPiece:
    inner = item.get("function")
    function = inner if isinstance(inner, dict) else item
    index = item.get("index")
    arguments = function.get("arguments", function.get("parameters"))
    return CallPiece(
        index=index if type(index) is int else None,
        id=_text(item.get("id")),
        name=_text(function.get("name")),
        arguments=arguments if isinstance(arguments, str) else _as_json(arguments),
    )


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _as_json(value: Any) -> str:
    if value is None:
        return ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


class _Call:
    """A call of which perhaps not all is there."""

    def __init__(self) -> None:
        self.id = self.name = ""
        self._arguments: list[str] = []

    def take(self, piece: CallPiece) -> None:
        self.id = self.id or piece.id
        self.name = self.name or piece.name
        if piece.arguments:
            self._arguments.append(piece.arguments)

    @property
    def arguments(self) -> str:
        return "".join(self._arguments)


class Calls:
    """Those of one reply. `take` everything, then `finish` once."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}
        """The newest call of each index."""
        self._chars = 0

    def take(self, pieces: Iterable[CallPiece]) -> None:
        """Raises EngineFailure where there is no end of them."""
        for piece in pieces:
            self._chars += len(piece.id) + len(piece.name) + len(piece.arguments)
            if self._chars > MAX_CALL_CHARS:
                raise EngineFailure(
                    f"the language model called tools with more than {MAX_CALL_CHARS} characters",
                    retryable=False,
                )
            self._call_of(piece).take(piece)

    def finish(self) -> list[ToolCall]:
        """The calls in their order, each with an id that no other one of the reply has. What has no
        name is no call."""
        named = [call for call in self._calls if call.name]
        ids = _unique_ids(named)
        return [
            ToolCall(
                id=next(ids),
                name=whole_characters(call.name),
                arguments=_told(whole_characters(call.arguments)),
            )
            for call in named
        ]

    def _call_of(self, piece: CallPiece) -> _Call:
        """The call that a piece belongs to, begun where it is the first of it."""
        last = self._calls[-1] if self._calls else None
        if piece.index is not None:
            call = self._at.get(piece.index)
        elif piece.id:
            call = last if last is not None and last.id == piece.id else None
        else:
            call = None if piece.name else last
        if call is None or _begins_another(call, piece):
            call = self._begin()
        if piece.index is not None:
            self._at[piece.index] = call
        return call

    def _begin(self) -> _Call:
        if len(self._calls) == MAX_CALLS:
            raise EngineFailure(
                f"the language model called more than {MAX_CALLS} tools in one reply",
                retryable=False,
            )
        call = _Call()
        self._calls.append(call)
        return call


def _begins_another(call: _Call, piece: CallPiece) -> bool:
    """Whether `piece`, with the index or the id of `call`, begins another call all the same.

    Only a name begins one: some servers make a new id for each piece of the arguments. A name that
    comes again begins one where the call before is complete and this one has arguments as well.
    """
    if not piece.name:
        return False
    if piece.id and piece.id == call.id:
        return piece.index is None and _again(call, piece)
    if piece.id and call.id:
        return True
    return bool(call.name) and (piece.name != call.name or _again(call, piece))


def _again(call: _Call, piece: CallPiece) -> bool:
    return bool(piece.arguments) and is_object(call.arguments)


def _unique_ids(calls: list[_Call]) -> Iterator[str]:
    sent = {whole_characters(call.id) for call in calls}
    given: set[str] = set()
    number = 0
    for call in calls:
        own = whole_characters(call.id)
        if not own or own in given:
            number += 1
            while (own := made_id(call.name, number)) in sent | given:
                number += 1
        given.add(own)
        yield own


def made_id(name: str, number: int) -> str:
    """Nine letters and digits for the `number`th call, of this tool, that came without an id."""
    figures = f"{number:03}"
    letters = re.sub(r"[^A-Za-z0-9]", "", name)
    return f"{letters:x<{MADE_ID_CHARS}}"[: MADE_ID_CHARS - len(figures)] + figures


def is_object(text: str) -> bool:
    """Whether a text is one JSON object."""
    try:
        parse_json(text.encode("utf-8", "replace"), dict[str, Any])
    except ValueError:
        return False
    return True


def whole_characters(text: str) -> str:
    """With the halves of characters (surrogates) put together; a half that stands alone becomes a
    replacement character."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _told(arguments: str) -> str:
    """No arguments are an empty object."""
    return "{}" if arguments.strip() in ("", "null") else arguments
