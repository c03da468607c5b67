"""Tools, agents and transfers, told to clients that ask, alike in all dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parley.protocol import events
from parley.protocol.dialect import BadChoice, Dialect
from parley.protocol.dialects import DIALECTS

CALLED = events.ToolTold(call_id="c1", name="opening_hours", arguments='{"day":"Monday"}')
RETURNED = events.ToolTold(
    call_id="c1",
    name="opening_hours",
    arguments="{}",
    outcome="done",
    output="9 to 18",
    ms=12,
)
ALL: list[events.Outbound] = [
    CALLED,
    RETURNED,
    events.ConductorTold(name="florist", voice="de"),
    events.TransferTold(to="+15550100"),
]

TELL = [dialect for dialect in DIALECTS if "tools" in dialect.options]
by_dialect = pytest.mark.parametrize("dialect", TELL, ids=lambda d: d.profile.name)


def told(dialect: Dialect, **query: str) -> list[dict[str, Any]]:
    codec = dialect.with_choices(query).new_codec(lambda: 77)
    return [json.loads(frame) for event in ALL for frame in codec.encode(event)]


@by_dialect
def test_who_asks_is_told_of_calls_results_agents_and_transfers(dialect: Dialect) -> None:
    messages = told(dialect, tools="told")
    stamps = [message.pop("timestamp", None) for message in messages]
    assert messages == [
        {
            "type": "tool_call",
            "id": "c1",
            "name": "opening_hours",
            "arguments": '{"day":"Monday"}',
        },
        {
            "type": "tool_result",
            "id": "c1",
            "name": "opening_hours",
            "outcome": "done",
            "output": "9 to 18",
            "ms": 12,
        },
        {"type": "agent", "name": "florist", "voice": "de"},
        {"type": "transfer", "to": "+15550100"},
    ]
    assert stamps == [77 if dialect.profile.name == "io-speech" else None] * 4


@by_dialect
@pytest.mark.parametrize("query", [{}, {"tools": "untold"}, {"tools": " "}])
def test_who_does_not_ask_is_told_nothing_of_it(dialect: Dialect, query: dict[str, str]) -> None:
    assert told(dialect, **query) == []


@by_dialect
def test_another_value_is_refused(dialect: Dialect) -> None:
    with pytest.raises(BadChoice, match="tools: 'yes' is refused; allowed: untold, told"):
        dialect.with_choices({"tools": "yes"})


@pytest.mark.parametrize("outcome", ["done", "failed", "cancelled"])
@by_dialect
def test_each_outcome_is_told(dialect: Dialect, outcome: str) -> None:
    codec = dialect.with_choices({"tools": "told"}).new_codec(lambda: 0)
    event = events.ToolTold(call_id="c1", name="t", arguments="", outcome=outcome)
    (frame,) = codec.encode(event)
    assert json.loads(frame)["outcome"] == outcome
