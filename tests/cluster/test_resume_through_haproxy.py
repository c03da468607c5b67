"""A server dies, or hangs, behind HAProxy under people who are being answered: HAProxy closes their
connections, they come again by the same address, and go on at another server. Real HAProxy with
deploy/haproxy.cfg, real servers, a real Redis."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import trio

from support.figures import Figures
from support.haproxy import HAPROXY, service
from support.kept_nodes import Person
from support.redis_server import needs_redis, redis_server
from support.talkers import p95_ms

pytestmark = [
    pytest.mark.slow,
    pytest.mark.no_cover,
    needs_redis,
    pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed here"),
]

PEOPLE = {False: 6, True: 40}
BEFORE_S, AFTER_S = 5.0, 14.0
AGAIN_S = 2.0
FOUND_S = 4.0
"""Within which the health checks find a process that hangs; see tests/deploy."""


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_who_was_on_it_goes_on_elsewhere(
    number: signal.Signals, tmp_path: Path, full: bool, figures: Figures
) -> None:
    with trio.fail_after(200):
        async with redis_server(tmp_path) as redis:
            shared = {"PARLEY_STORE_URL": redis.url}
            async with service(tmp_path, [shared, shared]) as served:
                balancer = served.balancer
                url = f"wss://localhost:{balancer.port}"
                people = [
                    Person(n, (balancer.port,), url=url, ca=balancer.ca)
                    for n in range(PEOPLE[full])
                ]
                async with trio.open_nursery() as nursery:
                    for person in people:
                        nursery.start_soon(person.run)
                        await trio.sleep(0.1)
                    await trio.sleep(BEFORE_S)
                    one = served.nodes[0]
                    there = len(await one.sessions())
                    one.signal(number)
                    began_s = trio.current_time()
                    while sum(bool(person.again_s) for person in people) < there:
                        await trio.sleep(0.01)
                    all_again_s = trio.current_time() - began_s
                    await trio.sleep(AFTER_S)
                    nursery.cancel_scope.cancel()
    again_s = [s for person in people for s in person.again_s]
    wrong = [f"{p.number}: {lost}" for p in people if p.again_s and (lost := p.lost_words())]
    figures.tell(f"HAProxy, {number.name}: people on it, of all", f"{there} of {len(people)}")
    figures.tell(
        f"HAProxy, {number.name}: on again after the connection was lost, p95",
        f"{p95_ms(again_s):.0f} ms",
        "2,000 ms",
    )
    figures.tell(f"HAProxy, {number.name}: all of them on again", f"{all_again_s:.1f} s")
    figures.tell(f"HAProxy, {number.name}: conversations with a wrong word", len(wrong), "0")
    assert abs(there - len(people) / 2) <= 1
    assert len(again_s) == there, "the others were not disturbed"
    assert [person.why for person in people if person.new] == []
    assert wrong == [], wrong
    assert p95_ms(again_s) < 1000 * AGAIN_S
    assert all_again_s < AGAIN_S + (FOUND_S if number is signal.SIGSTOP else 0)
    assert [problem for person in people for problem in person.problems] == []
    assert [person.number for person in people if not person.done] == []
