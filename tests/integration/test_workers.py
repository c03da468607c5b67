"""Several workers on one port: real processes, as `parley serve --workers N` runs them."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from parley.client.wire import Unreachable, WireClosed, open_wire
from parley.server.signals import TOGETHER_S
from parley.server.workers.roster import HUNG_S
from support.administration import SOUND, ask
from support.kept_nodes import Person
from support.live_server import children_of, request_http
from support.returning_talkers import many_talkers, refused, unanswered
from support.serve_process import RULES, finished, serving, until_all_gone
from support.workers import POLL_S, WorkersServer, connected, held, workers_server

pytestmark = pytest.mark.slow

EVEN = 0.1
"""How far the fullest worker may be above the mean."""


@pytest.mark.long
@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize("every_s", [0.01, 0.0], ids=["one by one", "at once"])
async def test_sessions_are_shared_evenly(workers: int, every_s: float, tmp_path: Path) -> None:
    async with workers_server(tmp_path, workers) as server:
        async with held(server.port, 200, every_s):
            while (spread := await server.spread()).total() < 200:
                await trio.sleep(POLL_S)
            assert spread.total() == 200
            assert len(spread) == workers
            assert max(spread.values()) <= (1 + EVEN) * 200 / workers
        while (await server.get("/health")).json()["sessions"]:
            await trio.sleep(POLL_S)


async def test_a_killed_worker_costs_its_own_sessions_and_is_back(tmp_path: Path) -> None:
    async with workers_server(tmp_path, 2) as server:
        async with connected(server.url(), 20, 0.01) as wires:
            lost = (await server.spread())[1]
            os.kill(server.pid_of(1), signal.SIGKILL)
            await server.until_logged("worker_gone")
            gone = 0
            for wire in wires:
                with trio.move_on_after(0.2):
                    try:
                        while True:
                            await wire.receive()
                    except WireClosed:
                        gone += 1
            assert gone == lost
            assert len(await server.sessions()) == 20 - lost
            await server.until_open()
            async with connected(server.url(), lost, 0.01):
                assert max((await server.spread()).values()) <= 12
        assert [line["worker"] for line in server.events("worker_begun")].count(1) == 2


@pytest.mark.long
async def test_one_that_hangs_is_replaced_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with workers_server(tmp_path, 2) as server:
        hung = server.pid_of(2)
        os.kill(hung, signal.SIGSTOP)
        begun_s = trio.current_time()
        async with connected(server.url(), 6):
            assert trio.current_time() - begun_s < HUNG_S  # a second on a machine with room
        answer = (await server.get("/sessions")).json()
        assert {"worker": 2, "why": "no answer within 1 s"} in answer["missing"]
        metrics = (await server.get("/metrics")).body.decode()
        assert 'parley_worker_up{worker="2"} 0.0' in metrics
        with trio.fail_after(HUNG_S + 60):
            await server.until_logged("worker_hangs")
            await until_all_gone({hung})
            await server.until_open()


@pytest.mark.long
async def test_one_answers_for_all(tmp_path: Path) -> None:
    async with workers_server(tmp_path, 2) as server, connected(server.url(), 6):
        while (await server.spread()).total() < 6:
            await trio.sleep(POLL_S)
        for _ in range(4):  # whoever takes the question
            assert len(await server.sessions()) == 6
            health = (await server.get("/health")).json()
            assert (health["ok"], health["sessions"]) == (True, 6)
        text = (await server.get("/metrics")).body.decode()
        families = {family.name: family for family in text_string_to_metric_families(text)}
        opened = families["parley_sessions_opened"].samples
        assert sum(s.value for s in opened if s.name.endswith("_total")) == 6
        now = families["parley_open_sessions"].samples
        assert {(s.labels["worker"], s.value) for s in now} == {("1", 3.0), ("2", 3.0)}
    lines = server.log()
    assert {line.get("worker") for line in lines} >= {None, 1, 2}
    assert [line for line in lines if line["level"] not in ("info", "debug")] == []


@pytest.mark.long
async def test_whoever_is_asked_finds_a_session_and_reaches_all(tmp_path: Path) -> None:
    async with workers_server(tmp_path, 2) as server, connected(server.url(), 6) as wires:
        while (spread := await server.spread()).total() < 6:
            await trio.sleep(POLL_S)
        assert len(spread) == 2
        ids = [session["session_id"] for session in await server.sessions()]
        for session_id in ids:  # connections take turns between the workers
            found = await ask(server.port, "GET", f"/sessions/{session_id}")
            assert found.json()["session"]["session_id"] == session_id
            cancelled = await ask(server.port, "POST", f"/sessions/{session_id}/cancel")
            assert cancelled.json()["cancelled"] is False
        for _ in range(2):
            told = await ask(server.port, "POST", f"/broadcast?exclude={ids[0]}", SOUND)
            assert told.json() == {"ok": True, "clients": 5}
        for session_id in ids[:3]:
            closed = await ask(server.port, "DELETE", f"/sessions/{session_id}")
            assert closed.json() == {"ok": True, "session_id": session_id, "closed": True}
        assert len(await server.sessions()) == 3
        assert (await ask(server.port, "GET", f"/sessions/{ids[0]}")).status == 404
        assert len(wires) == 6


@pytest.mark.long
async def test_the_server_is_full_when_all_are(tmp_path: Path) -> None:
    async with (
        workers_server(tmp_path, 2, WS_MAX_CONNECTIONS="7") as server,
        connected(server.url(), 7, 0.02),
    ):
        while (await server.spread()).total() < 7:
            await trio.sleep(POLL_S)
        with pytest.raises(Unreachable, match="503"):
            async with open_wire(server.url()):
                pass
        ready = await server.get("/ready")
        assert (ready.status, ready.json()["reason"]) == (503, "full")


@pytest.mark.long
async def test_a_ticket_lets_in_once_whichever_worker_made_it(tmp_path: Path) -> None:
    token = "a-token-of-sixteen-letters-or-more"
    async with workers_server(tmp_path, 2, PARLEY_TOKEN=token) as server:
        for _ in range(3):
            request = (
                "POST /tickets HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: Bearer {token}\r\nContent-Length: 0\r\n\r\n"
            )
            ticket = (await request_http(server.port, request.encode())).json()["ticket"]
            let_in = 0
            for _ in range(4):
                try:
                    async with open_wire(server.url(f"/ws?ticket={ticket}")) as wire:
                        await wire.receive()
                        let_in += 1
                        await trio.sleep(0.05)
                except Unreachable as problem:
                    assert "401" in str(problem)
            assert let_in == 1


@pytest.mark.long
async def test_a_recording_is_found_whoever_is_asked(tmp_path: Path) -> None:
    token = "0123456789abcdef"
    async with (
        workers_server(tmp_path, 2) as server,
        open_wire(server.url(f"/ws?record={token}")) as wire,
    ):
        await wire.receive()
        for _ in range(4):
            async with connected(server.url(), 1):  # so that the next one is asked
                answer = await server.get(f"/recordings/{token}")
                assert answer.status == 200
                assert answer.headers["content-type"] == "application/octet-stream"
        assert (await server.get("/recordings/fedcba9876543210")).status == 404


@pytest.mark.long
async def test_a_rolling_restart_under_load_loses_no_turn(tmp_path: Path) -> None:
    talkers = many_talkers(6, 0, seed=1)
    # On a busy machine replies take long; what is asked here is whether they are finished.
    async with workers_server(tmp_path, 2, limit_s=300.0, STREAM_DRAIN_S="60") as server:
        before = server.pids()
        async with trio.open_nursery() as nursery:
            for talker in talkers:
                talker.port = server.port
                nursery.start_soon(talker.run)
            await trio.sleep(4)
            server.send(signal.SIGHUP)
            await server.until_logged("restart_over")
            await trio.sleep(4)
            after = server.pids()
            spread = await server.spread()
            nursery.cancel_scope.cancel()
        assert not before & after
        assert len(after) == 2
        assert spread.total() == 6
    assert not server.events("restart_given_up")
    for talker in talkers:
        assert len(talker.losses) <= 1, talker.losses
        assert unanswered(talker.notes) == []
    losses = [loss for talker in talkers for loss in talker.losses]
    # 1006: a client that was too slow to read the goodbye within two seconds.
    parted = ("1001", "1006")
    assert [loss for loss in losses if not any(code in loss for code in parted)] == []
    told = [word for talker in talkers for word in refused(talker.notes)]
    assert [word for word in told if not any(code in word for code in parted)] == []


@pytest.mark.long
async def test_settings_that_are_wrong_restart_nothing(tmp_path: Path) -> None:
    config = tmp_path / "parley.toml"
    config.write_text("parley_workers = 2\n")
    async with workers_server(tmp_path, 2, PARLEY_CONFIG=str(config)) as server:
        before = server.pids()
        config.write_text("stream_drain_s = 'many'\n")
        server.send(signal.SIGHUP)
        (told,) = await server.until_logged("not_restarted")
        assert "STREAM_DRAIN_S" in told["problems"][0]
        await trio.sleep(1)
        assert server.pids() == before


async def test_no_worker_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    async with serving(tmp_path, PARLEY_WORKERS="2", environ=RULES) as served:
        workers = children_of(served.process.pid)
        assert len(workers) == 2
        lanes = {lane for worker in workers for lane in children_of(worker)}
        assert lanes
        served.process.kill()
        with trio.fail_after(30):  # less than a second on a machine with room
            await until_all_gone(workers | lanes)


async def stop(server: WorkersServer) -> None:
    server.send(signal.SIGTERM)
    await trio.sleep(TOGETHER_S + 0.1)


@pytest.mark.long
async def test_sigterm_drains_all_of_them(tmp_path: Path) -> None:
    closed: list[int] = []
    async with workers_server(tmp_path, 2) as server:
        pids = server.pids()
        async with connected(server.url(), 4, 0.01) as wires:
            await stop(server)
            for wire in wires:
                try:
                    while True:
                        await wire.receive()
                except WireClosed as gone:
                    closed.append(gone.code)
        with trio.fail_after(30):
            await until_all_gone(pids | {server.pid})
    assert closed == [1001] * 4
    assert server.process.exit_code == 0


@pytest.mark.long
async def test_a_second_signal_ends_them_now(tmp_path: Path) -> None:
    async with serving(tmp_path, PARLEY_WORKERS="2", STREAM_DRAIN_S="60", environ=RULES) as served:
        workers = children_of(served.process.pid)
        async with open_wire(served.url) as wire:
            await wire.send(json.dumps({"type": "start"}))
            served.process.send_signal(signal.SIGTERM)
            await trio.sleep(TOGETHER_S + 0.1)
            served.process.send_signal(signal.SIGTERM)
            with trio.fail_after(30):
                assert await served.process.wait() == 130
                await until_all_gone(workers)


@pytest.mark.long
async def test_people_are_told_once(tmp_path: Path) -> None:
    async with serving(
        tmp_path, PARLEY_WORKERS="2", environ=RULES | {"STREAM_LOG_FORMAT": "auto"}
    ) as served:
        while "press Talk" not in (text := served.log.read_text()):
            await trio.sleep(POLL_S)
    assert text.count("is starting") == 1
    assert text.count("press Talk") == 1
    assert "workers   2 processes on" in text


@pytest.mark.long
def test_what_keeps_one_from_serving_is_told_once(tmp_path: Path) -> None:
    result = finished("serve", "--workers", "3", "--agent", "nowhere:nobody", folder=tmp_path)
    assert result.returncode == 2
    told = [line for line in result.stderr.splitlines() if line.startswith("parley: ")]
    assert len(told) == 1
    assert "nowhere" in told[0]


@pytest.mark.long
async def test_a_rolling_restart_costs_nobody_their_conversation(tmp_path: Path) -> None:
    """People who are answered all the time come again once each, and go on with another worker."""
    async with workers_server(tmp_path, 2) as server:
        people = [Person(number, (server.port,)) for number in range(4)]
        async with trio.open_nursery() as nursery:
            for person in people:
                nursery.start_soon(person.run)
            while not all(person.done for person in people):
                await trio.sleep(0.1)
            before = server.pids()
            server.send(signal.SIGHUP)
            while server.pids() & before or len(server.pids()) < 2:
                await trio.sleep(0.1)
            done = [person.done for person in people]
            while any(person.done <= was for person, was in zip(people, done, strict=True)):
                await trio.sleep(0.1)
            nursery.cancel_scope.cancel()
    assert [len(person.again_s) for person in people] == [1] * len(people)
    assert [person.new for person in people] == [0] * len(people), "all of them go on"
    assert [person.lost_words() for person in people] == [""] * len(people)
    assert [problem for person in people for problem in person.problems] == []
