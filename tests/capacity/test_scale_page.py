"""docs/SCALE.md says what the plan says: its tables are calculated again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parley.capacity.costs import our_costs
from parley.capacity.erlang import places_for
from parley.capacity.load import Load
from parley.capacity.plan import plan_of
from parley.capacity.told import amount, bits, count

PAGE = (Path(__file__).resolve().parents[2] / "docs/SCALE.md").read_text("utf-8")
CALLS = (100, 1_000, 10_000, 100_000, 1_000_000)


def table_of(heading: str) -> dict[str, list[str]]:
    """The first table behind a heading, by its first column."""
    rows = re.findall(r"^\|(.+)\|$", PAGE.partition(f"## {heading}\n")[2], re.MULTILINE)
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    first = [row for row in cells if row[0] and not row[0].startswith("-")]
    return {row[0]: row[1:] for row in first}


@pytest.mark.parametrize("calls", CALLS)
def test_the_table_of_scales_is_what_is_calculated(calls: int) -> None:
    plan = plan_of(Load(calls=calls), our_costs())
    assert table_of("From a hundred to a million")[count(calls)] == [
        count(plan.machines),
        count(plan.processes),
        amount(plan.cores.server + plan.cores.workers),
        bits(plan.wire.in_bits),
        bits(plan.wire.out_bits),
        count(plan.proxies.machines),
        count(plan.store.operations_per_s),
        f"{amount(plan.store.bytes_per_s / 1e6)} MB/s",
        f"{amount(plan.log_bytes_per_s * 86_400 / 1e9)} GB",
    ]


def test_the_limits_are_those_that_are_calculated() -> None:
    limits = plan_of(Load(calls=10_000), our_costs()).limits
    told = re.findall(r"^\| ([\d,]+) \| ([^|]+) \|", PAGE, re.MULTILINE)
    for limit in limits:
        assert (count(limit.calls), limit.what) in told


@pytest.mark.parametrize(("calls", "times"), [(100, 2.8), (1_000, 2.3), (10_000, 1.7)])
def test_the_rule_for_a_pencil_is_near(calls: int, times: float) -> None:
    assert f"`A + {times} √A` for {calls:,}" in PAGE
    assert calls + times * calls**0.5 == pytest.approx(places_for(calls, 0.001), rel=0.005)


def test_every_cost_of_the_example_is_ours() -> None:
    for name, value in table_of("The costs").items():
        if name.startswith("`"):
            assert value[0] == amount(our_costs()[name.strip("`")]), name
