"""A function as a tool: its schema, what it takes, what it returns, and what cannot be one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import pytest

from parley.agent import Agent, BadAgent, Call, tool
from parley.agents.tool import BadCall, BadReturn, told


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Address:
    street: str
    number: int = 1


async def order(
    call: Call[None],
    flowers: Annotated[str, "which flowers"],
    count: int = 1,
    size: Size = Size.SMALL,
    to: Address | None = None,
    model: Literal["a", "b"] = "a",
) -> str:
    """Take an order.

    Ask for the name first.
    """
    return f"{count} {size.value} {flowers} to {to}"


def test_the_model_is_told_name_docstring_and_schema_and_not_the_call() -> None:
    made = tool(order)
    assert (made.name, made.description) == (
        "order",
        "Take an order.\n\nAsk for the name first.",
    )
    assert made.parameters["required"] == ["flowers"]
    assert list(made.parameters["properties"]) == ["flowers", "count", "size", "to", "model"]
    assert made.parameters["properties"]["flowers"] == {
        "description": "which flowers",
        "type": "string",
    }
    assert made.parameters["additionalProperties"] is False
    assert "title" not in made.parameters


async def test_arguments_come_as_the_types_say() -> None:
    made = tool(order)
    written = '{"flowers": "roses", "count": "3", "size": "large", "to": {"street": "High St"}}'
    given = made.arguments(written)
    assert given["to"] == Address("High St")
    assert await made.run(None, given) == "3 large roses to Address(street='High St', number=1)"


@pytest.mark.parametrize("written", ["", "  ", "null", "{}"])
def test_no_arguments_may_be_written_in_many_ways(written: str) -> None:
    async def now() -> str:
        """Tells the time."""
        return ""

    assert tool(now).arguments(written) == {}


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("{", "the arguments are no JSON: "),
        ("[]", "the arguments are no JSON object"),
        ("[" * 100_000, "the arguments are no JSON: "),
        ("{}", "wrong arguments: flowers: Field required"),
        ('{"flowers": 3}', "wrong arguments: flowers: Input should be a valid string"),
        ('{"flowers": "x", "to": {}}', "wrong arguments: to.street: Field required"),
        ('{"flowers": "x", "colour": "red"}', "wrong arguments: colour: Extra inputs"),
        ('{"flowers": "x", "p0": 1}', "wrong arguments: p0: Extra inputs"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(written: str, why: str) -> None:
    with pytest.raises(BadCall) as problem:
        tool(order).arguments(written)
    assert str(problem.value).startswith(why)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("as it is", "as it is"),
        (None, "done"),
        ({"a": [1, Size.SMALL]}, '{"a":[1,"small"]}'),
        (Address("x"), '{"street":"x","number":1}'),
        (True, "true"),
    ],
)
def test_what_is_returned_is_told_as_text_or_json(value: object, words: str) -> None:
    assert told(value) == words


def test_what_is_no_json_is_refused() -> None:
    circle: list[object] = []
    circle.append(circle)
    for value in (object(), circle, {"a": object()}):
        with pytest.raises(BadReturn, match="which is no JSON"):
            told(value)


def without_docstring(day: str) -> str:
    return day


def without_type(day) -> str:  # type: ignore[no-untyped-def]
    """Has a parameter without a type."""
    return str(day)


def of_any_number(*days: str) -> str:
    """Takes what no model can say."""
    return ""


class Odd:
    pass


def of_an_object(lock: Call[None], thing: Odd) -> str:
    """Takes what no JSON can say."""
    return ""


def of_no_type(day: Nowhere) -> str:  # type: ignore[name-defined]  # noqa: F821
    """Has a type that there is not."""
    return ""


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (without_docstring, "the tool without_docstring has no docstring"),
        (without_type, "the tool without_type: the parameter day has no type"),
        (of_any_number, "the tool of_any_number: *days cannot be told to a model"),
        (
            of_an_object,
            "the tool of_an_object: the parameter thing is a Odd, which JSON cannot say",
        ),
        (of_no_type, "the tool of_no_type: its parameters cannot be read"),
        (lambda: None, "'<lambda>' is no name for a tool"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_in_one_line(function: Any, why: str) -> None:
    with pytest.raises(BadAgent) as problem:
        tool(function)
    assert str(problem.value).startswith(why)
    assert "\n" not in str(problem.value)


def test_two_tools_of_one_name_are_refused() -> None:
    agent: Agent[None] = Agent(name="shop", tools=[order])
    with pytest.raises(BadAgent, match="two tools of the agent shop are called order"):
        agent.tool(order)


def test_a_decorated_function_stays_as_it_is() -> None:
    agent: Agent[None] = Agent(name="shop")
    assert agent.tool(order) is order
    assert agent.tool(name="again", timeout_s=3, must_finish=True)(order) is order
    assert [(made.name, made.timeout_s, made.must_finish) for made in agent.tools] == [
        ("order", None, False),
        ("again", 3, True),
    ]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"name": "a b"}, "'a b' is no name for an agent"),
        ({"name": "x", "language": "klingon"}, "the agent x: "),
        ({"name": "x", "settings": {"stream_voice": 1}}, "there is no setting 'stream_voice'"),
        ({"name": "x", "settings": {"stream_silence_ask_s": -1}}, "stream_silence_ask_s"),
    ],
)
def test_an_agent_that_cannot_work_is_refused_in_one_line(
    options: dict[str, Any], why: str
) -> None:
    with pytest.raises(BadAgent) as problem:
        Agent("Be brief.", **options)
    assert why in str(problem.value)
    assert "\n" not in str(problem.value)
