"""The metrics of several workers in one text."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from parley.server.workers.metrics_text import labelled, merged, up
from parley.telemetry import Telemetry


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("parley_turns_total 3.0", 'parley_turns_total{worker="2"} 3.0'),
        (
            'parley_stage_seconds_bucket{le="0.1",stage="final"} 4.0',
            'parley_stage_seconds_bucket{worker="2",le="0.1",stage="final"} 4.0',
        ),
        ('a_total{said="{ 1"} 2.0', 'a_total{worker="2",said="{ 1"} 2.0'),
    ],
)
def test_a_line_says_its_worker(sample: str, expected: str) -> None:
    assert labelled(sample, 2) == expected


def test_prometheus_reads_what_two_workers_say() -> None:
    one, two = Telemetry(), Telemetry()
    one.count("turns", 3)
    two.count("turns", 4)
    two.refused("full")
    two.stage("final", 0.2)
    two.gauge("open_sessions", "Sessions open now", lambda: 7)
    text = merged({1: one.exposition().decode(), 2: two.exposition().decode()})
    text += up({1: True, 2: True, 3: False})
    families = {family.name: family for family in text_string_to_metric_families(text)}
    turns = {
        sample.labels["worker"]: sample.value
        for sample in families["parley_turns"].samples
        if sample.name == "parley_turns_total"
    }
    assert turns == {"1": 3.0, "2": 4.0}
    assert families["parley_turns"].type == "counter"
    assert families["parley_stage_seconds"].type == "histogram"
    (refused,) = [s for s in families["parley_sessions_refused"].samples if s.name.endswith("l")]
    assert refused.labels == {"worker": "2", "reason": "full"}
    assert [(s.labels["worker"], s.value) for s in families["parley_open_sessions"].samples] == [
        ("2", 7.0)
    ]
    assert [s.value for s in families["parley_worker_up"].samples] == [1.0, 1.0, 0.0]


def test_a_family_stands_together_and_is_described_once() -> None:
    texts = {n: f"# HELP a_total x\n# TYPE a_total counter\na_total {n}.0\n" for n in (1, 2)}
    assert merged(texts).splitlines() == [
        "# HELP a_total x",
        "# TYPE a_total counter",
        'a_total{worker="1"} 1.0',
        'a_total{worker="2"} 2.0',
    ]
