"""Writing an agent: `parley try`, a text chat, and `parley dev`, which loads it again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from parley.agent import Agent, ReplyOver, TextHeard, ToolCall, ToolCalled, load_agents
from parley.agents.registry import Agents
from parley.commands.dev import Printer, has_display, reload_for_ever
from parley.config import Settings
from parley.conversation.events import ConductorChanged, Connected, Disconnected

SHOP = '''
from parley.agent import Agent
shop = Agent("Be brief.", greeting="{greeting}")

@shop.tool
async def opening_hours(day: str) -> str:
    """When the shop is open."""
    return "9 to 18"
'''


def parley(*arguments: str, folder: Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "parley", *arguments],
        cwd=folder,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment | {"STREAM_LLM_ENGINE": "local"},
        check=False,
    )


def test_lines_that_are_piped_in_are_answered_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP.format(greeting="Hello {{name}}!"))
    run = parley(
        *("try", "shop.py", "--query", "name=Ann"),
        folder=tmp_path,
        typed="what are your opening hours on monday?\n",
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[:4] == [
        "[shop answers]",
        "  Hello Ann!",
        "> what are your opening hours on monday?",
        '→ opening_hours({"day":"monday"})',
    ]
    assert lines[4].startswith("← 9 to 18  (")
    assert lines[5] == "  9 to 18."


@pytest.mark.parametrize("command", ["try", "dev"])
def test_what_names_no_agent_is_one_line_and_exit_code_2(tmp_path: Path, command: str) -> None:
    run = parley(command, "nowhere.py", folder=tmp_path)
    assert run.returncode == 2
    assert run.stderr == "parley: nowhere.py: there is no such file\n"


def test_a_parameter_without_a_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP.format(greeting=""))
    run = parley("try", "shop.py", "--query", "name", folder=tmp_path)
    assert (run.returncode, "write it as name=value" in run.stderr) == (2, True)


def write(path: Path, greeting: str, stamp: int) -> None:
    """With a time of its own: a test writes faster than a clock ticks."""
    path.write_text(SHOP.format(greeting=greeting) if greeting else "1 / 0\n")
    os.utime(path, ns=(stamp, stamp))


async def test_an_agent_is_loaded_again_when_its_file_changes_and_stays_where_that_fails(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    file, told = tmp_path / "reloaded_shop.py", list[str]()
    write(file, "One.", 1_000)
    registry = Agents(load_agents(str(file)), Settings.defaults())

    def greeting() -> object:
        agent = registry.choose()
        return agent and agent.greeting

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reload_for_ever, str(file), registry, told.append)
        await trio.sleep(0.1)
        write(file, "Two.", 2_000)
        await trio.sleep(1)
        assert (greeting(), told) == ("Two.", ["loaded again: reloaded_shop.py"])
        write(file, "", 3_000)
        await trio.sleep(1)
        assert greeting() == "Two."
        assert told[1].startswith("not loaded, the agent before stays: ")
        assert "ZeroDivisionError" in told[1]
        write(file, "Three.", 4_000)
        await trio.sleep(1)
        assert greeting() == "Three."
        nursery.cancel_scope.cancel()


def test_a_failed_replacement_changes_nothing() -> None:
    registry = Agents([Agent(name="a")], Settings.defaults())
    with pytest.raises(ValueError, match="two agents are called b"):
        registry.replace([Agent(name="b"), Agent(name="b")])
    assert registry.names == ["a"]


def test_the_conversation_is_printed() -> None:
    lines: list[str] = []
    printer = Printer(lines.append)
    call = ToolCall(id="x", name="hours", arguments="{}")
    for event in (
        Connected(session_id="s1", dialect="newspeech", peer="127.0.0.1"),
        ConductorChanged(session_id="s1", name="shop", voice=""),
        TextHeard(session_id="s1", text="when?", typed=False),
        ToolCalled(session_id="s1", turn=1, call=call),
        ReplyOver(session_id="s1", turn=1, text="From nine.", heard="From", interrupted=True),
        ConductorChanged(session_id="s1", name="florist", voice=""),
        Disconnected(session_id="s1"),
    ):
        printer(event)
    assert lines == [
        "— a call by newspeech from 127.0.0.1",
        "caller: when?",
        "→ hours({})",
        "shop: From  [interrupted]",
        "— florist takes over",
        "— the call is over",
    ]


def test_a_browser_is_opened_only_where_it_has_a_window() -> None:
    assert has_display({"DISPLAY": ":0"})
    assert has_display({}) == (sys.platform == "darwin")
