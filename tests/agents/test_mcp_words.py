"""Names that models take, results in words, pauses: what of MCP needs no server."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from parley.agents.mcp_pace import MAX_PAUSE_S, STEADY_S, Pace, Pauses
from parley.agents.mcp_words import offered_names, result_text, safe_name


def test_a_name_that_is_nobody_elses_stays_as_it_is() -> None:
    assert offered_names([("time", ["now"]), ("web", ["fetch"])], {"hours"}) == [["now"], ["fetch"]]


def test_a_name_that_two_servers_lend_has_the_servers_name_before_it() -> None:
    lent = [("time", ["get", "now"]), ("web", ["get"])]
    assert offered_names(lent, ()) == [["time_get", "now"], ["web_get"]]


def test_a_function_of_the_agent_keeps_its_name() -> None:
    assert offered_names([("time", ["hours"])], {"hours"}) == [["time_hours"]]


def test_names_that_are_still_the_same_are_numbered() -> None:
    lent = [("a", ["x.y", "x y"]), ("b", ["b_z", "z"]), ("c", ["z"])]
    assert offered_names(lent, ()) == [["x_y", "x_y_2"], ["b_z", "b_z_2"], ["c_z"]]


def test_a_long_name_that_is_numbered_is_no_longer_than_names_may_be() -> None:
    [[first, second]] = offered_names([("a", ["n" * 70, "n" * 80])], ())
    assert (len(first), len(second)) == (64, 64)
    assert first != second


@pytest.mark.parametrize(
    ("name", "safe"),
    [("files/read.all", "files_read_all"), ("größe", "gr_e"), ("", "tool"), ("a" * 99, "a" * 64)],
)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_what_is_no_text_is_named() -> None:
    link = ResourceLink(type="resource_link", name="menu", uri="file:///menu.pdf")
    note = TextResourceContents(uri="file:///note", text="closed on Monday")
    blob = BlobResourceContents(uri="file:///menu.pdf", blob="aGVsbG8=")
    result = CallToolResult(
        content=[
            TextContent(type="text", text="found"),
            ImageContent(type="image", data="aGVsbG8=", mime_type="image/png"),
            AudioContent(type="audio", data="aGVsbG8=", mime_type="audio/wav"),
            link,
            EmbeddedResource(type="resource", resource=note),
            EmbeddedResource(type="resource", resource=blob),
        ]
    )
    assert result_text(result).splitlines() == [
        "found",
        "[image, image/png: it cannot be shown here]",
        "[audio, audio/wav: it cannot be shown here]",
        "[a link to menu: file:///menu.pdf]",
        "closed on Monday",
        "[a file: file:///menu.pdf]",
    ]


def test_structured_content_is_told_where_there_is_no_text() -> None:
    assert result_text(CallToolResult(content=[], structured_content={"a": [1]})) == '{"a":[1]}'
    text = TextContent(type="text", text="one")
    assert result_text(CallToolResult(content=[text], structured_content={"a": 1})) == "one"


def test_pauses_double_to_a_bound_and_begin_anew_after_a_good_connection() -> None:
    pauses = Pauses()
    assert [pauses.after(0) for _ in range(4)] == [0.25, 0.5, 1, 2]
    assert [pauses.after(0) for _ in range(2000)][-1] == MAX_PAUSE_S
    assert [pauses.after(STEADY_S), pauses.after(1)] == [0.25, 0.5]


async def test_what_comes_too_fast_is_taken_at_its_pace(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pace = Pace(10)
    began_s = trio.current_time()
    await pace.spend(10)
    assert trio.current_time() == began_s
    await pace.spend(25)
    assert trio.current_time() == began_s + 2.5
    assert not pace.affords(1)
