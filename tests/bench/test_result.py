"""Results: figures with the place and the settings they come from."""

from __future__ import annotations

import cProfile
import json
from pathlib import Path

from parley.bench.result import QUANTILES, Result, spread
from parley.bench.shares import shares_of


def test_a_spread_has_median_tail_and_quantiles() -> None:
    found = spread((value / 1000 for value in range(1, 1001)), 1000)
    assert (found.count, found.median, found.p95, found.p99, found.most) == (
        *(1000, 501, 951, 991),
        1000,
    )
    assert len(found.quantiles) == QUANTILES
    assert found.quantiles[0] == 1
    assert found.quantiles[-1] == 1000


def test_nothing_has_no_spread() -> None:
    found = spread([])
    assert (found.count, found.median, found.most) == (0, None, None)


def test_a_result_says_where_it_was_measured_and_names_no_one(tmp_path: Path) -> None:
    result = Result(
        bench="sessions",
        when="2026-11-20T12:00:00+00:00",
        parameters={"seconds": 1},
        rows=[{"sessions": 3, "lag_ms": spread([1.0, 2.0])}],
    )
    path = tmp_path / "new" / "sessions.json"
    result.write(path)
    written = json.loads(path.read_text())
    assert written["rows"][0]["lag_ms"]["count"] == 2
    assert {"cpu", "cores", "python", "packages", "load_1min"} <= set(written["environment"])
    assert written["environment"]["packages"]["trio"]
    assert str(Path.home()) not in path.read_text()


def test_time_is_shared_out_by_package(tmp_path: Path) -> None:
    import msgspec

    profiler = cProfile.Profile()
    profiler.runcall(lambda: [spread(range(2000)) for _ in range(5)] and msgspec.json.encode([1]))
    profiler.dump_stats(tmp_path / "p")
    shares = shares_of(tmp_path / "p", Path(__file__).resolve().parents[2])
    assert abs(sum(shares.values()) - 1) < 0.01
    assert "parley.bench" in shares
