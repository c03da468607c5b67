"""`parley plan` at the command line: a table, JSON, and one line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from parley.capacity.costs import our_costs
from parley.commands.app import app


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["plan", *arguments])
    return done.exit_code, done.output


def test_a_table_says_what_is_needed_and_what_breaks_first() -> None:
    code, output = run("--calls", "10000")
    assert code == 0, output
    for words in (
        "machines of 16 cores",
        "recognizer: moonshine",
        "Valkey: operations a second",
        "HAProxy: connections",
        "what breaks first",
        "one machine: its",
        "how sure the costs are",
    ):
        assert words in output
    tables = output.partition("how sure the costs are")[0]
    assert max(map(len, tables.splitlines())) <= 100


def test_arrivals_and_minutes_are_calls() -> None:
    _, by_calls = run("--calls", "600", "--call-minutes", "6", "--json")
    _, by_arrivals = run("--arrivals-per-hour", "6000", "--call-minutes", "6", "--json")
    assert json.loads(by_calls) == json.loads(by_arrivals)


def test_json_says_where_each_cost_is_from() -> None:
    code, output = run("--calls", "500", "--dialect", "telephone", "--json")
    assert code == 0
    made = json.loads(output)
    assert made["machines"] > 1
    assert made["limits"][0]["calls"] > 0
    cost = made["costs"]["telephone.frame"]
    assert cost["unit"] == "CPU s"
    assert cost["sure"] and cost["by"] and cost["where"] and cost["what"]


def test_costs_of_another_machine_change_the_plan(tmp_path: Path) -> None:
    slow = {
        "bench": "costs",
        "when": "2026-11-29",
        "environment": {"cpu": "Snail", "cores": 1},
        "rows": [
            {
                "figure": "recognizer.moonshine",
                "value": 10 * our_costs()["recognizer.moonshine"],
                "unit": "core",
            }
        ],
    }
    file = tmp_path / "costs.json"
    file.write_text(json.dumps(slow))
    _, ours = run("--calls", "500", "--json")
    _, theirs = run("--calls", "500", "--from", str(file), "--json")
    assert json.loads(theirs)["machines"] > 2 * json.loads(ours)["machines"]
    assert "Snail" in run("--calls", "500", "--from", str(file))[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say how many --calls"),
        (["--calls", "5", "--arrivals-per-hour", "5"], "--calls or --arrivals-per-hour"),
        (["--calls", "-5"], "--calls is 0 to"),
        (["--calls", "5", "--voice", "bob", "--talk-share", "7"], "--voice is one of"),
        (["--calls", "5", "--from", "nothing.json"], "nothing.json: cannot be read"),
        (["--calls", "5", "--from", "pyproject.toml"], "is not JSON"),
    ],
)
def test_a_mistake_is_a_line_and_exit_code_2(arguments: list[str], words: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert words in output
    assert "Traceback" not in output
