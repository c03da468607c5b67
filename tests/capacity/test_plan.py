"""The plan: what must hold for any load, and that its numbers belong together."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.capacity import store_load
from parley.capacity.costs import Costs, our_costs
from parley.capacity.figures import DETECTORS, DIALECTS, MODELS, RECOGNIZERS, VOICES
from parley.capacity.load import BadLoad, Load, Machine
from parley.capacity.machine import machine_with, used_of
from parley.capacity.plan import Plan, plan_of, used_costs
from parley.capacity.told import asked, met, needed, sources
from parley.server.resuming import keeper

OURS = our_costs()

loads = st.builds(
    Load,
    calls=st.floats(1, 20_000),
    call_minutes=st.floats(0.5, 60),
    talk_share=st.floats(0.01, 0.5),
    reply_share=st.floats(0.01, 0.5),
    turn_s=st.floats(1, 10),
    dialect=st.sampled_from(sorted(DIALECTS)),
    detector=st.sampled_from(DETECTORS),
    recognizer=st.sampled_from(RECOGNIZERS),
    model=st.sampled_from(MODELS),
    voice=st.sampled_from(VOICES),
    recorded=st.sampled_from([0.0, 0.1, 1.0]),
    machine=st.builds(Machine, cores=st.sampled_from([8, 16, 64])),
)


def plan(**changes: object) -> Plan:
    return plan_of(replace(Load(calls=1000), **changes), OURS)  # type: ignore[arg-type]


@settings(max_examples=20, deadline=None)
@given(loads, st.floats(1.0, 3.0))
def test_more_calls_never_need_less_of_anything(load: Load, times: float) -> None:
    less, more = plan_of(load, OURS), plan_of(replace(load, calls=load.calls * times), OURS)
    for name in ("places", "machines", "processes", "talking", "replying", "turns_per_s"):
        assert getattr(more, name) >= getattr(less, name), name
    assert more.wire.in_bits >= less.wire.in_bits
    assert more.wire.out_bits >= less.wire.out_bits
    assert more.proxies.machines >= less.proxies.machines
    assert more.store.operations_per_s >= less.store.operations_per_s
    assert more.log_bytes_per_s >= less.log_bytes_per_s
    assert more.cores.workers >= less.cores.workers


@settings(max_examples=20, deadline=None)
@given(loads)
def test_twice_the_cores_are_at_most_half_the_machines(load: Load) -> None:
    """At most: a larger machine has fewer recognizers that nobody uses. Memory and network grow
    with it, or they would be full first."""
    one = load.machine
    two = replace(
        one,
        cores=2 * one.cores,
        memory_gb=2 * one.memory_gb,
        network_gbit=2 * one.network_gbit,
    )
    small = plan_of(load, OURS)
    large = plan_of(replace(load, machine=two), OURS)
    assert large.full.sessions >= 2 * small.full.sessions - 2
    few = small.machines - load.spare_machines
    assert large.machines - load.spare_machines <= math.ceil(few / 2) + 1


@settings(max_examples=20, deadline=None)
@given(loads)
def test_a_machine_is_filled_and_not_overfilled(load: Load) -> None:
    made = plan_of(load, OURS)
    assert max(used_of(load, made.full).values()) <= 1
    next_one = machine_with(load, OURS, made.full.sessions + 1)
    assert max(used_of(load, next_one).values()) > 1
    assert made.refused <= load.most_refused
    assert made.refused_alone >= made.refused * (1 - 1e-9)


@settings(max_examples=20, deadline=None)
@given(loads)
def test_where_a_machine_fails_the_others_have_room_for_everybody(load: Load) -> None:
    made = plan_of(load, OURS)
    assert (made.machines - load.spare_machines) * made.full.sessions >= made.places


@settings(max_examples=20, deadline=None)
@given(loads)
def test_it_says_what_it_rests_on(load: Load) -> None:
    """A plan reads no cost that it does not name."""
    bare = Costs({name: OURS.figures[name] for name in used_costs(load)}, "here")
    assert plan_of(load, bare) == plan_of(load, OURS)


def test_talking_costs_recognizers_and_not_sockets_alone() -> None:
    quiet, loud = plan(talk_share=0.1), plan(talk_share=0.5)
    assert loud.cores.recognizer == pytest.approx(5 * quiet.cores.recognizer)
    assert loud.machines > quiet.machines
    assert loud.wire.in_bits == quiet.wire.in_bits, "silence is sent as well"


def test_engines_that_run_elsewhere_cost_nothing_here() -> None:
    made = plan(recognizer="service", voice="service")
    assert made.cores.recognizer == made.cores.voice == 0
    assert made.full.recognizer_lanes == made.full.voice_lanes == 0
    assert made.machines < plan().machines
    assert any("recognizer's service" in line.what for line in needed(made))


def test_frames_of_100_ms_cost_less_than_those_of_20() -> None:
    assert plan(frame_ms=100).cores.sockets < plan(frame_ms=20).cores.sockets
    assert plan(frame_ms=100).wire.in_packets < plan(frame_ms=20).wire.in_packets


def test_a_spare_machine_is_one_more() -> None:
    assert plan(spare_machines=3).machines == plan(spare_machines=0).machines + 3


def test_no_calls_need_no_places() -> None:
    made = plan(calls=0)
    assert made.places == 0
    assert made.machines == 2, "one, and one that may fail"


def test_limits_come_in_their_order_and_do_not_depend_on_the_calls() -> None:
    few, many = plan(calls=100), plan(calls=1_000_000)
    assert [limit.calls for limit in few.limits] == sorted(limit.calls for limit in few.limits)
    assert [limit.what for limit in few.limits] == [limit.what for limit in many.limits]
    assert sum(beyond for *_, beyond in met(many)) > sum(beyond for *_, beyond in met(few))


def test_recordings_have_a_disk_that_is_full_at_some_number() -> None:
    assert any("recordings" in limit.what for limit in plan(recorded=1.0).limits)
    assert not any("recordings" in limit.what for limit in plan().limits)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_plan_can_be_told(dialect: str) -> None:
    made = plan(dialect=dialect, recorded=0.5, recognizer="service", voice="service")
    lines = [*asked(made), *needed(made)]
    assert all(line.what and line.amount for line in lines)
    assert all(line.rests_on in ("", "measured", "extrapolated", "assumed") for line in lines)
    told = " ".join(sources(OURS, made))
    assert all(name in told for name in made.sure)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"calls": -1}, "--calls is 0 to"),
        ({"calls": float("nan")}, "--calls is 0 to"),
        ({"calls": 1e9}, "--calls is 0 to"),
        ({"talk_share": 1.2}, "--talk-share is 0 to 1, not 1.2"),
        ({"talk_share": 0.7, "reply_share": 0.7}, "cannot talk for 70%"),
        ({"call_minutes": 0}, "--call-minutes"),
        ({"turn_s": 100, "call_minutes": 1}, "a turn of 100 s is longer than the call"),
        ({"frame_ms": 5}, "10 to 1000 ms"),
        ({"dialect": "telephone", "frame_ms": 100}, "frames of 20 ms"),
        ({"dialect": "morse"}, "--dialect is one of ws,"),
        ({"recognizer": "ear"}, "--recognizer is one of"),
        ({"machine": Machine(cores=0)}, "--machine-cores is 1 to"),
        ({"machine": Machine(used=0)}, "--fullest is 0.05 to 1"),
        ({"most_refused": 0}, "--most-refused"),
        ({"percentile": 1}, "--percentile"),
        ({"voice": "kokoro", "machine": Machine(cores=1, used=0.05)}, "not carry a single call"),
    ],
)
def test_what_makes_no_sense_is_told(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BadLoad) as raised:
        plan(**changes)
    assert words in str(raised.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(BadLoad) as raised:
        plan(calls=-1, voice="bob", machine=Machine(cores=0))
    assert len(raised.value.problems) == 3


def test_a_conversation_is_kept_as_often_as_a_server_keeps_it() -> None:
    assert store_load.SET_EVERY_S == keeper.EVERY_S
    assert store_load.LOOK_EVERY_S == keeper.ELSEWHERE_S
