"""Tools without a model: the built-in rules call a tool by its name and read its result aloud."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
import trio.testing

from parley.engines.llm.interface import ReplyPart, ToolCall, offering
from parley.engines.llm.local import LocalResponder
from parley.engines.llm.rules.rule import asked_of
from parley.engines.llm.rules.tools import NO_RESULT, called, result_of
from parley.protocol.chat import ChatMessage, ToolOffer

NOW = datetime(2026, 11, 28, 16, 52, tzinfo=UTC)


def tool(name: str, *required: str, **properties: Any) -> ToolOffer:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return ToolOffer(name=name, description="", parameters=parameters)


TEXT = {"type": "string"}
DAYS = {"type": "string", "enum": ["monday", "bank_holiday", 3]}
TOOLS = [
    tool("opening_hours"),
    tool("get_weather", "city", city=TEXT, unit=TEXT),
    tool("orderStatus", "number", number={"type": "integer"}),
    tool("book_table", "day", "guest", day=TEXT, guest=TEXT),
    tool("delivery_on_day", "day", day=DAYS),
    tool("list", "x"),
    ToolOffer(name="odd_one", description="", parameters={"required": "city"}),
    ToolOffer(name="odd_two", description="", parameters={"required": [7], "properties": []}),
    ToolOffer(name="plain", description=""),
    ToolOffer(name="__", description=""),
]


def call_for(words: str) -> tuple[str, str] | None:
    conversation = [ChatMessage(role="user", text=words)]
    found = called(asked_of(conversation, NOW, random.Random(1)), TOOLS)
    return None if found is None else (found.name, found.arguments)


@pytest.mark.parametrize(
    ("words", "call"),
    [
        ("What are your opening hours?", ("opening_hours", "{}")),
        ("Hours of opening, please.", ("opening_hours", "{}")),
        ("opening", None),
        ("The hours for reopening?", None),
        ("Plain, please", ("plain", "{}")),
        ("How is the weather in Paris?", ("get_weather", '{"city":"Paris"}')),
        ("Get weather: New York City, please!", ("get_weather", '{"city":"New York City"}')),
        ("WEATHER FOR THE ÖRESUND", ("get_weather", '{"city":"ÖRESUND"}')),
        ("How is the weather?", None),
        ("What is the order status of 5?", None),
        ("Book a table on Monday for Ann", None),
        ("Is there a delivery on Monday this day?", ("delivery_on_day", '{"day":"monday"}')),
        ("delivery day bank holiday", ("delivery_on_day", '{"day":"bank_holiday"}')),
        ("delivery day tuesday", None),
        ("make a list", None),
        ("odd one, odd two", None),
        ("", None),
    ],
)
def test_a_tool_is_called_whose_name_was_said_and_whose_arguments_are_there(
    words: str, call: tuple[str, str] | None
) -> None:
    assert call_for(words) == call


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("We are open from 9 to 18", "We are open from 9 to 18."),
        ("Done!", "Done!"),
        ('"Sunny"', "Sunny."),
        ("12.5", "12.5."),
        ('{"opens_at": "9", "closed": false}', "opens at: 9, closed: no."),
        ('["one", {"a": 1}]', 'one, {"a":1}.'),
        ("", NO_RESULT),
        ("null", NO_RESULT),
        ("{}", NO_RESULT),
        ("[" * 50_000, "[" * 50_000 + "."),
    ],
)
def test_a_result_is_read_aloud(result: str, said: str) -> None:
    assert result_of([ChatMessage(role="tool", text=result, call_id="c")]) == said


def test_the_results_at_the_end_are_read_and_no_earlier_ones() -> None:
    results = [ChatMessage(role="tool", text=text, call_id=text) for text in ("One", "Two")]
    asked = ChatMessage(role="user", text="And?")
    assert result_of([results[0], asked, *results]) == "One. Two."
    assert result_of([*results, asked]) is None
    assert result_of([]) is None


async def parts_of(conversation: list[ChatMessage], tools: list[ToolOffer]) -> list[ReplyPart]:
    responder = offering(LocalResponder(clock=lambda: NOW), tools)
    async with responder.reply(conversation) as parts:
        return [part async for part in parts]


async def test_the_responder_calls_reads_and_answers_the_rest_itself(
    autojump_clock: trio.testing.MockClock,
) -> None:
    asked = ChatMessage(role="user", text="What are your opening hours?")
    [call] = await parts_of([asked], TOOLS)
    assert call == ToolCall(id="openin001", name="opening_hours", arguments="{}")
    calling = ChatMessage(role="assistant", text="", calls=(call,))
    result = ChatMessage(role="tool", text="9 to 18", call_id=call.id)
    assert "".join(map(str, await parts_of([asked, calling, result], TOOLS))) == "9 to 18."
    time = [ChatMessage(role="user", text="What time is it?")]
    assert "".join(map(str, await parts_of(time, TOOLS))) == "It is 4:52 PM."
    assert not any(isinstance(part, ToolCall) for part in await parts_of([asked], []))


async def test_what_is_repeated_is_what_was_said_and_no_call(
    autojump_clock: trio.testing.MockClock,
) -> None:
    call = ToolCall(id="c", name="opening_hours", arguments="{}")
    conversation = [
        ChatMessage(role="assistant", text="9 to 18."),
        ChatMessage(role="assistant", text="", calls=(call,)),
        ChatMessage(role="user", text="Repeat that."),
    ]
    assert "".join(map(str, await parts_of(conversation, TOOLS))) == "9 to 18."
