"""Files of costs: ours is whole, and others are read with care."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parley.capacity.costs import BadCosts, Costs, costs_in, our_costs
from parley.capacity.figures import MEANINGS


def file_of(**changes: Any) -> str:
    row = {"figure": "ws.frame", "value": 0.0002, "unit": "CPU s", "by": "a test"} | changes
    return json.dumps(
        {
            "bench": "costs",
            "when": "2026-11-29T20:00:00+00:00",
            "environment": {"cpu": "Thing", "cores": 4},
            "rows": [{key: value for key, value in row.items() if value is not None}],
        }
    )


def test_ours_hold_every_figure() -> None:
    ours = our_costs()
    assert set(ours.figures) == set(MEANINGS)
    assert all(figure.by and figure.where for figure in ours.figures.values())


def test_a_file_says_where_its_figures_are_from() -> None:
    figure = costs_in(file_of(), "mine.json").figure("ws.frame")
    assert figure.value == 0.0002
    assert figure.sure == "measured"
    assert figure.where == "Thing, 4 cores, 2026-11-29"


def test_what_a_file_lacks_is_taken_from_others() -> None:
    mine = costs_in(file_of(), "mine.json")
    both = mine.over(our_costs())
    assert both["ws.frame"] == 0.0002
    assert both["ws.turn"] == our_costs()["ws.turn"]
    with pytest.raises(BadCosts, match=r"'ws\.turn'"):
        mine["ws.turn"]
    assert isinstance(both, Costs)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "no file of costs"),
        ('{"bench": "sessions", "rows": []}', "parley bench costs"),
        ('{"bench": "costs", "rows": []}', "holds no figures"),
        ('{"bench": "costs", "rows": [3]}', "no figure: 3"),
        (file_of(figure="ws.frames"), "'ws.frames' is no figure"),
        (file_of(figure=None), "None is no figure"),
        (file_of(unit="ms"), "is in CPU s, not in 'ms'"),
        (file_of(value="much"), "no number: 'much'"),
        (file_of(value=True), "no number: True"),
        (file_of(value=-0.1), "cannot be -0.1"),
        (file_of(value=1e30), "cannot be 1e"),
        (file_of(value=float("nan")), "cannot be nan"),
        (file_of(sure="certain"), "not 'certain'"),
    ],
)
def test_a_file_that_is_none_is_one_line(text: str, words: str) -> None:
    with pytest.raises(BadCosts) as raised:
        costs_in(text, "mine.json")
    assert words in str(raised.value)
    assert str(raised.value).startswith("mine.json: ")
    assert "\n" not in str(raised.value)
