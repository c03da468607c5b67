"""parley show of conversations with an agent: tools with their arguments and times, who answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from parley.recording.mcap_file import read_recording
from parley.recording.show.reading import timeline_of
from parley.recording.show.text import lines

FOLDER = Path(__file__).parents[1] / "recordings"


def shown(name: str) -> list[str]:
    return [line.text for line in lines(timeline_of(read_recording(FOLDER / f"{name}.mcap")))]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "agent-parallel-tools",
            [
                '→ stock({"seconds": 0.4})',
                '→ opening_hours({"day": "Monday"})',
                "← opening_hours: 9 to 18 (50 ms)",
                '← stock: {"roses":12,"tulips":0} (400 ms)',
            ],
        ),
        ("agent-hands-over", ["shop answers now", "florist answers now"]),
        (
            "agent-tool-begun-early",
            ["a reply was begun in vain", "← opening_hours: 9 to 18 (50 ms)"],
        ),
        ("agent-ends-the-call", ["the call is to end: the agent ended the call"]),
        ("agent-crashes", ["the agent's code failed: LookupError: no such customer"]),
    ],
)
def test_what_an_agent_did_is_shown(name: str, expected: list[str]) -> None:
    found = shown(name)
    assert [line for line in found if line in expected] == expected


def test_the_reply_of_several_rounds_is_one() -> None:
    told = [text for text in shown("agent-hands-over") if text.startswith("“One moment.")]
    assert len(told) == 1
    assert told[0].startswith("“One moment. Florist here.”")


def test_what_the_agent_says_by_itself_is_a_reply() -> None:
    told = [text.partition("  ")[0] for text in shown("agent-asks") if text.startswith("“")]
    assert told == [
        "“A quiz.”",
        "“Capital of France?”",
        "“paris i think”",
        "“Two and two?”",
        "“it is four”",
        "“2 right.”",
        "“Bye.”",
    ]
