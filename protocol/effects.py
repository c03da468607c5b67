"""What whoever conducts a conversation may do to it: say something, offer tools, end the call.

An agent's code is such a conductor, a recording of one is another, and so is a client that conducts
its own conversation over the wire. Each effect enters a session through one place, one at a time,
so that it is recorded like the answer of an engine, and a replay needs no code of an agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from .chat import ToolOffer
from .tool_calls import ToolResult


class Effect(msgspec.Struct, frozen=True, kw_only=True, tag_field="effect"):
    pass


class Say(Effect, frozen=True, kw_only=True, tag="say"):
    """Say `text`, once nobody speaks and nothing is being said. It is answered by a SayOver with
    the same `id`."""

    id: int
    text: str
    asks: bool = False
    """The words that are said next are the conductor's: they come with `Answered`, and the language
    model does not answer them. An empty `text` asks without saying anything."""
    answer_s: float = 0.0
    """A question has no answer where it is quiet for so long; 0: it is waited for."""
    interruptible: bool = True
    """Where it is False, what is said meanwhile waits and is answered afterwards."""
    muted: bool = False
    """Nobody is heard while it is said."""
    urgent: bool = False
    """It takes the place of what is being said."""


class Respond(Effect, frozen=True, kw_only=True, tag="respond"):
    """Have the language model say something that nobody asked it for. `note` tells it what."""

    id: int
    note: str
    interruptible: bool = True


class Forget(Effect, frozen=True, kw_only=True, tag="forget"):
    """What was to be said, or is asked, under this id is not wanted any more. What is being said of
    it ends."""

    id: int


class Interrupt(Effect, frozen=True, kw_only=True, tag="interrupt"):
    """Nothing more of the reply is said."""


class SetInstructions(Effect, frozen=True, kw_only=True, tag="instructions"):
    """What the language model is told before the conversation, from its next reply on."""

    text: str


class OfferTools(Effect, frozen=True, kw_only=True, tag="tools"):
    """The tools that the model may call from its next reply on, and no others."""

    tools: tuple[OfferedTool, ...] = ()


class OfferedTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as the session knows it."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = msgspec.field(
        default_factory=lambda: {"type": "object", "properties": {}}
    )
    """The JSON schema of its arguments."""
    must_finish: bool = False
    """An interruption does not cancel it."""
    filler: str = ""
    """What is said where it takes longer than `filler_after_s`; empty: nothing."""
    filler_after_s: float = 0.0

    @property
    def offer(self) -> ToolOffer:
        return ToolOffer(name=self.name, description=self.description, parameters=self.parameters)


class ReturnResult(Effect, frozen=True, kw_only=True, tag="result"):
    """What became of a call of a tool."""

    result: ToolResult


class AddItem(Effect, frozen=True, kw_only=True, tag="item"):
    """Have the conversation hold something that was not spoken in it: "user" and "assistant" are
    messages, "system" is a note."""

    role: Literal["user", "assistant", "system"]
    text: str


class ForgetItems(Effect, frozen=True, kw_only=True, tag="forget_items"):
    """The model knows nothing any more of what was said so far."""


class Conduct(Effect, frozen=True, kw_only=True, tag="conduct"):
    """Who answers from now on, by what was told before: instructions, tools. Until the first of
    these nobody answers, and what is said waits. Told to the client."""

    name: str
    voice: str = ""
    """Empty: the voice stays as it is."""
    model: bool = True
    """Whether the language model answers what the conductor did not ask for."""


class Mute(Effect, frozen=True, kw_only=True, tag="mute"):
    """Whether nobody is heard, until the opposite is said."""

    muted: bool


class End(Effect, frozen=True, kw_only=True, tag="end"):
    """End the call: once what is being said was heard, and `text` after it."""

    text: str = ""
    at_once: bool = False
    """What is being said is cut."""
    reason: str = "the agent ended the call"
    """For the client, with the connection's close; 120 bytes at most count."""


class Transfer(Effect, frozen=True, kw_only=True, tag="transfer"):
    """Tell the client, or the carrier, to put the caller through to `to`, then end as End does."""

    to: str
    text: str = ""


class ConductorFailed(Effect, frozen=True, kw_only=True, tag="failed"):
    """The conductor's code has crashed, and does nothing any more."""

    message: str


AnyEffect: TypeAlias = (
    Say
    | Respond
    | Forget
    | Interrupt
    | SetInstructions
    | OfferTools
    | ReturnResult
    | AddItem
    | ForgetItems
    | Conduct
    | Mute
    | End
    | Transfer
    | ConductorFailed
)


def effect_data(effect: AnyEffect) -> dict[str, Any]:
    """An effect as JSON values."""
    data: dict[str, Any] = msgspec.to_builtins(effect)
    return data


def effect_of(data: Mapping[str, Any]) -> AnyEffect:
    """The effect that `effect_data` made this of. Raises ValueError."""
    effect: AnyEffect = msgspec.convert(dict(data), type=AnyEffect)
    return effect
