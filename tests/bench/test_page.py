"""The report's parts: markup that cannot be broken, axes that keep order, plots that are XML."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.bench.page.figures import heat_map, name_of, plain, table, unit_of
from parley.bench.page.markup import Markup, el, join
from parley.bench.page.plots import WIDTH, Bar, Series, bars, curves, distributions, strips
from parley.bench.page.scales import figure, labels, log_scale, scale
from parley.bench.result import spread

NASTY = """<script>alert("x" & 'y')</script>"""

values = st.floats(-1e12, 1e12, allow_nan=False).map(lambda value: round(value, 3))


def parsed(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<figure>{markup}</figure>")


@given(st.text())
def test_any_text_is_text(text: str) -> None:
    found = parsed(el("p", text, title=text))[0]
    assert not list(found)
    assert len(found.text or "") == len(text)


def test_markup_is_not_escaped_twice() -> None:
    assert el("p", el("b", "a < b"), None, ["c", Markup("<i/>")]) == ("<p><b>a &lt; b</b>c<i/></p>")
    assert join("&", None) == "&amp;"


def test_attributes_are_named_and_rounded() -> None:
    assert el("rect", x=1.0 / 3, stroke_width=2, class_="a", fill=None) == (
        '<rect x="0.33" stroke-width="2" class="a"/>'
    )


@given(st.lists(values, min_size=1))
def test_a_scale_holds_all_values_and_keeps_their_order(given_values: list[float]) -> None:
    x = scale(given_values, 10, 400)
    assert 2 <= len(x.ticks) <= 9
    assert all(a < b for a, b in pairwise(x.ticks))
    places = [x(value) for value in sorted(given_values)]
    assert all(a <= b for a, b in pairwise(places))
    assert all(9.99 <= place <= 400.01 for place in places)


@given(st.floats(1e-6, 1e9), st.floats(1, 1e6))
def test_a_logarithmic_scale_does_too(low: float, times: float) -> None:
    x = log_scale(low, low * times, 10, 400)
    assert all(a < b for a, b in pairwise(x.ticks))
    assert 9.99 <= x(low) <= x(low * times) <= 400.01
    assert x(0) == 10


def test_a_scale_may_run_upwards() -> None:
    y = scale([5], 200, 10)
    assert y(0) == 200 > y(1) > y(5) == 10


def test_what_is_counted_has_no_halves() -> None:
    assert scale([0], 0, 1, least_step=1).ticks == [0, 1]
    assert scale([2], 0, 1, least_step=1).ticks == [0, 1, 2]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0, "0"),
        (0.00699, "0.00699"),
        (1.5, "1.5"),
        (12.34, "12.3"),
        (945.4, "945"),
        (1059.6, "1\u2009060"),
        (-3.25, "-3.25"),
    ],
)
def test_figures_are_written_as_people_do(value: float | None, shown: str) -> None:
    assert figure(value) == shown


def test_ticks_have_the_decimals_that_they_need() -> None:
    assert labels([0, 0.25, 0.5]) == ["0.00", "0.25", "0.50"]
    assert labels([0, 1000]) == ["0", "1\u2009000"]
    assert labels([0.1, 1, 10], log=True) == ["0.1", "1", "10"]


SPREADS = [(NASTY, spread([1, 2, 3, 100])), ("none", spread([0.0])), ("far", spread([5000.0]))]
PLOTS = {
    "distributions": distributions(SPREADS, NASTY, NASTY),
    "far apart": distributions([SPREADS[0], SPREADS[2]], "far", "ms"),
    "strips": strips(SPREADS, NASTY, NASTY),
    "bars": bars([Bar(NASTY, 0, 5, NASTY), Bar("b", 5, 5, ""), Bar("c", 5, -3, "")], NASTY, NASTY),
    "curves": curves(
        [Series(NASTY, [(1, 2), (0, 3)]), Series("b", [(1, 1)])], NASTY, NASTY, "count"
    ),
}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_xml_that_stays_within_its_paper(name: str) -> None:
    tree = parsed(PLOTS[name])
    (drawing,) = tree.iter("svg")
    assert drawing.get("aria-label")
    assert not list(tree.iter("script"))
    _, _, width, height = map(float, drawing.get("viewBox", "").split())
    assert width == WIDTH
    for key, most in {"x": width, "x1": width, "x2": width, "cx": width, "y": height}.items():
        for element in drawing.iter():
            assert 0 <= float(element.get(key, 0)) <= most, (element.tag, key)


def test_a_distribution_rises_to_the_right() -> None:
    tree = parsed(distributions([("a", spread(range(100)))], "a", "ms"))
    (line,) = tree.iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    assert all(a[0] <= b[0] and a[1] >= b[1] for a, b in pairwise(points))
    assert points[0][1] > points[-1][1]


def test_a_waterfall_hangs_together() -> None:
    stages = [Bar("a", 0, 700, ""), Bar("b", 700, 800, ""), Bar("c", 800, 900, "")]
    tree = parsed(bars(stages, "a", "ms"))
    boxes = [box for box in tree.iter("rect") if "bar" in box.get("class", "")]
    edges = [(float(b.get("x", 0)), float(b.get("x", 0)) + float(b.get("width", 0))) for b in boxes]
    assert all(a[1] == pytest.approx(b[0], abs=0.02) for a, b in pairwise(edges))
    assert sum(line.get("class") == "joint" for line in tree.iter("line")) == 2


def test_a_long_label_leaves_room_for_its_figures() -> None:
    tree = parsed(bars([Bar("long " * 30, 0, 1, "12 ms")], "a", "ms"))
    label = next(text.text or "" for text in tree.iter("text") if text.get("class") == "label")
    assert label.endswith("…") and len(label) < 62


def test_a_heat_map_colours_what_is_bad() -> None:
    cells = {("white", "a"): 1.0, ("white", "b"): 0.0, ("hum", "a"): 0.5}
    drawn = heat_map(["white", "hum"], ["a", "b"], cells, shown=str, badness=lambda v: 1 - v)
    kinds = {cell.text: cell.get("class") for cell in parsed(drawn).iter("td")}
    assert kinds == {"1.0": "num q0", "0.0": "num q9", "0.5": "num q4", "-": "num"}


def test_a_table_keeps_words_left_and_figures_right() -> None:
    tree = parsed(table(["name", "ms"], [[NASTY, "1"]]))
    assert [cell.get("class") for cell in tree.iter("td")] == [None, "num"]


@pytest.mark.parametrize(
    ("key", "name", "unit"),
    [
        ("final_ms", "final", "ms"),
        ("partials_ms_per_s", "partials", "ms per s"),
        ("rtf", "real-time factor", ""),
        ("window_frames", "window frames", ""),
    ],
)
def test_a_key_is_a_name_and_a_unit(key: str, name: str, unit: str) -> None:
    assert (name_of(key), unit_of(key)) == (name, unit)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (True, "yes"),
        (0.25, "0.25"),
        ("a", "a"),
        (["a", 1], "a, 1"),
        ({"a": 1}, "…"),
        (10**30, "…"),
    ],
)
def test_anything_can_be_a_cell(value: object, shown: str) -> None:
    assert plain({"key": value}, "key") == shown
