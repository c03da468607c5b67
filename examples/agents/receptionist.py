"""The receptionist of a flower shop, and the florist to whom she hands difficult questions.

    parley serve --agent examples/agents/receptionist.py

A call of `/ws/receptionist?name=Ann` is greeted by name. The first agent of a file answers; the
other one takes over when a tool returns it.
"""

from __future__ import annotations

from itertools import count
from typing import Annotated, Literal

from pydantic import Field

from parley.agent import Agent, Call

Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
Flower = Literal["roses", "tulips", "lilies", "sunflowers"]

ORDERS: dict[int, str] = {}
"""Of all calls, for as long as the server runs. A shop has a database here."""
_numbers = count(101)


def greeting(call: Call) -> str:
    name = call.variables.get("name")
    return f"Flower shop, hello {name}!" if name else "Flower shop, hello!"


receptionist = Agent(
    "You are the receptionist of a flower shop. Take orders and tell the opening hours. Have "
    "questions about plants answered by the florist, and complaints by a person.",
    greeting=greeting,
)
florist = Agent(
    "You are the florist of a flower shop. Advise the caller on flowers and how to care for them."
)


@receptionist.tool
async def opening_hours(day: Day) -> str:
    """When the shop is open on a day of the week."""
    return {"Saturday": "9 to 13", "Sunday": "closed"}.get(day, "9 to 18")


@receptionist.tool(must_finish=True)  # whoever interrupts has ordered nevertheless
async def take_order(
    flower: Flower,
    stems: Annotated[int, "how many of them", Field(ge=1, le=99)],
) -> str:
    """Take an order, once the caller has confirmed it. Tell the caller its number."""
    number = next(_numbers)
    ORDERS[number] = f"{stems} {flower}"
    return f"order {number}: {ORDERS[number]}"


@receptionist.tool
async def look_up_order(number: Annotated[int, "the number of the order"]) -> str:
    """What was ordered under a number."""
    return ORDERS.get(number, "there is no such order")


@receptionist.tool
async def ask_florist() -> Agent:
    """Hand the call to the florist, for any question about flowers."""
    return florist


@receptionist.tool
@florist.tool
async def put_through(call: Call) -> str:
    """Put the caller through to a person, where the caller wants that."""
    await call.transfer("+15550100")  # once the model's next words were heard
    return "Say that you put the caller through now."
