"""A server dies, or hangs, under people who are being answered: they go on elsewhere, and nothing
is forgotten. Real servers, each a process, and a real Redis."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import trio

from support.figures import Figures
from support.kept_nodes import Person, nodes
from support.redis_server import needs_redis, redis_server
from support.talkers import p95_ms

pytestmark = [pytest.mark.slow, pytest.mark.no_cover, needs_redis]

PEOPLE = {False: 6, True: 40}
BEFORE_S, AFTER_S = 5.0, 12.0
AGAIN_S = 2.0


@pytest.mark.long
async def test_a_server_that_is_killed_costs_nobody_their_conversation(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    with trio.fail_after(200):
        async with (
            redis_server(tmp_path) as redis,
            nodes(tmp_path, 2, {"PARLEY_STORE_URL": redis.url}) as (one, other),
        ):
            people = [Person(n, (one.port, other.port)) for n in range(PEOPLE[full])]
            async with trio.open_nursery() as nursery:
                for person in people:
                    nursery.start_soon(person.run)
                    await trio.sleep(0.05)
                await trio.sleep(BEFORE_S)
                there = [person for person in people if person.port == one.port]
                others = [person for person in people if person.port == other.port]
                one.send(signal.SIGKILL)
                await trio.sleep(AFTER_S)
                nursery.cancel_scope.cancel()
    again_s = [s for person in there for s in person.again_s]
    wrong = [f"{person.number}: {lost}" for person in there if (lost := person.lost_words())]
    figures.tell("people under the server, and beside", f"{len(there)}, {len(others)}")
    figures.tell("on again, p95", f"{p95_ms(again_s):.0f} ms", "2,000 ms")
    figures.tell("conversations that did not go on", sum(person.new for person in there), "0")
    figures.tell("conversations with a wrong word", len(wrong), "0")
    assert len(there) >= len(people) // 2 - 1
    assert all(person.again_s for person in there)
    assert wrong == [], wrong
    assert [person.why for person in there if person.new] == []
    assert p95_ms(again_s) < 1000 * AGAIN_S
    assert [person.why for person in there if person.new] == []
    assert [person.number for person in others if person.again_s] == []
    assert [problem for person in people for problem in person.problems] == []
    assert [person for person in people if not person.done] == []


@pytest.mark.long
async def test_a_server_that_hangs_is_left(tmp_path: Path, full: bool, figures: Figures) -> None:
    """Its connections stay open and nothing comes over them. Who cuts them is the balancer; here
    each person does, and comes again. What the server does when it goes on harms nobody."""
    with trio.fail_after(200):
        async with (
            redis_server(tmp_path) as redis,
            nodes(tmp_path, 2, {"PARLEY_STORE_URL": redis.url}) as (one, other),
        ):
            people = [Person(n, (one.port, other.port)) for n in range(PEOPLE[full])]
            async with trio.open_nursery() as nursery:
                for person in people:
                    nursery.start_soon(person.run)
                    await trio.sleep(0.05)
                await trio.sleep(BEFORE_S)
                there = [person for person in people if person.port == one.port]
                one.send(signal.SIGSTOP)
                for person in there:
                    person.hang_up()
                await trio.sleep(2)
                one.send(signal.SIGCONT)
                await trio.sleep(AFTER_S)
                nursery.cancel_scope.cancel()
    again_s = [s for person in there for s in person.again_s]
    wrong = [f"{person.number}: {lost}" for person in there if (lost := person.lost_words())]
    figures.tell("a server that hangs: on again, p95", f"{p95_ms(again_s):.0f} ms", "2,000 ms")
    assert [person.why for person in there if person.new] == []
    assert wrong == [], wrong
    assert all(person.again_s for person in there)
    assert [problem for person in people for problem in person.problems] == []
