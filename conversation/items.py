"""A conversation is a list of items: what the person said, what Parley said and what was heard of
it.

Everything that shows a conversation is a view of this list; here is the one for the language model
(`request`). A turn is a transaction on it: its words and its reply enter together when the reply is
written, or when it is cut, and a cancelled turn leaves nothing. Source: requirements of dialect A,
"memory gating". Plain, and bounded by turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from ..protocol.chat import ChatMessage, Role


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
    id: str
    turn: int
    said: str
    """The reply as it was written, as far as that got."""
    heard: str
    """What the person heard of it; all of it where it is completed."""
    status: Status = Status.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that the model should know and nobody said; shown as a system message."""

    id: str
    turn: int
    text: str
    status: Status = Status.COMPLETED


Item: TypeAlias = UserMessage | AssistantMessage | Note


class Items:
    """Those of the last `max_turns` turns, oldest first.

    `interruption_mark` is what a model sees behind the last word that was heard of a reply that was
    interrupted; empty: nothing.
    """

    def __init__(self, system_prompt: str, max_turns: int, interruption_mark: str = "") -> None:
        self._system_prompt = system_prompt
        self._max_turns = max_turns
        self._mark = interruption_mark
        self._items: list[Item] = []
        self._newest_turn = 0
        self._numbered = 0

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
        status = Status.COMPLETED if heard is None else Status.INTERRUPTED
        heard_text = said if heard is None else heard
        for at, item in enumerate(self._items):
            if item.turn == turn and isinstance(item, AssistantMessage):
                self._items[at] = replace(item, said=said, heard=heard_text, status=status)
                return True
        return False

    def take_back(self, turn: int) -> None:
        """Have a turn never have been: its words and its reply leave the list."""
        self._items = [item for item in self._items if item.turn != turn or isinstance(item, Note)]

    @property
    def heard_last(self) -> str:
        """What the person heard of the newest reply; empty before there was one."""
        replies = (item for item in reversed(self._items) if isinstance(item, AssistantMessage))
        return next((reply.heard for reply in replies), "")

    def note(self, text: str) -> None:
        """Have the model know something from here on."""
        self._items.append(Note(id=self._new_id(), turn=self._newest_turn, text=text))

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

    def exchanges(self) -> list[tuple[str, str]]:
        """(what the person said, what they heard in answer) of each turn, oldest first."""
        said: dict[int, str] = {}
        heard: dict[int, str] = {}
        for item in self._items:
            match item:
                case UserMessage():
                    said[item.turn] = item.text
                case AssistantMessage():
                    heard[item.turn] = item.heard
                case Note():
                    pass
        return [(said.get(turn, ""), heard.get(turn, "")) for turn in sorted(said | heard)]

    def request(self, user_text: str, note: str = "") -> list[ChatMessage]:
        """What the language model is asked: the system prompt, the conversation, the new words.
        `note` is something that it should know of these, and is not kept.

        Behind the system messages the roles alternate, beginning and ending with the user: chat
        templates refuse anything else. What went unanswered is one message with what was said next.
        """
        messages: list[ChatMessage] = []
        if self._system_prompt:
            messages.append(ChatMessage(role="system", text=self._system_prompt))
        spoken = [message for item in self._items for message in self._shown(item)]
        for message in (*spoken, ChatMessage(role="user", text=user_text)):
            _append(messages, message)
        if note:
            _append(messages, ChatMessage(role="system", text=note))
        return messages

    def _shown(self, item: Item) -> Iterator[ChatMessage]:
        role: Role
        match item:
            case UserMessage():
                role, text = "user", item.text
            case AssistantMessage():
                role, text = "assistant", item.heard.strip()
                if text and item.status is Status.INTERRUPTED and self._mark:
                    text = f"{text}{self._mark}"
            case Note():
                role, text = "system", item.text
        if text:
            yield ChatMessage(role=role, text=text)


def _append(messages: list[ChatMessage], message: ChatMessage) -> None:
    """Add a message, or make it part of the one before, where that has the same role. An
    assistant's message before anything that the user said is left out: some templates refuse it."""
    if message.role == "system":
        # Notes stand with the system prompt: many templates know a system message at the top only.
        if messages and messages[0].role == "system":
            messages[0] = ChatMessage(role="system", text=f"{messages[0].text}\n{message.text}")
        else:
            messages.insert(0, message)
        return
    newest = messages[-1] if messages else None
    if newest is not None and newest.role == message.role:
        messages[-1] = ChatMessage(role=message.role, text=f"{newest.text}\n{message.text}")
    elif message.role == "user" or (newest is not None and newest.role == "user"):
        messages.append(message)
