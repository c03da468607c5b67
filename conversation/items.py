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

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal, TypeAlias, TypeVar

from ..protocol.chat import ChatMessage, ToolCall
from ..protocol.effects import GivenItem
from ..protocol.item_events import ItemView
from ..protocol.item_ids import ItemIds
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
    spoken: bool = False
    """It was heard, and not typed."""
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
    given: bool = False
    """It was put there, and nobody said it."""
    status: Status = Status.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """A tool was called. The calls of one `round` were asked for together."""

    id: str
    turn: int
    round: int
    call: ToolCall
    result: ToolResult | None = None
    result_id: str = ""
    """Of the item that the result is to a client that sees items."""
    by_client: bool = False
    """The client runs it."""
    dropped: bool = False
    """The turn ended before the result was there."""
    status: Status = Status.COMPLETED

    @property
    def waited_for(self) -> bool:
        """Whether the turn goes on when the result is there."""
        return self.result is None and not self.by_client


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that the model should know and nobody said; shown as a system message."""

    id: str
    turn: int
    text: str
    status: Status = Status.COMPLETED


PUT_MAX = 1000
"""Items that were put there beside the turns: so many are kept, the newest,"""
PUT_CHARS = 4_000_000
"""and so much text of them. Turns come no faster than people speak; these come as fast as a client
or an agent's code sends them, and no model reads so much."""

_OF_NO_TURN = 0
"""Until it has its place."""

Item: TypeAlias = UserMessage | AssistantMessage | ToolUse | Note
_Kind = TypeVar("_Kind", UserMessage, AssistantMessage, ToolUse, Note)


class Items:
    """Those of the last `max_turns` turns, oldest first.

    `interruption_mark` is what a model sees behind the last word that was heard of a reply that was
    interrupted; empty: nothing. `ids` are those of a client that sees items; None: nobody does, and
    items are only numbered.
    """

    def __init__(
        self,
        system_prompt: str,
        max_turns: int,
        interruption_mark: str = "",
        *,
        ids: ItemIds | None = None,
    ) -> None:
        self.ids = ids
        self.own_instructions = system_prompt
        """The server's, or an agent's."""
        self.client_instructions = ""
        """A client's, in their place or behind them."""
        self.client_adds = False
        """Whether a client's instructions stand behind the others; so it is where an agent
        answers."""
        self._max_turns = max_turns
        self._mark = interruption_mark
        self._items: list[Item] = []
        self._newest_turn = 0
        self._numbered = 0
        self._put: dict[str, int] = {}  # items beside the turns and their length, the oldest first

    @property
    def instructions(self) -> str:
        """What the model is told before the conversation."""
        return self._instructed(self.client_instructions)

    @instructions.setter
    def instructions(self, text: str) -> None:
        self.own_instructions = text

    def _instructed(self, by_client: str) -> str:
        if not self.client_adds:
            return by_client or self.own_instructions
        return "\n\n".join(filter(None, (self.own_instructions, by_client)))

    # Turns

    def begin_reply(self, turn: int, item_id: str) -> None:
        """A reply has its place from its first moment on. `commit` says what became of it."""
        self._newest_turn = max(self._newest_turn, turn)
        self._items.append(AssistantMessage(id=item_id, turn=turn, said="", heard=""))
        self._forget()

    def forget_reply(self, turn: int) -> None:
        """Nothing was said in it."""
        self._items = [item for item in self._items if not _is_reply(item, turn)]

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

    def called(
        self,
        turn: int,
        user_text: str,
        said: str,
        calls: Sequence[ToolCall],
        by_client: Container[str] = (),
    ) -> None:
        """Keep the calls of a turn that is being made; `said` is its reply up to them, `by_client`
        the names of tools that the client runs."""
        if turn > self._newest_turn:
            self.commit(turn, user_text, said)
        else:
            self.amend(turn, said)
        mine = [item for item in self._items if item.turn == turn]
        round_number = 1 + max((i.round for i in mine if isinstance(i, ToolUse)), default=0)
        position = sum(isinstance(item, ToolUse) for item in mine)
        for number, call in enumerate(calls, position):
            item_id = self.ids.call(turn, number) if self.ids else self._new_id()
            use = ToolUse(
                id=item_id,
                turn=turn,
                round=round_number,
                call=call,
                by_client=call.name in by_client,
            )
            self._items.append(use)
        self._items.append(AssistantMessage(id=self._new_id(), turn=turn, said="", heard=""))

    def returned(self, result: ToolResult, result_id: str = "") -> ToolUse | None:
        """Keep the result of a call. Gives the call's item; None where there is none, or it has a
        result already."""
        for at, item in enumerate(self._items):
            if isinstance(item, ToolUse) and item.call.id == result.call_id:
                if item.result is not None:
                    return None
                use = replace(item, result=result, result_id=result_id)
                self._items[at] = use
                if result_id and self._answered_since(at):
                    # A model that has answered without it reads on here, and not in the past.
                    self._items.append(self._items.pop(at))
                return use
        return None

    def _answered_since(self, at: int) -> bool:
        """Whether a later turn's reply has begun behind an item."""
        turn = self._items[at].turn
        return any(
            isinstance(item, AssistantMessage) and not item.given and item.turn > turn
            for item in self._items[at:]
        )

    def drop_calls(self, turn: int) -> None:
        """The turn is over: what its open calls return will not be waited for."""
        for at, item in enumerate(self._items):
            if isinstance(item, ToolUse) and item.turn == turn and item.waited_for:
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
        note = Note(id=self._new_id(), turn=self._newest_turn, text=text)
        self._items.append(note)
        self._bound_put(note)

    def add(
        self,
        role: Literal["user", "assistant", "system"],
        text: str,
        *,
        item_id: str = "",
        after: str | None = None,
        spoken: bool = False,
    ) -> None:
        """Have the conversation hold something that was not spoken in it. It stands behind the item
        `after`: "" is before all others; None: it is the last one. `spoken`: it is sound, and its
        words come later."""
        item_id = item_id or self._new_id()
        match role:
            case "user":
                item: Item = UserMessage(id=item_id, turn=_OF_NO_TURN, text=text, spoken=spoken)
            case "assistant":
                item = AssistantMessage(
                    id=item_id, turn=_OF_NO_TURN, said=text, heard=text, given=True
                )
            case "system":
                item = Note(id=item_id, turn=_OF_NO_TURN, text=text)
        self._insert(item, after)

    def transcribed(self, item_id: str, text: str) -> None:
        """What is said in a sound that was given."""
        for at, item in enumerate(self._items):
            if item.id == item_id and isinstance(item, UserMessage):
                self._items[at] = replace(item, text=text)

    def add_call(self, call: ToolCall, *, item_id: str, after: str | None = None) -> None:
        """Have the conversation hold a call that no model made in it."""
        use = ToolUse(id=item_id, turn=_OF_NO_TURN, round=0, call=call, by_client=True)
        self._insert(use, after)

    def _insert(self, item: Item, after: str | None) -> None:
        """It belongs to the turn of the one before it, so that both are forgotten together."""
        at = len(self._items) if after is None else self._behind(after)
        last = at == len(self._items)
        turn = self._newest_turn if last else self._items[max(0, at - 1)].turn
        self._items.insert(at, replace(item, turn=turn))
        self._bound_put(item)

    def _bound_put(self, item: Item) -> None:
        """Of what was put there beside the turns, the oldest goes where it is too much."""
        self._put[item.id] = _length(item)
        if len(self._put) > PUT_MAX or sum(self._put.values()) > PUT_CHARS:
            there = {item.id for item in self._items}  # others were deleted, or forgotten
            self._put = {one: size for one, size in self._put.items() if one in there}
        while len(self._put) > PUT_MAX or sum(self._put.values()) > PUT_CHARS:
            oldest = next(iter(self._put))
            del self._put[oldest]
            self._items = [i for i in self._items if i.id != oldest]

    def _behind(self, item_id: str) -> int:
        """The place behind an item, and behind the result of a call."""
        return 1 + max((n for n, i in enumerate(self._items) if item_id in ids_of(i)), default=-1)

    def delete(self, item_id: str) -> bool:
        """Have an item not be there; the result of a call can be deleted alone. False where there
        is none."""
        for at, item in enumerate(self._items):
            if item.id == item_id:
                turn, gone = item.turn, isinstance(item, AssistantMessage) and not item.given
                self._items = [
                    i for i in self._items if i is not item and not (gone and _is_reply(i, turn))
                ]
                return True
            if isinstance(item, ToolUse) and item_id and item.result_id == item_id:
                self._items[at] = replace(item, result=None, result_id="")
                return True
        return False

    @property
    def uses(self) -> list[ToolUse]:
        return [item for item in self._items if isinstance(item, ToolUse)]

    @property
    def end_with_reply(self) -> bool:
        """Whether nothing stands behind the newest reply."""
        return bool(self._items) and isinstance(self._items[-1], AssistantMessage)

    def asked_together(self) -> list[ToolUse]:
        """The client's calls of the newest round that has any."""
        uses = [use for use in self.uses if use.by_client]
        return [u for u in uses if (u.turn, u.round) == (uses[-1].turn, uses[-1].round)]

    def has(self, item_id: str) -> bool:
        return any(item_id in ids_of(item) for item in self._items)

    def view(self, item_id: str) -> ItemView | None:
        """An item as a client is shown it; None where there is none."""
        for item in self._items:
            if item_id in ids_of(item):
                return self._view(item, item_id)
        return None

    def _view(self, item: Item, item_id: str) -> ItemView:
        match item:
            case UserMessage():
                return ItemView(id=item.id, text=item.text, spoken=item.spoken)
            case Note():
                return ItemView(id=item.id, role="system", text=item.text)
            case ToolUse() if item_id == item.id:
                call = item.call
                return ItemView(
                    id=item.id,
                    kind="function_call",
                    call_id=call.id,
                    name=call.name,
                    arguments=call.arguments,
                )
            case ToolUse():
                output = item.result.output if item.result else ""
                return ItemView(
                    id=item_id, kind="function_call_output", call_id=item.call.id, output=output
                )
            case AssistantMessage():
                parts = [item]
                if not item.given:
                    parts = [
                        i
                        for i in self._items
                        if isinstance(i, AssistantMessage) and _is_reply(i, item.turn)
                    ]
                return ItemView(
                    id=item.id,
                    role="assistant",
                    text=" ".join(filter(None, (part.heard.strip() for part in parts))),
                    spoken=not item.given,
                    incomplete=any(part.status is Status.INTERRUPTED for part in parts),
                )

    def heard(self, turn: int, user_text: str, item_id: str = "") -> None:
        """Keep what the person said to somebody who is not the language model, or before it is
        asked."""
        self._newest_turn = max(self._newest_turn, turn)
        item_id = item_id or self._new_id()
        self._items.append(UserMessage(id=item_id, turn=turn, text=user_text, spoken=True))
        self._forget()

    def restore(self, items: Sequence[Item]) -> None:
        """Have the conversation hold these and no others: those of one that goes on here."""
        self._items = list(items)
        self._newest_turn = max((item.turn for item in items), default=0)
        numbers = (one.id.removeprefix("item-") for one in items if one.id.startswith("item-"))
        self._numbered = max((int(number) for number in numbers if number.isdecimal()), default=0)
        self._put = {item.id: _length(item) for item in items if _was_put(item)}
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

    def __len__(self) -> int:
        return len(self._items)

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

    def request(
        self,
        user_text: str,
        note: str = "",
        *,
        instructions: str | None = None,
        given: Sequence[GivenItem] | None = None,
    ) -> list[ChatMessage]:
        """What the language model is asked: the system prompt, the conversation, the new words.
        `note` is something that it should know of these, and is not kept. Without new words the
        model goes on behind what is there; see `chat_request`. `instructions` and `given` take the
        place of the client's instructions and of the conversation, this once."""
        items = self._items if given is None else list(self._given(given))
        notes = [item.text for item in items if isinstance(item, Note)]
        prompt = self.instructions if instructions is None else self._instructed(instructions)
        system = "\n".join(filter(None, (prompt, *notes, note)))
        return request(system, self._exchanged(items), user_text, mark=self._mark)

    def _given(self, given: Sequence[GivenItem]) -> Iterator[Item]:
        """Those that are named are the conversation's own, if it has them."""
        for one in given:
            if one.id:
                yield from (item for item in self._items if one.id in ids_of(item))
            elif one.role == "user":
                yield UserMessage(id="", turn=0, text=one.text)
            elif one.role == "assistant":
                yield AssistantMessage(id="", turn=0, said=one.text, heard=one.text, given=True)
            else:
                yield Note(id="", turn=0, text=one.text)

    def _exchanged(self, items: Sequence[Item]) -> Iterator[Exchange]:
        for item in items:
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
    return isinstance(item, AssistantMessage) and item.turn == turn and not item.given


def _was_put(item: Item) -> bool:
    """Whether nobody said it. Of what somebody typed or called that cannot be told any more."""
    return isinstance(item, Note) or (isinstance(item, AssistantMessage) and item.given)


def ids_of(item: Item) -> tuple[str, ...]:
    """An item's own id, and that of the result of a call."""
    return (item.id, item.result_id) if isinstance(item, ToolUse) and item.result_id else (item.id,)


def _output(use: ToolUse) -> str:
    if use.result is not None:
        return shown(use.result.output)
    return INTERRUPTED_CALL if use.dropped else PENDING_CALL


def _length(item: Item) -> int:
    """In characters."""
    match item:
        case AssistantMessage():
            return len(item.said)
        case ToolUse():
            return len(item.call.arguments)
        case _:
            return len(item.text)
