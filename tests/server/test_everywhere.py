"""Several servers on one store: one answers for all. A real Redis, real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.client.server_process import free_port
from parley.embedding import RunningServer, Settings, open_server
from parley.protocol import close_codes
from parley.recording.mcap_file import read_recording
from support.administration import SOUND, ask, own, talking
from support.live_server import open_client
from support.redis_server import RedisServer, needs_redis, redis_server

pytestmark = needs_redis

TOKEN = {"parley_admin_token": "the-admin's-own-token"}
BEARER = {"Authorization": "Bearer the-admin's-own-token"}


@asynccontextmanager
async def servers(
    folder: Path, *each: dict[str, Any]
) -> AsyncIterator[tuple[RedisServer, list[RunningServer]]]:
    """Servers that know of each other, with these settings of their own."""
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(redis_server(folder))
        running = []
        for number, more in enumerate(each):
            port = free_port()
            settings = Settings.defaults(
                **{
                    "parley_store_url": redis.url,
                    "parley_node": f"node-{number}",
                    "parley_advertise": f"http://127.0.0.1:{port}",
                    "stream_drain_s": 1,
                    **more,
                }
            )
            running.append(
                await stack.enter_async_context(open_server(settings, port=port, own=own()))
            )
        with trio.fail_after(30):
            for server in running:
                registry = server._server.cluster.registry
                while len(await registry.other_servers()) < len(running) - 1:
                    await trio.sleep(0.05)
        yield redis, running


async def until_known(server: RunningServer, session_id: str) -> None:
    with trio.fail_after(10):
        while await server._server.cluster.registry.node_of(session_id) is None:
            await trio.sleep(0.02)


async def proved(server: RunningServer) -> None:
    """Wait until its entries carry the key that all have."""
    registry = server._server.cluster.registry
    with trio.fail_after(20):
        while not all(node.admin_url for node in await registry.other_servers()):
            await trio.sleep(0.1)


async def test_one_server_answers_for_all(tmp_path: Path) -> None:
    async with (
        servers(tmp_path, {}, {}, {}) as (_, (one, two, three)),
        talking(one) as (first, _),
        talking(three) as (third, client),
    ):
        await proved(two)
        await until_known(two, first)
        await until_known(two, third)
        listed = (await ask(two.port, "GET", "/sessions")).json()
        assert (listed["count"], listed.get("missing")) == (2, None)
        places = {line["session_id"]: line["node"] for line in listed["sessions"]}
        assert places == {first: "node-0", third: "node-2"}
        here = (await ask(two.port, "GET", "/sessions?here=1")).json()
        assert here["count"] == 0
        line = (await ask(two.port, "GET", f"/sessions/{third}")).json()["session"]
        assert line["session_id"] == third
        cancelled = await ask(two.port, "POST", f"/sessions/{first}/cancel")
        assert cancelled.json()["cancelled"] is True
        with trio.fail_after(5):
            while one.status().sessions[0].is_speaking:
                await trio.sleep(0.01)
        assert three.status().sessions[0].is_speaking
        told = (await ask(two.port, "POST", f"/broadcast?exclude={first}", SOUND)).json()
        assert told == {"ok": True, "clients": 1}
        closed = await ask(two.port, "DELETE", f"/sessions/{third}")
        assert closed.json()["closed"] is True
        assert (await client.wait_closed()).code == close_codes.NORMAL
        assert (await ask(two.port, "GET", "/sessions/nobody")).status == 404


async def test_who_does_not_answer_is_named_and_costs_nobody_anything(tmp_path: Path) -> None:
    async with (
        servers(
            tmp_path,
            TOKEN,
            TOKEN,
            {**TOKEN, "parley_advertise": None},
            {**TOKEN, "parley_advertise": "http://127.0.0.1:1"},
            {"parley_admin_token": "another-token-of-admin"},
        ) as (_, running),
        talking(running[1]) as (session_id, _),
        talking(running[2]) as (lost, _),
    ):
        await until_known(running[0], session_id)
        answer: dict[str, Any] = {}
        settled = ("PARLEY_ADMIN_TOKEN", "cannot be reached")
        with trio.fail_after(20):  # until all have the same key
            while any(word not in str(answer) for word in settled) or len(answer["missing"]) > 3:
                answer = (await ask(running[0].port, "GET", "/sessions", headers=BEARER)).json()
                await trio.sleep(0.2)
        why = {one["node"]: one["why"] for one in answer["missing"]}
        assert why.keys() == {"node-2", "node-3", "node-4"}
        assert "PARLEY_ADVERTISE" in why["node-2"]
        assert "cannot be reached" in why["node-3"]
        assert "PARLEY_ADMIN_TOKEN" in why["node-4"]
        assert [line["session_id"] for line in answer["sessions"]] == [session_id]
        elsewhere = await ask(running[0].port, "GET", f"/sessions/{lost}", headers=BEARER)
        assert elsewhere.status == 502
        assert "node-2" in elsewhere.json()["error"]
        told = (await ask(running[0].port, "POST", "/broadcast", SOUND, BEARER)).json()
        assert told["clients"] == 1
        assert {one["node"] for one in told["missing"]} == why.keys()


async def test_without_its_store_a_server_answers_for_itself(tmp_path: Path) -> None:
    async with servers(tmp_path, {}, {}) as (redis, (one, two)), talking(one) as (session_id, _):
        redis.kill()
        with trio.fail_after(30):
            while one._server.cluster.state == "ok" or two._server.cluster.state == "ok":
                await trio.sleep(0.05)
        listed = (await ask(one.port, "GET", "/sessions")).json()
        assert [line["session_id"] for line in listed["sessions"]] == [session_id]
        assert "the store cannot be asked" in listed["missing"][0]["why"]
        assert (await ask(one.port, "GET", f"/sessions/{session_id}")).status == 200
        assert (await ask(two.port, "GET", f"/sessions/{session_id}")).status == 503
        assert (await ask(one.port, "POST", "/broadcast", SOUND)).json()["clients"] == 1


@pytest.mark.parametrize("path", ["/sessions", "/sessions/x", "/ready", "/metrics"])
async def test_a_server_that_is_alone_answers_as_ever(path: str) -> None:
    async with open_server(port=0, own=own()) as server:
        answer = await ask(server.port, "GET", path)
    assert "missing" not in answer.body.decode()


async def test_any_server_gives_out_a_recording_that_was_asked_for(tmp_path: Path) -> None:
    """Recorded by one, in the archive when it is whole, fetched from another."""
    pytest.importorskip("obstore")
    token = "a-token-of-the-client-s-own"
    archive = {"stream_record_archive": f"file://{tmp_path}/archive"}
    folders = [{"stream_record_dir": str(tmp_path / name), **archive} for name in ("one", "two")]
    async with servers(tmp_path, *folders) as (_, (one, two)):
        url = one.url(f"/ws?record={token}")
        async with open_client(url) as client:
            await client.session_id()
        with trio.fail_after(20):
            while (answer := await ask(two.port, "GET", f"/recordings/{token}")).status != 200:
                await trio.sleep(0.05)
        assert answer.body[:5] == b"\x89MCAP"
        with trio.fail_after(20):
            while list((tmp_path / "one").iterdir()):
                await trio.sleep(0.05)
        names = sorted(path.name for path in (tmp_path / "archive").iterdir())
        assert len(names) == 1
        again = await ask(one.port, "GET", f"/recordings/{token}")
        assert again.status == 200
        path = tmp_path / "fetched.mcap"
        path.write_bytes(again.body)
        assert not read_recording(path).cut
        assert (await ask(two.port, "GET", "/recordings/no-such-token-of-16")).status == 404
