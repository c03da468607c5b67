"""A conversation is a list of items: what the person said, what Parley said and what was heard of
it, the tools that were called and what they returned.

Everything that shows a conversation is a view of this list; the one for the language model is in
`chat_request.py`. A turn is a transaction on it: its words and its reply enter together when the
reply is written, or when it is cut, and a cancelled turn leaves nothing. A turn that called a tool
is different: the call is a fact, whatever becomes of the reply, so that the turn enters the list
with its first call and stays there. Source: requirements of dialect A, "memory gating". Plain, and
bounded by turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal, TypeAlias, TypeVar

from ..protocol.chat import ChatMessage, ToolCall
from ..protocol.tool_calls import ToolResult, shown
from .chat_request import INTERRUPTED_CALL, PENDING_CALL, Exchange, request
from .said_parts import split_like


class Status(Enum):
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    """The person spoke over it: `heard` is what they had heard by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessage:
    id: str
    turn: int
    text: str
    status: Status = Status.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantMessage:
    """What was said in one piece. A turn that called tools may have one before each of its calls,
    and one behind them."""

    id: str
    turn: int
    said: str
    """The reply as it was written, as far as that got."""
    heard: str
    """What the person heard of it; all of it where it is completed."""
    status: Status = Status.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """A tool was called. The calls of one `round` were asked for together."""

    id: str
    turn: int
    round: int
    call: ToolCall
    result: ToolResult | None = None
    dropped: bool = False
    """The turn ended before the result was there."""
    status: Status = Status.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that the model should know and nobody said; shown as a system message."""

    id: str
    turn: int
    text: str
    status: Status = Status.COMPLETED


Item: TypeAlias = UserMessage | AssistantMessage | ToolUse | Note
_Kind = TypeVar("_Kind", UserMessage, AssistantMessage, ToolUse, Note)


class Items:
    """Those of the last `max_turns` turns, oldest first.

    `interruption_mark` is what a model sees behind the last word that was heard of a reply that was
    interrupted; empty: nothing.
    """

    def __init__(self, system_prompt: str, max_turns: int, interruption_mark: str = "") -> None:
        self.instructions = system_prompt
        """What the model is told before the conversation."""
        self._max_turns = max_turns
        self._mark = interruption_mark
        self._items: list[Item] = []
        self._newest_turn = 0
        self._numbered = 0

    # Turns

    def commit(self, turn: int, user_text: str, said: str, *, heard: str | None = None) -> None:
        """Keep a turn: what the person said, and the reply. `heard` where it was interrupted: so
        much of it. A turn that is there already is amended; one that has left the list since stays
        out of it."""
        if self.amend(turn, said, heard=heard) or turn <= self._newest_turn:
            return
        self._newest_turn = turn
        if user_text:
            self._items.append(UserMessage(id=self._new_id(), turn=turn, text=user_text))
        self._items.append(AssistantMessage(id=self._new_id(), turn=turn, said="", heard=""))
        self.amend(turn, said, heard=heard)
        self._forget()

    def amend(self, turn: int, said: str, *, heard: str | None = None) -> bool:
        """Correct the reply of a turn that is in the list. False where it is not."""
        places = [at for at, item in enumerate(self._items) if _is_reply(item, turn)]
        if not places:
            return False
        before = [self._reply_at(at).said for at in places[:-1]]
        said_parts = split_like(said, before)
        heard_parts = said_parts if heard is None else split_like(heard, said_parts[:-1])
        cut = next(
            (n for n, part in enumerate(said_parts) if len(heard_parts[n]) < len(part)),
            len(places) - 1,
        )
        for n, at in enumerate(places):
            over = heard is not None and n >= cut
            self._items[at] = replace(
                self._reply_at(at),
                said=said_parts[n],
                heard=heard_parts[n],
                status=Status.INTERRUPTED if over else Status.COMPLETED,
            )
        return True

    def take_back(self, turn: int) -> None:
        """Have a turn never have been: its words and its reply leave the list. One that called a
        tool stays."""
        if not self.has_calls(turn):
            self._items = [i for i in self._items if i.turn != turn or isinstance(i, Note)]

    @property
    def heard_last(self) -> str:
        """What the person heard of the newest reply; empty before there was one."""
        replies = (item for item in reversed(self._items) if isinstance(item, AssistantMessage))
        return next((reply.heard for reply in replies), "")

    # Tools

    def called(self, turn: int, user_text: str, said: str, calls: Sequence[ToolCall]) -> None:
        """Keep the calls of a turn that is being made; `said` is its reply up to them."""
        if turn > self._newest_turn:
            self.commit(turn, user_text, said)
        else:
            self.amend(turn, said)
        mine = [item for item in self._items if item.turn == turn]
        round_number = 1 + max((i.round for i in mine if isinstance(i, ToolUse)), default=0)
        for call in calls:
            use = ToolUse(id=self._new_id(), turn=turn, round=round_number, call=call)
            self._items.append(use)
        self._items.append(AssistantMessage(id=self._new_id(), turn=turn, said="", heard=""))

    def returned(self, result: ToolResult) -> ToolUse | None:
        """Keep the result of a call. Gives the call's item; None where there is none, or it has a
        result already."""
        for at, item in enumerate(self._items):
            if isinstance(item, ToolUse) and item.call.id == result.call_id:
                if item.result is not None:
                    return None
                self._items[at] = use = replace(item, result=result)
                return use
        return None

    def drop_calls(self, turn: int) -> None:
        """The turn is over: what its open calls return will not be waited for."""
        for at, item in enumerate(self._items):
            if isinstance(item, ToolUse) and item.turn == turn and item.result is None:
                self._items[at] = replace(item, dropped=True)

    def calls(self, turn: int) -> list[ToolUse]:
        return [item for item in self._items if isinstance(item, ToolUse) and item.turn == turn]

    def has_calls(self, turn: int) -> bool:
        return bool(self.calls(turn))

    def has_call(self, call_id: str) -> bool:
        return any(isinstance(i, ToolUse) and i.call.id == call_id for i in self._items)

    # Beside the turns

    def note(self, text: str) -> None:
        """Have the model know something from here on."""
        self._items.append(Note(id=self._new_id(), turn=self._newest_turn, text=text))

    def add(self, role: Literal["user", "assistant", "system"], text: str) -> None:
        """Have the conversation hold something that was not spoken in it."""
        turn = self._newest_turn
        match role:
            case "user":
                self._items.append(UserMessage(id=self._new_id(), turn=turn, text=text))
            case "assistant":
                said = AssistantMessage(id=self._new_id(), turn=turn, said=text, heard=text)
                self._items.append(said)
            case "system":
                self.note(text)

    def heard(self, turn: int, user_text: str) -> None:
        """Keep what the person said to somebody who is not the language model."""
        self._newest_turn = max(self._newest_turn, turn)
        self._items.append(UserMessage(id=self._new_id(), turn=turn, text=user_text))
        self._forget()

    def clear(self) -> None:
        """The model knows nothing any more of what was said. Calls without a result stay."""
        self._items = [i for i in self._items if isinstance(i, ToolUse) and i.result is None]

    def _reply_at(self, at: int) -> AssistantMessage:
        item = self._items[at]
        if not isinstance(item, AssistantMessage):
            raise TypeError(f"item {at} is no reply")
        return item

    def _new_id(self) -> str:
        self._numbered += 1
        return f"item-{self._numbered}"

    def _forget(self) -> None:
        turns = sorted({item.turn for item in self._items})
        if len(turns) > self._max_turns:
            oldest = turns[-self._max_turns] if self._max_turns else self._newest_turn + 1
            self._items = [item for item in self._items if item.turn >= oldest]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    # Views

    def exchanges(self) -> list[tuple[str, str]]:
        """(what the person said, what they heard in answer) of each turn, oldest first."""
        said: dict[int, list[str]] = {}
        heard: dict[int, list[str]] = {}
        for item in self._items:
            match item:
                case UserMessage():
                    said.setdefault(item.turn, []).append(item.text)
                case AssistantMessage():
                    heard.setdefault(item.turn, []).append(item.heard)
                case ToolUse() | Note():
                    pass
        return [
            (" ".join(said.get(turn, ())), " ".join(filter(None, heard.get(turn, ()))))
            for turn in sorted(said | heard)
        ]

    def request(self, user_text: str, note: str = "") -> list[ChatMessage]:
        """What the language model is asked: the system prompt, the conversation, the new words.
        `note` is something that it should know of these, and is not kept. Without new words the
        model goes on behind what is there; see `chat_request`."""
        notes = [item.text for item in self._items if isinstance(item, Note)]
        system = "\n".join(filter(None, (self.instructions, *notes, note)))
        return request(system, self._exchanged(), user_text, mark=self._mark)

    def _exchanged(self) -> Iterator[Exchange]:
        for item in self._items:
            match item:
                case UserMessage():
                    yield ChatMessage(role="user", text=item.text)
                case AssistantMessage():
                    text = item.heard.strip()
                    if text and item.status is Status.INTERRUPTED and self._mark:
                        text = f"{text}{self._mark}"
                    yield ChatMessage(role="assistant", text=text)
                case ToolUse():
                    yield item.round, item.turn, item.call, _output(item)
                case Note():
                    pass


def _is_reply(item: Item, turn: int) -> bool:
    return isinstance(item, AssistantMessage) and item.turn == turn


def _output(use: ToolUse) -> str:
    if use.result is not None:
        return shown(use.result.output)
    return INTERRUPTED_CALL if use.dropped else PENDING_CALL
