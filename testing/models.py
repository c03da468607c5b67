"""Language models for tests of agents: one that follows a script, and one that a recording holds.

Owned by the test. A script that is over, or not well formed, is the test's mistake: ScriptOver,
or whatever a rule raised, which `talk_to` gives to the test and not to the session.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, TypeAlias

import trio

from ..engines.failures import EngineFailure
from ..engines.llm.interface import Responder, ToolCall, ToolOffer
from ..protocol.chat import ChatMessage
from ..recording.mcap_file import read_recording
from ..recording.mcap_records import RecordingError
from ..recording.replay import recorded_failure
from ..recording.tape import Entry

Part: TypeAlias = str | float | Exception | ToolCall
"""Words; a pause in seconds; a failure; a call of a tool."""

Round: TypeAlias = Part | Sequence[Part]
"""What a model writes when it is asked once."""

Rule: TypeAlias = Callable[[Sequence[ChatMessage], Sequence[ToolOffer]], Round | Awaitable[Round]]
"""Gives a round for a conversation and the tools that are offered."""

_PARTS = (str, int, float, Exception, ToolCall)
_TOKEN = re.compile(r"\s*\S+|\s+\Z")


class ScriptOver(AssertionError):
    """The model was asked more often than its script says."""


def calls(name: str, /, **arguments: Any) -> ToolCall:
    """A call of a tool, for a script. Arguments that are no JSON: `ToolCall(arguments="...")`."""
    return ToolCall(id="", name=name, arguments=json.dumps(arguments, ensure_ascii=False))


@dataclass(slots=True)
class _Script:
    """What all views of one model share."""

    rounds: Sequence[Round | Rule]
    then: Round | Rule | None
    asked: int = 0
    called: int = 0


class ScriptedModel:
    """Writes one round of its script each time it is asked.

    A reply without tools is one round; one that calls tools is asked again with what they returned.
    A round is a text, `calls(...)`, an exception, a pause in seconds, a list of these, or a
    function of the conversation and the tools that gives one. `then` is every round behind the last
    one. A function in the place of the script gives every round.

    A failure that is no EngineFailure is told as one. Where the script is over it raises
    ScriptOver.
    """

    def __init__(self, rounds: Sequence[Round | Rule] | Rule, *, then: Round | Rule | None = None):
        if isinstance(rounds, str):
            raise ValueError("a script is a list of rounds, or a function; not one text")
        if callable(rounds):
            rounds, then = (), rounds
        self._script = _Script(tuple(rounds), then)
        self._tools: tuple[ToolOffer, ...] = ()

    def with_tools(self, tools: Sequence[ToolOffer]) -> Responder:
        same = object.__new__(type(self))
        same._script, same._tools = self._script, tuple(tools)
        return same

    @property
    def left(self) -> int:
        """How many rounds of the script nobody has asked for."""
        return max(0, len(self._script.rounds) - self._script.asked)

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[str | ToolCall]]:
        written = await self._next(conversation)
        parts = [written] if isinstance(written, _PARTS) else written
        async with aclosing(self._written(parts)) as tokens:
            yield tokens

    async def _next(self, conversation: Sequence[ChatMessage]) -> Round:
        script = self._script
        script.asked += 1
        at = script.asked - 1
        found = script.rounds[at] if at < len(script.rounds) else script.then
        if found is None:
            count = len(script.rounds)
            rounds = "1 round" if count == 1 else f"{count} rounds"
            raise ScriptOver(
                f"the model was asked for round {script.asked}, and its script has {rounds}. "
                f"It was asked:\n{shown_conversation(conversation)}"
            )
        if not callable(found):
            return found
        given = found(conversation, self._tools)
        return await given if inspect.isawaitable(given) else given

    async def _written(self, parts: Sequence[Part]) -> AsyncGenerator[str | ToolCall, None]:
        for part in parts:
            match part:
                case str():
                    for token in _TOKEN.findall(part):
                        await trio.lowlevel.checkpoint()
                        yield token
                case ToolCall():
                    self._script.called += 1
                    made = part.id or f"call-{self._script.called}"
                    await trio.lowlevel.checkpoint()
                    yield ToolCall(id=made, name=part.name, arguments=part.arguments)
                case EngineFailure():
                    raise part
                case Exception():
                    what = f"{type(part).__name__}: {part}".rstrip(": ")
                    raise EngineFailure(what, retryable=False) from part
                case int() | float():
                    await trio.sleep(part)
                case _:
                    raise TypeError(f"a round holds {part!r}, which is no part of one")


class RecordedModel(ScriptedModel):
    """Writes what the model of a recording (`.mcap`) wrote, round by round, without its pauses.

    Replies that never were, because the person went on, are left out. Raises RecordingError for a
    file that is no recording, or one without the text.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        recording = read_recording(path)
        if not recording.header.has_text:
            raise RecordingError("the recording has no text: it was left out (STREAM_RECORD_TEXT)")
        super().__init__(list(_rounds(recording.entries)))


@dataclass(slots=True)
class _Recorded:
    """One time that the recorded model was asked."""

    conversation: Sequence[Any]
    parts: list[Part] = field(default_factory=list)
    failed: bool = False

    def never_was(self, after: _Recorded) -> bool:
        """Whether the model was asked the same again with more words: it answered too early."""
        if self.failed or not self.conversation or not after.conversation:
            return False
        *history, last = self.conversation
        *history_after, last_after = after.conversation
        return history == history_after and last_after["text"].startswith(last["text"])


def _rounds(entries: Sequence[Entry]) -> Iterator[Round]:
    asked: list[_Recorded] = []
    for entry in entries:
        if entry.kind == "llm.reply":
            asked.append(_Recorded(entry.data.get("conversation", ())))
        if entry.kind not in ("llm.reply", "llm.token"):
            continue
        newest = asked[-1]
        if "failure" in entry.data:
            newest.parts.append(recorded_failure(entry.data))
            newest.failed = True
        elif "call" in entry.data:
            newest.parts.append(ToolCall(**entry.data["call"]))
        elif entry.data.get("token"):
            newest.parts.append(entry.data["token"])
    for one, after in zip(asked, [*asked[1:], None], strict=True):
        if after is None or not one.never_was(after):
            yield _joined(one.parts)


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Tokens that follow each other as one text."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def shown_conversation(conversation: Sequence[ChatMessage]) -> str:
    """A request for people: a line for each message and each call."""
    lines = []
    for message in conversation:
        if message.text:
            lines.append(f"  {message.role}: {message.text}")
        lines += [f"  {message.role} calls {call.name}({call.arguments})" for call in message.calls]
    return "\n".join(lines) or "  (nothing)"


@dataclass(frozen=True, slots=True)
class Request:
    """What a model was asked once."""

    conversation: tuple[ChatMessage, ...]
    tools: tuple[str, ...] = ()
    """The names of those that were offered."""

    @property
    def system(self) -> str:
        """What it was told before the conversation."""
        first = self.conversation[0] if self.conversation else None
        return first.text if first is not None and first.role == "system" else ""

    @property
    def last(self) -> str:
        """The text of the last message."""
        return self.conversation[-1].text if self.conversation else ""

    def __str__(self) -> str:
        return shown_conversation(self.conversation)
