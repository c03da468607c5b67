"""A scripted session as a value: what the peer does, and what the engines do.

The peer's part is a function, or a tuple of actions, which every dialect can say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import trio

from ..agents.agent import Agent
from ..client.in_memory import InMemoryClient
from ..engines.llm.scripted import Step
from ..protocol.dialect import Dialect
from ..session.life import Session
from .sessions import silence, speech


@dataclass(frozen=True)
class Say:
    """Speech of `ms` and then silence of `pause_ms`, in frames of `chunk_ms`; `speed` is in times
    real time."""

    ms: int
    pause_ms: int
    chunk_ms: int = 100
    speed: float = 1.0


@dataclass(frozen=True)
class Wait:
    """Nothing is sent for so long."""

    seconds: float


@dataclass(frozen=True)
class Send:
    """A word that every dialect has one of its own for: "start", or "cancel" to cut the reply."""

    what: str


Action = Say | Wait | Send
Talk = Callable[[InMemoryClient, Session], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One scripted session. It has the same times and words whenever it is run under a virtual
    clock and recorded."""

    name: str
    dialect: Dialect
    peer: Talk | tuple[Action, ...]
    words: Sequence[str | Sequence[str]]
    """What the recognizer hears, utterance by utterance; see `ScriptedTranscriber`."""
    asr: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the `ScriptedTranscriber`."""
    reply: Sequence[Step]
    """What the language model answers, after `replies`."""
    replies: Sequence[Sequence[Step]] = ()
    second: Sequence[Step] | None = None
    """What the second language model answers, always; None: there is none."""
    tts: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the `ScriptedSynthesizer`, or of the `ScriptedStream`."""
    streams: bool = False
    """Whether the voice gives a phrase piece by piece."""
    turn_end: Sequence[float] | Literal["text"] = ()
    """How likely each pause is the end, or "text": the words decide; empty: there is no end-of-turn
    engine."""
    agent: Callable[[], Agent[Any]] | None = None
    """Makes the agent that conducts it; None: nobody does."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """By variable; all others have their defaults."""
    capacity: int = 1000
    """How many frames the link holds in each direction."""
    slow_s: float = 0.0
    """How long the client takes over each message."""
    kept: bool = False
    """Whether `tests/recordings` has a recording of it."""


async def perform_actions(actions: Sequence[Action], client: InMemoryClient) -> None:
    """Do what the peer of a scene does, in the client's dialect."""
    for action in actions:
        match action:
            case Say():
                pcm16 = speech(action.ms) + silence(action.pause_ms)
                await client.speak(pcm16, chunk_ms=action.chunk_ms, speed=action.speed)
            case Wait():
                await trio.sleep(action.seconds)
            case Send("start"):
                await client.start()
            case Send("cancel"):
                await client.interrupt()
            case Send():
                raise ValueError(f"no dialect has a word for {action.what!r}")
