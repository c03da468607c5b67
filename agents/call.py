"""A call, as an agent's code sees it: who calls, and what can be done with the conversation.

Its methods are for the agent's own tasks (tools, `on_call`), which run in the session's tree and
end with it. What they do enters the session one at a time, through one channel.
"""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

import trio

from ..conversation.caller import Caller
from ..conversation.digits import pressing_s
from ..conversation.events import Answered, SayOver, SessionEvent
from ..protocol.effects import (
    AddItem,
    AnyEffect,
    End,
    Forget,
    Interrupt,
    Mute,
    Respond,
    Say,
    SendDigits,
    SetInstructions,
    Transfer,
)
from .digits import collect_digits

if TYPE_CHECKING:
    import typing_extensions

    from .agent import Agent

    State = typing_extensions.TypeVar("State", default=None)
else:
    State = TypeVar("State")  # before Python 3.13 it knows no default

Event = TypeVar("Event", bound=SessionEvent)

EVENTS_KEPT = 200
"""Events that wait for code that listens. Code that does not take them loses the newest."""

SHORTEST_S = 0.001
"""Of the time for an answer: 0 is for ever on the tape."""

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Said:
    """What became of something that was to be said."""

    heard: str
    """So much of it was heard."""
    interrupted: bool = False
    dropped: bool = False
    """It was never begun: the call ends, or too much waited."""


@dataclass(eq=False, slots=True)
class _Waiting:
    asked: bool = False
    over: trio.Event = field(default_factory=trio.Event)
    said: Said | None = None
    answered: trio.Event = field(default_factory=trio.Event)
    answer: str | None = None


class Hooks(Protocol):
    """What a Call needs of whoever runs the agent."""

    effects_channel: trio.MemorySendChannel[AnyEffect]
    threads: trio.CapacityLimiter

    def start(self, code: Callable[[], Awaitable[object]]) -> None: ...

    async def hand_over(self, agent: Agent[Any], *, memory: bool) -> None: ...

    async def complete(self, prompt: str, system: str) -> str: ...

    @property
    def has_model(self) -> bool: ...


class Call(Generic[State]):
    """One call. `caller` says who calls, `state` is what the agent's `state` made."""

    def __init__(self, caller: Caller, agent: Agent[Any], state: State, hooks: Hooks) -> None:
        self.caller = caller
        self.agent = agent
        """Who answers now."""
        self.state = state
        self._hooks = hooks
        self._numbers = 0
        self._waiting: dict[int, _Waiting] = {}
        self._listeners: list[trio.MemorySendChannel[SessionEvent]] = []

    @property
    def session_id(self) -> str:
        return self.caller.session_id

    @property
    def variables(self) -> Mapping[str, str]:
        """The parameters of the call: its address's query, the carrier's, the token's claims."""
        return self.caller.variables

    def filled(self, text: str) -> str:
        """The text with the call's parameters in the places of `{{name}}`; a name that the call
        does not have is left out."""
        return _VARIABLE.sub(lambda found: self.variables.get(found[1], ""), text)

    # Speaking

    async def say(
        self,
        text: str,
        *,
        interruptible: bool = True,
        muted: bool = False,
        urgent: bool = False,
    ) -> Said:
        """Say this, as soon as nobody speaks, and come back when it was heard or interrupted.

        With `interruptible=False` what the person says meanwhile is answered afterwards; with
        `muted=True` it is not heard. `urgent` takes the place of what is being said. In a tool it
        is said while the model waits, and `say` comes back at once.
        """
        with self._said() as (number, waiting):
            await self._do(
                Say(
                    id=number,
                    text=text,
                    interruptible=interruptible,
                    muted=muted,
                    urgent=urgent,
                )
            )
            await waiting.over.wait()
        return waiting.said or Said("", dropped=True)

    async def ask(
        self, question: str, *, timeout_s: float | None = None, interruptible: bool = True
    ) -> str | None:
        """Say the question, and give what the person says next. None where it is quiet for
        `timeout_s` after the question, or another question took its place. Whoever is speaking has
        all the time that it takes."""
        with self._said() as (number, waiting):
            waiting.asked = True
            say = Say(
                id=number,
                text=question,
                asks=True,
                answer_s=0.0 if timeout_s is None else max(timeout_s, SHORTEST_S),
                interruptible=interruptible,
            )
            await self._do(say)
            await waiting.answered.wait()
        return waiting.answer

    async def listen(self, *, timeout_s: float | None = None) -> str | None:
        """What the person says next, without asking anything."""
        return await self.ask("", timeout_s=timeout_s)

    async def reply(self, note: str, *, interruptible: bool = True) -> Said:
        """Have the model say something now: `note` tells it what ("greet the caller")."""
        with self._said() as (number, waiting):
            await self._do(Respond(id=number, note=note, interruptible=interruptible))
            await waiting.over.wait()
        return waiting.said or Said("", dropped=True)

    async def interrupt(self) -> None:
        """Nothing more is said of what is being said."""
        await self._do(Interrupt())

    @asynccontextmanager
    async def muted(self) -> AsyncIterator[None]:
        """Nobody is heard inside of this block."""
        await self._do(Mute(muted=True))
        try:
            yield
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await self._do(Mute(muted=False))

    # The telephone's keys

    async def digits(
        self,
        question: str = "",
        *,
        most: int = 40,
        end: str = "#",
        timeout_s: float = 10.0,
        between_s: float = 4.0,
    ) -> str:
        """Say the question, and give the keys that are pressed: until `end` (which is not given),
        `most` of them, or `between_s` without a further one. Empty where none is pressed within
        `timeout_s` after the question. The first key stops the question. On a telephone only."""
        return await collect_digits(
            self, question, most=most, end=end, timeout_s=timeout_s, between_s=between_s
        )

    async def send_digits(self, keys: str) -> None:
        """Press keys for the other side, as for a menu: "0" to "9", "*", "#", "A" to "D"; "w" waits
        half a second. Comes back when they were pressed: what is said meanwhile is heard behind
        them, and late. Raises ValueError for others."""
        if not set(keys.upper()) <= set("0123456789*#ABCDW"):
            raise ValueError(f"{keys[:40]!r}: a telephone has the keys 0 to 9, *, #, A to D")
        await self._do(SendDigits(digits=keys))
        await trio.sleep(pressing_s(keys))

    # The conversation

    async def set_instructions(self, text: str) -> None:
        """What the model is told, from its next reply on."""
        await self._do(SetInstructions(text=text))

    async def add_item(self, role: Literal["user", "assistant", "system"], text: str) -> None:
        """Have the model know something: a "system" item is a note."""
        await self._do(AddItem(role=role, text=text))

    async def hand_over(self, agent: Agent[Any], *, memory: bool = True) -> None:
        """Have another agent answer from now on; with `memory=False` its model knows nothing of
        what was said. A tool may return an agent instead. The `on_call` code of this one ends."""
        await self._hooks.hand_over(agent, memory=memory)

    async def complete(self, prompt: str, *, system: str = "", timeout_s: float = 30.0) -> str:
        """Ask the language model something beside the conversation. Raises EngineFailure, and
        trio.TooSlowError where it takes longer."""
        with trio.fail_after(timeout_s):
            return await self._hooks.complete(prompt, system)

    @property
    def has_model(self) -> bool:
        """Whether a language model answers, and not a few rules."""
        return self._hooks.has_model

    # The end

    async def end(self, text: str = "", *, at_once: bool = False, reason: str = "") -> None:
        """End the call, once what is being said was heard, and `text` after it. `at_once` cuts what
        is being said."""
        await self._do(End(text=text, at_once=at_once, reason=reason or "the agent ended the call"))

    async def transfer(self, to: str, text: str = "") -> None:
        """Put the caller through to `to`, once `text` was heard. The call ends here."""
        await self._do(Transfer(to=to, text=text))

    # What happens

    async def wait_for(
        self, kind: type[Event], where: Callable[[Event], bool] | None = None
    ) -> Event:
        """The next event of this kind (for which `where` holds)."""
        async with self.events() as events:
            async for event in events:
                if isinstance(event, kind) and (where is None or where(event)):
                    return event
        raise trio.EndOfChannel  # the call is over

    @asynccontextmanager
    async def events(self) -> AsyncIterator[trio.MemoryReceiveChannel[SessionEvent]]:
        """All that happens from now on, one after the other."""
        tell, hear = trio.open_memory_channel[SessionEvent](EVENTS_KEPT)
        self._listeners.append(tell)
        try:
            with hear:
                yield hear
        finally:
            self._listeners.remove(tell)

    def start_soon(self, code: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run something beside, for as long as the call lasts. Where it raises, the call ends."""
        self._hooks.start(functools.partial(code, *args))

    def _happened(self, event: SessionEvent) -> None:
        """Told by the session."""
        if isinstance(event, SayOver) and (waiting := self._waiting.get(event.id)):
            waiting.said = Said(event.heard, event.interrupted, event.dropped)
            waiting.over.set()
        elif isinstance(event, Answered) and (waiting := self._waiting.get(event.id)):
            waiting.answer = event.text
            waiting.over.set()
            waiting.answered.set()
        for listener in self._listeners:
            with suppress(trio.WouldBlock):
                listener.send_nowait(event)

    @contextmanager
    def _said(self) -> Iterator[tuple[int, _Waiting]]:
        """A number for what is said, and its end. Whoever is cancelled meanwhile takes it back."""
        self._numbers += 1
        number, waiting = self._numbers, _Waiting()
        self._waiting[number] = waiting
        try:
            yield number, waiting
        finally:
            del self._waiting[number]
            if not (waiting.over.is_set() and (waiting.answered.is_set() or not waiting.asked)):
                with suppress(trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
                    self._hooks.effects_channel.send_nowait(Forget(id=number))

    async def _do(self, effect: AnyEffect) -> None:
        await self._hooks.effects_channel.send(effect)

    async def _in_thread(
        self, function: Callable[..., Any], first: tuple[Any, ...], arguments: Mapping[str, Any]
    ) -> Any:
        """For tools that are not async. One that overruns is left alone in its thread."""
        return await trio.to_thread.run_sync(
            functools.partial(function, *first, **arguments),
            abandon_on_cancel=True,
            limiter=self._hooks.threads,
        )
