"""What the conductor of a conversation wants that is not done yet: sentences that wait for their
moment, the question that is open, the tools that are offered.

The conductor is an agent's code, a recording of one, or a client that conducts its conversation
itself. Plain: no task, no clock. Where nobody conducts, nothing here ever changes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..protocol.chat import ToolOffer
from ..protocol.effects import AS_ALWAYS, OfferedTool, ReplyWish, Respond, Say, ToolChoice

MAX_WAITING = 100
"""Sentences that may wait to be said. Code that says more at once has a mistake; what comes beyond
that is not said, and the log says so."""

Speech = Say | Respond


@dataclass(slots=True)
class Conducting:
    """Of one session."""

    ready: bool = True
    """Whether somebody answers. A conductor that was not heard of yet is waited for."""
    name: str = ""
    """Who answers."""
    voice: str = ""
    """In which voice; empty: the session's."""
    model: bool = True
    """Whether the language model answers what the conductor did not ask for."""
    muted: bool = False
    """Whether nobody is heard."""
    asking: int = 0
    """The number of the question that is open: the next words are its answer. 0: none is."""
    by_itself: bool = True
    """Whether what is said is answered without being asked for."""
    interruptible: bool = True
    """Whether speech ends the replies that are begun from now on."""
    spoken: bool = True
    """Whether they are said; else they are text."""
    speed: float = 1.0
    """Of the voice, in times its own."""
    max_tokens: int = 0
    """Of each; 0: no limit."""
    tool_choice: ToolChoice = "auto"
    instructions: str = ""
    """The client's, behind those of an agent."""
    own_tools: dict[str, OfferedTool] = field(default_factory=dict)
    client_tools: dict[str, OfferedTool] = field(default_factory=dict)
    _answer_s: float = 0.0
    _quiet_since_s: float = math.inf
    """Since when the open question is waited for in silence; inf: somebody speaks, or it is still
    being asked."""
    _waiting: deque[Speech] = field(default_factory=deque)

    # Sentences

    def wants(self, speech: Speech) -> bool:
        """Have something said at the next moment at which nobody would be talked over. False where
        too much waits."""
        if len(self._waiting) >= MAX_WAITING:
            return False
        if isinstance(speech, Say) and speech.urgent:
            self._waiting.appendleft(speech)
        else:
            self._waiting.append(speech)
        return True

    @property
    def waiting(self) -> bool:
        return bool(self._waiting)

    def next(self) -> Speech | None:
        """What is to be said now, and no longer kept."""
        return self._waiting.popleft() if self._waiting else None

    def forget(self, number: int) -> bool:
        """Whether something waited under this number; it does no more."""
        before = len(self._waiting)
        self._waiting = deque(speech for speech in self._waiting if speech.id != number)
        return len(self._waiting) < before

    def forget_all(self) -> list[int]:
        """Nothing of what waited is said. Gives the numbers of it."""
        numbers = [speech.id for speech in self._waiting]
        self._waiting.clear()
        return numbers

    # Questions

    def ask(self, number: int, answer_s: float = 0.0) -> int:
        """The next words are this question's; where it is quiet for `answer_s`, it has no answer
        (0: it is waited for). Gives the number of the one before that nobody has answered; 0: there
        was none."""
        before, self.asking = self.asking, number
        self._answer_s, self._quiet_since_s = answer_s, math.inf
        return before

    def quiet(self, quiet: bool, now_s: float) -> None:
        """Whether the answer is waited for in silence now. Told whenever that may have changed."""
        if not quiet:
            self._quiet_since_s = math.inf
        elif self._quiet_since_s == math.inf:
            self._quiet_since_s = now_s

    @property
    def answer_due_s(self) -> float:
        """When the open question has no answer, if it stays quiet; inf: it is waited for."""
        return self._quiet_since_s + self._answer_s if self._answer_s > 0 else math.inf

    def answered(self) -> int:
        """The question that was open, which no longer is."""
        return self.ask(0)

    # Tools

    def offer(self, tools: Sequence[OfferedTool], *, by_client: bool = False) -> None:
        offered = {tool.name: tool for tool in tools}
        if by_client:
            self.client_tools = offered
        else:
            self.own_tools = offered

    @property
    def tools(self) -> dict[str, OfferedTool]:
        """An agent's and the client's. Where both have one of a name, it is the agent's."""
        return {**self.client_tools, **self.own_tools}

    def tools_of(self, wish: ReplyWish) -> dict[str, OfferedTool]:
        """Those that a reply may call that is wished so. What is no part of the conversation calls
        none of an agent's."""
        asked = self.client_tools
        if wish.tools is not None:
            asked = {tool.name: tool for tool in wish.tools}
        return asked if wish.aside else {**asked, **self.own_tools}

    def offers(self, wish: ReplyWish = AS_ALWAYS, *, first: bool = True) -> list[ToolOffer]:
        """As a model is told of them, for a reply that is wished so. It may be made to call one
        when it is asked `first`, and not when it has."""
        tools = self.tools_of(wish)
        choice = wish.tool_choice or self.tool_choice
        if choice == "none":
            return []
        chosen = [tools[choice]] if choice in tools else list(tools.values())
        forced = first and choice != "auto"
        return [replace(tool.offer, forced=forced) for tool in chosen]
