"""Agents from files: found by name, and one clear line where there is none."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from parley.agent import Agent, BadAgent, load_agents
from parley.agents.registry import Agents, UnknownAgent
from parley.commands.app import app
from parley.config import Settings

SHOP = """
from parley.agent import Agent
receptionist = Agent("You are the receptionist.")
florist = Agent("You are the florist.", name="flora")
also = florist
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


def test_an_agent_is_found_in_a_module_and_in_a_file(folder: Path) -> None:
    folder.joinpath("shop_one.py").write_text(SHOP)
    (found,) = load_agents("shop_one:receptionist")
    assert found.name == "receptionist"
    (other,) = load_agents(str(folder / "shop_one.py:florist"))
    assert other.name == "flora"


def test_a_module_alone_is_all_its_agents_in_their_order(folder: Path) -> None:
    folder.joinpath("shop_two.py").write_text(SHOP)
    assert [agent.name for agent in load_agents("shop_two.py")] == ["receptionist", "flora"]


@pytest.mark.parametrize("where", ["shop_twice.py", "shop_twice"])
def test_what_was_saved_twice_in_a_second_is_read_as_it_stands(
    where: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder.joinpath("shop_twice.py").write_text(
        "from words_twice import WORDS\nfrom parley.agent import Agent\na = Agent(WORDS)\n"
    )
    heard = []
    for words in ("one", "two"):
        beside = folder / "words_twice.py"
        beside.write_text(f"WORDS = {words!r}\n")
        os.utime(beside, (1_000_000, 1_000_000))
        importlib.invalidate_caches()
        heard += [agent.instructions for agent in load_agents(where)]
        for name in ("shop_twice", "words_twice"):
            del sys.modules[name]
    assert heard == ["one", "two"]
    assert sys.dont_write_bytecode is False


def test_files_beside_it_can_be_imported(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    inner.joinpath("hours_of_three.py").write_text("OPEN = 'nine'\n")
    inner.joinpath("shop_three.py").write_text(
        "from hours_of_three import OPEN\nfrom parley.agent import Agent\na = Agent(OPEN)\n"
    )
    assert [agent.instructions for agent in load_agents("inner/shop_three.py")] == ["nine"]


NO_DOCSTRING = """
from parley.agent import Agent
a = Agent()
@a.tool
def hours(day: str) -> str:
    return day
"""


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("", "", "names no agent"),
        ("", "nowhere_at_all:shop", "there is no module 'nowhere_at_all' here"),
        ("", "nowhere.py:shop", "there is no such file"),
        ("x = 1\n", "bad_one:shop", "bad_one has nothing called 'shop'; its agents: none"),
        (SHOP, "bad_two:shop", "its agents: receptionist, florist, also"),
        ("x = 1\n", "bad_three:x", "bad_three:x is a int, and no Agent"),
        ("x = 1\n", "bad_four", "bad_four has no agent in it"),
        ("\n1 / 0\n", "bad_five:shop", "ZeroDivisionError: division by zero (line 2)"),
        ("import no_such_thing\n", "bad_six:shop", "No module named 'no_such_thing'"),
        ("def (\n", "bad_seven:shop", "SyntaxError"),
        (NO_DOCSTRING, "bad_eight:a", "the tool hours has no docstring"),
        ("raise SystemExit(3)\n", "bad_nine:a", "it ends the program while it is imported"),
    ],
)
def test_what_names_no_agent_is_one_clear_line_and_exit_code_2(
    folder: Path, text: str, where: str, why: str
) -> None:
    if text:
        folder.joinpath(f"{where.partition(':')[0]}.py").write_text(text)
    result = CliRunner().invoke(app, ["serve", "--agent", where, "--port", "0"])
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if line]
    assert line.startswith("parley: ")
    assert why in line


def test_two_agents_of_one_name_are_refused(folder: Path) -> None:
    folder.joinpath("twins.py").write_text(
        "from parley.agent import Agent\na = Agent(name='x')\nb = Agent(name='x')\n"
    )
    result = CliRunner().invoke(app, ["serve", "--agent", "twins.py", "--port", "0"])
    assert (result.exit_code, "two agents are called x" in result.stderr) == (2, True)


# Who answers


def test_the_first_agent_answers_who_names_none() -> None:
    agents = Agents([Agent(name="a"), Agent(name="b")], Settings.defaults())
    assert (agents.names, agents.choose()) == (["a", "b"], agents.choose("a"))
    with pytest.raises(UnknownAgent, match="there is no agent 'c'; known: a, b"):
        agents.choose("c")


def test_without_agents_nobody_is_there_unless_the_settings_ask_for_it() -> None:
    assert Agents((), Settings.defaults()).choose() is None
    for settings in (
        {"stream_greeting": "Hello."},
        {"stream_system_prompt": "Talk to {{name}}."},
        {"stream_mcp_servers": "uvx some-server"},
    ):
        agent = Agents((), Settings.defaults(**settings)).choose()
        assert agent is not None
        assert agent.name == "parley"


def test_an_agents_own_settings_hold_for_its_calls() -> None:
    agent: Agent[None] = Agent(name="a", language="de", settings={"stream_silence_ask_s": 9})
    settings = Settings.defaults(stream_memory_turns=3)
    own = Agents([agent], settings).settings_for(agent, settings)
    assert (own.stream_language, own.stream_silence_ask_s, own.stream_memory_turns) == ("de", 9, 3)


def test_an_agent_without_a_name_is_told_to_have_one() -> None:
    with pytest.raises(BadAgent, match="an agent has no name"):
        Agents([Agent("Be brief.")], Settings.defaults())
