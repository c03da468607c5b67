"""A conversation as a language model's chat template takes it.

Behind one system message the roles alternate, beginning with the user: templates refuse anything
else. What went unanswered is one message with what was said next. Calls of tools stand in the
assistant's message that asked for them, each with one result behind it, also where the tool has not
returned yet; and an assistant's message stands between results and the user's next words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from ..protocol.chat import ChatMessage, ToolCall

Exchange: TypeAlias = ChatMessage | tuple[int, int, ToolCall, str]
"""A message, or a call: its round, its turn, the call, and what it returned."""

INTERRUPTED_CALL = "(the person interrupted: there is no result)"
PENDING_CALL = "(there is no result yet)"
UNSAID = "…"
"""Of a reply of which nothing was heard, where templates want one."""
SPOKE_FIRST = "(The assistant speaks first.)"


def request(
    system: str, exchanged: Iterable[Exchange], user_text: str, *, mark: str = ""
) -> list[ChatMessage]:
    """The messages. `user_text` empty: the model goes on behind the last result of a tool, or says
    what the system message asks for."""
    messages: list[ChatMessage] = []
    round_of_last: tuple[int, int] | None = None
    for exchange in exchanged:
        if isinstance(exchange, ChatMessage):
            if exchange.text:
                _say(messages, exchange, mark)
                round_of_last = None
        else:
            number, turn, call, output = exchange
            _call(messages, call, output, same_round=round_of_last == (turn, number))
            round_of_last = (turn, number)
    if user_text:
        _say(messages, ChatMessage(role="user", text=user_text), mark)
    elif not messages or messages[-1].role == "assistant":
        _say(messages, ChatMessage(role="user", text=UNSAID), mark)
    return [ChatMessage(role="system", text=system), *messages] if system else messages


def _say(messages: list[ChatMessage], message: ChatMessage, mark: str) -> None:
    newest = messages[-1] if messages else None
    if message.role == "assistant" and newest is None:
        messages.append(ChatMessage(role="user", text=SPOKE_FIRST))
    elif newest is not None and newest.role == message.role and not newest.calls:
        messages[-1] = replace(newest, text=f"{newest.text}\n{message.text}")
        return
    elif newest is not None and newest.role == "tool" and message.role == "user":
        messages.append(ChatMessage(role="assistant", text=mark.strip() or UNSAID))
    messages.append(message)


def _call(messages: list[ChatMessage], call: ToolCall, output: str, *, same_round: bool) -> None:
    if same_round:
        at = max(n for n, message in enumerate(messages) if message.calls)
        messages[at] = replace(messages[at], calls=(*messages[at].calls, call))
    elif messages and messages[-1].role == "assistant":
        messages[-1] = replace(messages[-1], calls=(call,))
    else:
        if not messages:
            messages.append(ChatMessage(role="user", text=SPOKE_FIRST))
        messages.append(ChatMessage(role="assistant", text="", calls=(call,)))
    messages.append(ChatMessage(role="tool", text=output, call_id=call.id))
