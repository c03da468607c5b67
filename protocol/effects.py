"""What whoever conducts a conversation may do to it: say something, offer tools, end the call.

An agent's code is such a conductor, a recording of one is another, and so is a client that conducts
its own conversation over the wire. Each effect enters a session through one place, one at a time,
so that it is recorded like the answer of an engine, and a replay needs no code of an agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from .chat import ToolCall, ToolOffer
from .kept import KeptConversation
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


ToolChoice: TypeAlias = str
"""Whether the model calls a tool: "auto" as it thinks best, "none", "required" one of them, or the
name of the one that it must call."""


class GivenItem(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply is asked with in place of the conversation: words, or (`id`) an item of it."""

    id: str = ""
    role: Literal["user", "assistant", "system"] = "user"
    text: str = ""


class ReplyWish(msgspec.Struct, frozen=True, kw_only=True):
    """How one reply is to be different. None and empty: as the others are."""

    instructions: str | None = None
    spoken: bool | None = None
    """False: it is text alone."""
    voice: str = ""
    tools: tuple[OfferedTool, ...] | None = None
    tool_choice: ToolChoice = ""
    max_tokens: int | None = None
    asked: tuple[GivenItem, ...] | None = None
    aside: bool = False
    """It is no part of the conversation, and leaves nothing there."""
    metadata: Mapping[str, str] | None = None
    """The client's own, told with the reply."""


AS_ALWAYS = ReplyWish()


class Respond(Effect, frozen=True, kw_only=True, tag="respond"):
    """Have the language model say something that nobody asked it for. `note` tells it what; where
    it is empty, the model goes on with the conversation as it is."""

    id: int
    note: str = ""
    interruptible: bool = True
    wish: ReplyWish = AS_ALWAYS
    by_client: bool = False
    """It is refused where a reply is being made already."""
    ref: str = ""


class CancelReply(Effect, frozen=True, kw_only=True, tag="cancel"):
    """Nothing more of the reply is made, because the client says so. `reply` is its turn's number;
    0: whichever there is."""

    reply: int = 0
    ref: str = ""


class SetReplies(Effect, frozen=True, kw_only=True, tag="replies"):
    """How replies come about from now on, and how they are made."""

    answers: bool = True
    """Whether what is said is answered without being asked for."""
    interruptible: bool = True
    """Whether speech ends a reply."""
    spoken: bool = True
    """False: replies are text alone."""
    voice: str = ""
    """Empty: it stays as it is."""
    speed: float = 1.0
    """Of the voice, in times its own."""
    tool_choice: ToolChoice = "auto"
    max_tokens: int = 0
    """Of one reply, tools and all; 0: no limit."""
    idle_s: float = 0.0
    """After so much silence the model says something of its own accord; 0: never."""


class Forget(Effect, frozen=True, kw_only=True, tag="forget"):
    """What was to be said, or is asked, under this id is not wanted any more. What is being said of
    it ends."""

    id: int


class Interrupt(Effect, frozen=True, kw_only=True, tag="interrupt"):
    """Nothing more of the reply is said."""


class SetInstructions(Effect, frozen=True, kw_only=True, tag="instructions"):
    """What the language model is told before the conversation, from its next reply on.
    `by_client`: it is the client's, and stands behind an agent's."""

    text: str
    by_client: bool = False


class OfferTools(Effect, frozen=True, kw_only=True, tag="tools"):
    """The tools that the model may call from its next reply on, and no others. `by_client`: these
    are the client's, beside those of an agent."""

    tools: tuple[OfferedTool, ...] = ()
    by_client: bool = False


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
    by_client: bool = False
    """The client runs it, and asks for the next reply itself: this one ends with the call."""
    filler: str = ""
    """What is said where it takes longer than `filler_after_s`; empty: nothing."""
    filler_after_s: float = 0.0

    @property
    def offer(self) -> ToolOffer:
        return ToolOffer(name=self.name, description=self.description, parameters=self.parameters)


class ReturnResult(Effect, frozen=True, kw_only=True, tag="result"):
    """What became of a call of a tool."""

    result: ToolResult
    by_client: bool = False
    """It is an item that the client put there, and is told or refused."""
    id: str = ""
    """Of the item that it is to a client that sees items; empty: it is made."""
    after: str | None = None
    ref: str = ""


class AddItem(Effect, frozen=True, kw_only=True, tag="item"):
    """Have the conversation hold something that was not spoken in it: "user" and "assistant" are
    messages, "system" is a note."""

    role: Literal["user", "assistant", "system"]
    text: str
    id: str = ""
    """Empty: it is made."""
    after: str | None = None
    """The id of the item before it; "root": it is the first one; None: it is the last one."""
    ref: str = ""


class AddCall(Effect, frozen=True, kw_only=True, tag="call"):
    """Have the conversation hold a call of a tool that no model made in it."""

    call: ToolCall
    id: str = ""
    after: str | None = None
    ref: str = ""


class DeleteItem(Effect, frozen=True, kw_only=True, tag="delete"):
    id: str
    ref: str = ""


class TruncateItem(Effect, frozen=True, kw_only=True, tag="truncate"):
    """So much of the sound of a reply was played, and the rest was thrown away."""

    id: str
    audio_ms: int
    ref: str = ""


class RetrieveItem(Effect, frozen=True, kw_only=True, tag="retrieve"):
    """Tell what an item is now."""

    id: str
    ref: str = ""


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


class CollectDigits(Effect, frozen=True, kw_only=True, tag="collect_digits"):
    """Whether the conductor's code collects the keys that are pressed. Else the model is told of
    them. Those that were pressed and not told yet are the conductor's, too."""

    collecting: bool


class FindOutWhoAnswers(Effect, frozen=True, kw_only=True, tag="who_answers"):
    """Somebody took a call that was made: tell whether it is a person or a machine."""


class SendDigits(Effect, frozen=True, kw_only=True, tag="send_digits"):
    """Press keys for the other side: of "0123456789*#ABCD" and "w", half a second of waiting."""

    digits: str


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


class GoOn(Effect, frozen=True, kw_only=True, tag="go_on"):
    """The conversation is kept from here on, and its client is told by what it can go on over
    another connection. It comes before all other effects, if it comes at all."""

    ticket: str
    """What the client has to show then."""
    kept: KeptConversation | None = None
    """What this conversation goes on from; None: it begins."""
    played_ms: int | None = None
    """So much of the reply that was cut the client has played; None: it does not say."""
    why: str = ""
    """Why it begins and does not go on, where it was asked to."""
    conducted: bool = False
    """Whether somebody conducts it beside the client, who is waited for."""


class ConductorFailed(Effect, frozen=True, kw_only=True, tag="failed"):
    """The conductor's code has crashed, and does nothing any more."""

    message: str


AnyEffect: TypeAlias = (
    Say
    | Respond
    | CancelReply
    | SetReplies
    | AddCall
    | DeleteItem
    | TruncateItem
    | RetrieveItem
    | Forget
    | Interrupt
    | SetInstructions
    | OfferTools
    | ReturnResult
    | AddItem
    | ForgetItems
    | Conduct
    | Mute
    | CollectDigits
    | SendDigits
    | FindOutWhoAnswers
    | End
    | Transfer
    | GoOn
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
