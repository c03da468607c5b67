"""The examples of docs/EMBEDDING.md are executed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from parley.embedding import Streams

PAGE = Path(__file__).resolve().parent.parent / "docs/EMBEDDING.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def run_block(number: int) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": f"example_{number}"}
    exec(compile(BLOCKS[number], f"EMBEDDING.md, example {number + 1}", "exec"), names)
    return names


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "2 plus 2 is 4."),
        (1, ["newspeech connected", "they said 'tell me a story'", "interrupted after", "gone"]),
        (3, "pretty polly "),
    ],
)
async def test_an_example_does_what_the_page_says(number: int, expected: str | list[str]) -> None:
    main = run_block(number)["main"]
    with trio.fail_after(30):
        got = await main()
    if isinstance(expected, str):
        assert got == expected
    else:
        assert len(got) == len(expected)
        assert all(line.startswith(start) for line, start in zip(got, expected, strict=True))


async def test_the_example_under_virtual_time_passes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    await run_block(5)["test_a_question_is_answered"](autojump_clock)


async def test_the_example_that_comes_back_does(autojump_clock: trio.testing.MockClock) -> None:
    async with run_block(4)["Patient"]().reply([]) as tokens:
        said = [token async for token in tokens]
    assert said[0] == "Give me a minute."
    assert said[1].after_s == 60


async def test_the_voice_that_streams_is_one_and_speaks() -> None:
    voice = run_block(2)["Beeper"]()
    assert isinstance(voice, Streams)
    async with voice.stream("one three") as pieces:
        assert [piece.duration_s async for piece in pieces] == [0.1, 0.1]
    assert (await voice.speak("one three")).duration_s == 0.2


def test_every_example_is_executed_here() -> None:
    assert len(BLOCKS) == 6
