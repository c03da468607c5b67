"""What is counted and measured, as Prometheus reads it."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from parley.engines.failures import EngineTimeout, LaneLost
from parley.protocol.codes import Breach
from parley.telemetry import COUNTS, STAGES, Telemetry


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    """One sample of the exposition, None where there is none."""
    return telemetry.registry.get_sample_value(name, labels)


@pytest.mark.parametrize("name", COUNTS)
def test_every_declared_count_is_there_from_the_beginning(name: str) -> None:
    telemetry = Telemetry()
    assert value(telemetry, f"parley_{name}_total") == 0
    telemetry.count(name)
    telemetry.count(name, 2.5)
    assert value(telemetry, f"parley_{name}_total") == 3.5


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_is_there_from_the_beginning(name: str) -> None:
    telemetry = Telemetry()
    assert value(telemetry, "parley_stage_seconds_count", stage=name) == 0
    telemetry.stage(name, 0.3)
    assert value(telemetry, "parley_stage_seconds_sum", stage=name) == 0.3
    assert value(telemetry, "parley_stage_seconds_bucket", stage=name, le="0.2") == 0
    assert value(telemetry, "parley_stage_seconds_bucket", stage=name, le="0.35") == 1


def test_a_stage_that_ended_before_it_began_took_no_time() -> None:
    telemetry = Telemetry()
    telemetry.stage("final", -0.001)
    assert value(telemetry, "parley_stage_seconds_sum", stage="final") == 0


def test_a_name_that_nobody_declared_is_a_mistake() -> None:
    telemetry = Telemetry()
    with pytest.raises(KeyError, match="'coffees' is not a declared metric"):
        telemetry.count("coffees")
    with pytest.raises(KeyError, match="'coffee' is not a declared metric"):
        telemetry.stage("coffee", 1.0)


def test_what_is_told_with_a_label_is_counted_by_it() -> None:
    telemetry = Telemetry()
    telemetry.dropped("audio")
    telemetry.dropped("audio")
    telemetry.dropped("partial")
    telemetry.engine_failed("asr", LaneLost("x"))
    telemetry.engine_failed("asr", EngineTimeout("x"))
    telemetry.breach(Breach.ODD_AUDIO)
    telemetry.restarted("tts")
    telemetry.session_opened("prompt-voice")
    telemetry.refused("full")
    expected = [
        ("parley_drops_total", {"edge": "audio"}, 2),
        ("parley_drops_total", {"edge": "partial"}, 1),
        ("parley_engine_failures_total", {"engine": "asr", "failure": "LaneLost"}, 1),
        ("parley_engine_failures_total", {"engine": "asr", "failure": "EngineTimeout"}, 1),
        ("parley_violations_total", {"breach": "odd_audio"}, 1),
        ("parley_restarts_total", {"child": "tts"}, 1),
        ("parley_sessions_opened_total", {"dialect": "prompt-voice"}, 1),
        ("parley_sessions_refused_total", {"reason": "full"}, 1),
    ]
    for name, labels, count in expected:
        assert value(telemetry, name, **labels) == count


def test_a_gauge_is_read_when_it_is_asked_for() -> None:
    telemetry = Telemetry()
    sessions = [1.0]
    telemetry.gauge("sessions", "sessions open now", lambda: sessions[0])
    assert b"parley_sessions 1.0" in telemetry.exposition()
    sessions[0] = 2.0
    assert b"parley_sessions 2.0" in telemetry.exposition()


def test_two_servers_in_one_process_do_not_mix() -> None:
    one, other = Telemetry(), Telemetry()
    one.count("turns")
    assert value(other, "parley_turns_total") == 0


def test_prometheus_can_parse_it_and_each_metric_says_what_it_is() -> None:
    families = list(text_string_to_metric_families(Telemetry().exposition().decode()))
    assert all(family.name.startswith("parley_") for family in families)
    assert all(family.documentation for family in families)
    # Beside the counts: the stages, and seven that have labels.
    assert len({f.name for f in families if not f.name.endswith("_created")}) == len(COUNTS) + 8


def test_figures_of_one_kind_have_a_label() -> None:
    telemetry = Telemetry()
    lanes = {"asr-1": 1.0}
    telemetry.gauges("lane_up", "whether a lane is ready", "lane", lambda: lanes)
    assert value(telemetry, "parley_lane_up", lane="asr-1") == 1
    lanes.update({"asr-1": 0.0, "tts-1": 1.0})
    assert value(telemetry, "parley_lane_up", lane="asr-1") == 0
    assert value(telemetry, "parley_lane_up", lane="tts-1") == 1
