"""What the language model is told of the conversation so far: only what was really said.

A turn enters with its text at `done`. A barge-in leaves what was heard. A cancelled reply leaves
nothing. Source: requirements of dialect A, "memory gating".
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ..protocol.chat import ChatMessage


@dataclass(slots=True)
class Exchange:
    turn: int
    user_text: str
    assistant_text: str


class ConversationMemory:
    """The last `max_turns` exchanges."""

    def __init__(self, system_prompt: str, max_turns: int) -> None:
        self._system_prompt = system_prompt
        self._exchanges: deque[Exchange] = deque(maxlen=max_turns)

    def commit(self, turn: int, user_text: str, assistant_text: str) -> None:
        """Keep an exchange; a turn that is there already is amended."""
        for exchange in self._exchanges:
            if exchange.turn == turn:
                exchange.assistant_text = assistant_text
                return
        self._exchanges.append(Exchange(turn, user_text, assistant_text))

    def exchanges(self) -> list[tuple[str, str]]:
        """(what the person said, what they heard in answer), oldest first."""
        return [(e.user_text, e.assistant_text) for e in self._exchanges]

    def conversation(self, user_text: str) -> list[ChatMessage]:
        """What the language model is asked: the system prompt, the memory, the new words."""
        messages = []
        if self._system_prompt:
            messages.append(ChatMessage(role="system", text=self._system_prompt))
        for exchange in self._exchanges:
            messages.append(ChatMessage(role="user", text=exchange.user_text))
            if exchange.assistant_text:
                messages.append(ChatMessage(role="assistant", text=exchange.assistant_text))
        messages.append(ChatMessage(role="user", text=user_text))
        return messages
