"""What calls cost here: a load is carried and counted, and what is written can be planned with."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress
from typer.testing import CliRunner

from parley.bench import beside_costs
from parley.bench.cost_loads import Loads, _log_bytes, carried, small
from parley.bench.costs import table_of
from parley.bench.engine_costs import Measured, detectors
from parley.bench.result import Result, spread
from parley.capacity.costs import costs_in
from parley.capacity.told import amount
from parley.commands.app import app
from parley.config import load_settings

EXAMPLES = Path("examples/audio")


@pytest.mark.long
@pytest.mark.slow
async def test_a_load_says_who_talked_and_what_was_sent() -> None:
    with Progress(console=Console(file=io.StringIO())) as progress:
        loads = Loads(7.0, EXAMPLES, progress)
        seen, row = await loads.sessions("ws", 3)
        loads.close()
    assert seen.traffic.sessions == 3
    assert seen.traffic.frames_per_s == pytest.approx(30, rel=0.1)
    assert 0.3 < seen.traffic.talking < 2.5, "two seconds of six, each of three"
    assert 0.3 < seen.traffic.replying < 3
    assert 0 < seen.traffic.turns_per_s < 1.5
    assert 0 < seen.cores < 1
    assert row["sent_bytes_per_s"] == pytest.approx(3 * 32_000, rel=0.1)
    assert loads.rows[0]["dialect"] == "ws"


def test_figures_that_are_written_can_be_planned_with(tmp_path: Path) -> None:
    found = [Measured("ws.frame", 0.000123456, "a few"), Measured("voice.joe", 0.07, "speech")]
    result = Result(
        bench="costs", when="2026-11-29T20:00:00", parameters={}, rows=[m.row() for m in found]
    )
    file = tmp_path / "costs.json"
    result.write(file)
    costs = costs_in(file.read_text(), "costs.json")
    assert costs["ws.frame"] == 0.0001235
    assert costs.figure("voice.joe").by == "parley bench costs: speech"
    assert table_of(result).row_count == 2


def test_detectors_cost_a_small_part_of_a_core() -> None:
    (energy,) = detectors(["energy"], EXAMPLES)
    assert energy.name == "detector.energy"
    assert 0 < energy.value < 0.1


def test_the_log_is_shared_out_among_turns_and_calls() -> None:
    lines = [
        {"event": "listening"},
        {"event": "session_opened", "session_id": "a"},
        {"event": "turn", "session_id": "a", "turn": 1},
        {"event": "turn", "session_id": "a", "turn": 2},
    ]
    text = [json.dumps(line) for line in lines]
    found = _log_bytes("\n".join([*text, "no JSON"]))
    assert found == {
        "log_bytes_per_turn": len(text[2]) + 1,
        "log_bytes_per_call": len(text[1]) + 1,
    }


def test_a_load_that_was_not_carried_is_no_measurement() -> None:
    carried({"sessions": 10, "frames_per_s": 99.0}, 100)
    with pytest.raises(ValueError, match="10 callers sent 12% of their audio"):
        carried({"sessions": 10, "frames_per_s": 12.0}, 100)


def test_a_row_is_kept_without_its_distributions() -> None:
    assert small({"sessions": 3, "lag": spread([1.0]), "names": []}) == {"sessions": 3}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.000123456, "0.000123"), (0.0456, "0.0456"), (60, "60"), (123.4, "123")],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert amount(value) == text


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--dialects", "morse"], "no dialect 'morse'"),
        (["--recognizers", "ear"], "no recognizer 'ear'"),
        (["--voices", "bob"], "no voice 'bob'"),
    ],
)
def test_what_is_not_known_is_one_line(option: list[str], words: str) -> None:
    done = CliRunner().invoke(app, ["bench", "costs", *option])
    assert done.exit_code == 1
    assert words in done.output


@pytest.mark.skipif(
    not any(shutil.which(server) for server, _ in beside_costs.STORES),
    reason="neither valkey-server nor redis-server is installed",
)
async def test_a_store_is_started_asked_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside_costs, "OPERATIONS", 5000)
    found = await beside_costs.store()
    assert [one.name for one in found] == ["store.set", "store.operation"]
    assert all(0 <= one.value < 1e-3 for one in found)


async def test_what_is_not_installed_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert await beside_costs.store() == []
    assert await beside_costs.proxy(1, lambda port: None, (0, 1)) == []  # type: ignore[arg-type, return-value]


def test_the_engines_of_the_measurement_are_settings() -> None:
    from parley.bench.cost_loads import QUIET_ENGINES, RECOGNIZERS

    for recognizer in RECOGNIZERS.values():
        changes = {key.lower(): value for key, value in (QUIET_ENGINES | recognizer).items()}
        assert load_settings(changes).stream_log_format == "json"
