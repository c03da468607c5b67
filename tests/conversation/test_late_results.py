"""Results of a client's tools that come when the model has answered without them already.

Clients with several tools ask for a response at the first result: OpenAI's Agents SDKs do, in
Python and in JavaScript.
"""

from __future__ import annotations

from parley.conversation.chat_request import PENDING_CALL
from parley.conversation.items import Items
from parley.protocol.chat import ToolCall
from parley.protocol.tool_calls import ToolResult

RAIN = ToolResult(call_id="a", output="rain")
NOON = ToolResult(call_id="b", output="noon")


def with_two_calls() -> Items:
    items = Items("", 5)
    items.add("user", "weather and time", item_id="asked")
    items.begin_reply(1, "reply1")
    calls = [ToolCall(id=name, name=f"get_{name}", arguments="{}") for name in "ab"]
    items.called(1, "", "", calls, by_client=("get_a", "get_b"))
    return items


def asked(items: Items) -> list[tuple[str, str, list[str]]]:
    return [(m.role, m.text, [call.id for call in m.calls]) for m in items.request("")]


def test_results_before_the_answer_stand_behind_their_calls() -> None:
    items = with_two_calls()
    items.returned(RAIN, "result-a")
    items.returned(NOON, "result-b")
    assert asked(items) == [
        ("user", "weather and time", []),
        ("assistant", "", ["a", "b"]),
        ("tool", "rain", []),
        ("tool", "noon", []),
    ]


def test_a_result_behind_an_answer_is_read_behind_it() -> None:
    items = with_two_calls()
    items.returned(RAIN, "result-a")
    items.begin_reply(2, "reply2")
    assert asked(items)[-1] == ("tool", PENDING_CALL, [])
    items.commit(2, "", "It rains.")
    items.returned(NOON, "result-b")
    assert asked(items) == [
        ("user", "weather and time", []),
        ("assistant", "", ["a"]),
        ("tool", "rain", []),
        ("assistant", "It rains.", ["b"]),
        ("tool", "noon", []),
    ]


def test_a_result_while_the_answer_is_being_made_is_read_behind_it() -> None:
    items = with_two_calls()
    items.returned(RAIN, "result-a")
    items.begin_reply(2, "reply2")
    items.returned(NOON, "result-b")
    items.commit(2, "", "It rains.")
    assert [role for role, _, _ in asked(items)][-2:] == ["assistant", "tool"]
    assert asked(items)[-1] == ("tool", "noon", [])


def test_both_can_be_looked_at_by_their_ids() -> None:
    items = with_two_calls()
    items.begin_reply(2, "reply2")
    items.commit(2, "", "Just a moment.")
    use = items.returned(NOON, "result-b")
    assert use is not None
    call, result = items.view(use.id), items.view("result-b")
    assert call is not None and (call.kind, call.call_id) == ("function_call", "b")
    assert result is not None and result.output == "noon"
