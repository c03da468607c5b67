"""A server with two agents, for the page: `python agent_server.py PORT [--one]`.

Its language model looks for a word in what was said last, so that a test gets what it types for.
Nothing of it needs a model: hearing and voice are scripted. With `--one` the desk is alone.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import trio

from parley.agent import Agent, Call, ToolCall, ToolFailed
from parley.embedding import OwnEngines, Settings, open_server
from parley.protocol.chat import ChatMessage
from parley.testing import ScriptedDetector, ScriptedSynthesizer, ScriptedTranscriber

CALLS = {
    "open": ("One moment. ", "opening_hours", '{"day": "Monday", "shop": "Fleet Street"}'),
    "price": ("", "price", '{"of": "roses"}'),
    "stock": ("", "stock", '{"shelf": {"row": 3, "places": [1, 2]}}'),
    "flowers": ("I put you through. ", "to_florist", "{}"),
    "person": ("", "to_person", "{}"),
    "bye": ("", "hang_up", "{}"),
}
"""A word, and what the model says and calls because of it."""

ANSWERS = {
    "opening_hours": "We are open from nine to six on Monday.",
    "price": "I cannot tell you the price.",
    "stock": "There are twelve of them.",
    "to_florist": "The florist is here. What may it be?",
    "to_person": "A person will take your call.",
    "hang_up": "Good bye.",
}
"""What the model says with the result of a tool."""

desk: Agent[Any] = Agent("You are the desk.", name="desk", greeting="Flower shop, hello!")
florist: Agent[Any] = Agent("You sell flowers.", name="florist", voice="rose")


@desk.tool
async def opening_hours(day: str, shop: str) -> str:
    """When the shop is open."""
    await trio.sleep(0.2)
    return "9 to 18"


@desk.tool
async def price(of: str) -> str:
    """What something costs."""
    raise ToolFailed("no price list")


@desk.tool
async def stock(shelf: dict[str, Any]) -> dict[str, Any]:
    """What is on a shelf; it takes for ever."""
    await trio.sleep_forever()


@desk.tool
async def to_florist() -> Agent[Any]:
    """Put the caller through to the florist."""
    return florist


@desk.tool
@florist.tool
async def to_person(call: Call[Any]) -> str:
    """Put the caller through to a person."""
    await call.transfer("+15550100")
    return "done"


@desk.tool
async def hang_up(call: Call[Any]) -> str:
    """End the call."""
    await call.end(reason="the shop closes")
    return "done"


class KeywordModel:
    """Calls the tool whose word it finds, and says what it has to say about its result."""

    def with_tools(self, tools: Sequence[Any]) -> KeywordModel:
        return self

    def described(self) -> str:
        return "a model of keywords"

    def advice(self) -> str | None:
        return None

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[str | ToolCall]]:
        async with aclosing(_parts(conversation)) as parts:
            yield parts


async def _parts(conversation: Sequence[ChatMessage]) -> AsyncGenerator[str | ToolCall, None]:
    last = conversation[-1]
    calls = {call.id: call.name for message in conversation for call in message.calls}
    if last.role == "tool":
        await trio.sleep(0.1)
        for word in ANSWERS[calls[last.call_id]].split():
            yield f"{word} "
        return
    for word, (says, tool, arguments) in CALLS.items():
        if word in last.text:
            if says:
                yield says
            yield ToolCall(id=f"call-{len(calls)}", name=tool, arguments=arguments)
            return
    yield "I can tell you when we are open."


async def main(port: int, agents: Sequence[Agent[Any]]) -> None:
    own = OwnEngines(
        detector=lambda session: ScriptedDetector(level=30_000),
        transcriber=lambda session: ScriptedTranscriber([]),
        responder=KeywordModel(),
        synthesizer=ScriptedSynthesizer(ms_per_char=30),
    )
    async with open_server(Settings.defaults(), own=own, agents=agents, port=port):
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), [desk] if "--one" in sys.argv else [desk, florist])
