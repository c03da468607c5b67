"""The agents of the scenes. Recordings were made of them: what they do stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from ..agents.agent import Agent
from ..agents.call import Call
from ..engines.llm.interface import ToolCall

HOURS = ToolCall(id="hours", name="opening_hours", arguments='{"day": "Monday"}')
LATE = ToolCall(id="late", name="stock", arguments='{"seconds": 3.0}')
SOON = ToolCall(id="soon", name="stock", arguments='{"seconds": 0.4}')
PAY = ToolCall(id="pay", name="pay", arguments='{"seconds": 2.5}')
WRONG = ToolCall(id="", name="stock", arguments='{"seconds": "soon"')
UNKNOWN = ToolCall(id="", name="fly", arguments="{}")
FLORIST = ToolCall(id="florist", name="to_florist", arguments="{}")
HANG_UP = ToolCall(id="bye", name="hang_up", arguments="{}")
CLOCK = ToolCall(id="clock", name="clock", arguments="{}")
ASK = ToolCall(id="book", name="book", arguments='{"flowers": "roses"}')


def shop(**options: Any) -> Callable[[], Agent[Any]]:
    """A shop with tools; what `Agent` takes besides."""
    return lambda: _shop(**options)


def _shop(**options: Any) -> Agent[Any]:
    agent: Agent[Any] = Agent("You sell flowers.", name="shop", **options)
    florist: Agent[Any] = Agent("You are the florist.", name="florist")

    @agent.tool
    async def opening_hours(day: str) -> str:
        """When the shop is open on a day."""
        await trio.sleep(0.05)
        return "9 to 18" if day == "Monday" else "closed"

    @agent.tool(filler="One moment.")
    async def stock(seconds: float) -> dict[str, int]:
        """What is in stock."""
        await trio.sleep(seconds)
        return {"roses": 12, "tulips": 0}

    @agent.tool(must_finish=True)
    async def pay(seconds: float) -> str:
        """Takes the money."""
        await trio.sleep(seconds)
        return "paid"

    @agent.tool
    async def to_florist() -> Agent[Any]:
        """Puts the caller through to the florist."""
        return florist

    @agent.tool
    async def hang_up(call: Call[Any]) -> str:
        """Ends the call."""
        await call.end("Goodbye.")
        return "the call ends"

    @agent.tool
    async def book(call: Call[Any], flowers: str) -> str:
        """Books flowers, once the caller has confirmed it."""
        return f"the caller said: {await call.ask(f'Shall I book the {flowers}?')}"

    return agent


def quiz() -> Agent[Any]:
    """Code asks, and the model answers nothing."""
    agent: Agent[Any] = Agent(name="quiz", model=False, greeting="A quiz.")

    @agent.on_call
    async def ask(call: Call[Any]) -> None:
        right = 0
        for question, answer in (("Capital of France?", "paris"), ("Two and two?", "four")):
            said = await call.ask(question, timeout_s=4)
            right += answer in (said or "")
        await call.say(f"{right} right.", interruptible=False)
        await call.end("Bye.")

    return agent


def crashing() -> Agent[Any]:
    agent: Agent[Any] = Agent("Be brief.", name="crashing", greeting="Hello.")

    @agent.on_call
    async def crash(call: Call[Any]) -> None:
        await trio.sleep(2)
        raise LookupError("no such customer")

    return agent
