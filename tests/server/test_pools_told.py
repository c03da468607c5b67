"""What a server tells of its pools: /metrics, /ready, its start and the doctor. Real servers on
loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import openai.resources.chat  # noqa: F401 (the seconds this may take are not a test's)
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from parley.commands import doctor
from parley.config import Settings
from parley.embedding import OwnEngines, RunningServer, open_server
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.room import open_engine_room
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.energy import EnergyDetector
from parley.server.start_checks import start_problems
from support import llm_server as wire
from support.llm_server import LLMServer, open_llm_server

LIMIT_S = 20.0
GONE = "http://127.0.0.1:9/v1"
"""The port of "discard", where nobody listens."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def model() -> AsyncIterator[LLMServer]:
    with trio.fail_after(LIMIT_S):
        async with open_llm_server() as server:
            server.default = wire.tell("Said.")
            yield server


@asynccontextmanager
async def serving(urls: str, **more: Any) -> AsyncIterator[RunningServer]:
    own = OwnEngines(
        detector=lambda session: EnergyDetector(session.hearing.energy_threshold),
        transcriber=lambda session: ScriptedTranscriber(["hello"], shortest_ms=0),
        synthesizer=ScriptedSynthesizer(),
    )
    settings = Settings.defaults(
        stream_llm_engine="openai", openai_base_url=urls, openai_api_key="k", **more
    )
    async with open_server(settings, port=0, own=own) as server:
        yield server


async def asked(server: RunningServer, path: str) -> tuple[int, str]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{server.port}{path}")
        return answer.status_code, answer.text


async def ready(server: RunningServer) -> tuple[int, dict[str, Any]]:
    status, text = await asked(server, "/ready")
    return status, json.loads(text)


def name(server: LLMServer) -> str:
    return server.base_url.removeprefix("http://").removesuffix("/v1")


async def test_each_place_stands_on_metrics_and_in_ready(model: LLMServer) -> None:
    async with serving(f"{GONE},{model.base_url}") as server:
        while (state := await ready(server))[1]["places_down"] == []:
            await trio.sleep(0.02)  # a look at the start finds it
        assert state[0] == 200, "one place is enough"
        [down] = state[1]["places_down"]
        assert (down["kind"], down["place"], down["state"]) == ("llm", "127.0.0.1:9", "resting")
        assert "the connection to 127.0.0.1:9 failed" in down["why"]
        status, text = await asked(server, "/metrics")
        assert status == 200
    rows = {
        (sample.name, sample.labels["place"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("kind") == "llm"
    }
    gone, there = "127.0.0.1:9", name(model)
    assert (rows["parley_place_up", gone], rows["parley_place_up", there]) == (0.0, 1.0)
    assert rows["parley_place_failures_in_a_row", gone] >= 1.0
    assert rows["parley_place_failures_total", gone] == 0.0, "a look is no request"
    assert rows["parley_place_requests_total", there] == 0.0
    assert rows["parley_place_pause_seconds", gone] >= 0


async def test_a_server_whose_pool_is_down_is_not_ready_until_one_is_back(
    model: LLMServer,
) -> None:
    model.listed = wire.refuse(503)
    async with serving(f"{GONE},{model.base_url}") as server:
        while (state := await ready(server))[0] == 200:
            await trio.sleep(0.1)
        [why] = state[1]["waiting_for"]
        assert why.startswith("llm: 127.0.0.1:9: the connection to 127.0.0.1:9 failed")
        assert {one["failures"] for one in state[1]["places_down"]} >= {2}


async def test_one_url_is_told_nothing_of(model: LLMServer) -> None:
    async with serving(model.base_url) as server:
        assert "places_down" not in (await ready(server))[1]
        assert "parley_place" not in (await asked(server, "/metrics"))[1]


async def test_a_second_model_keeps_a_server_ready(model: LLMServer) -> None:
    model.listed = wire.refuse(503)
    async with serving(
        f"{GONE},{model.base_url}", openai_fallback_base_url=f"{model.base_url},{GONE}"
    ) as server:
        pools = server._server._room.pools
        assert [pool.kind for pool in pools] == ["llm", "second_llm"]
        for place in pools[0].places:
            place.failures = 2
        assert not pools[0].ready
        assert (await ready(server))[0] == 200


def test_a_pool_that_asks_itself_is_told_at_the_start() -> None:
    settings = Settings.defaults(
        parley_port=8084,
        stream_llm_engine="openai",
        openai_base_url="http://localhost:8084/v1,http://gpu.example.org/v1",
    )
    [line] = [problem.line() for problem in start_problems(settings)]
    assert line == (
        "llm at localhost:8084: it is this server itself; take it out of OPENAI_BASE_URL"
    )
    assert list(start_problems(settings, ("llm",))) == []


async def test_the_doctor_shows_each_place(model: LLMServer) -> None:
    settings = Settings.defaults(
        stream_llm_engine="openai", openai_base_url=f"{GONE},{model.base_url}"
    )
    async with AsyncExitStack() as stack:
        room = await stack.enter_async_context(open_engine_room(settings))
        bad, good = await doctor._places(room)
    assert (bad.ok, bad.needed, bad.name) == (False, False, "llm place")
    assert bad.detail.startswith("127.0.0.1:9: the connection to 127.0.0.1:9 failed")
    assert good.ok
    assert good.detail.startswith(f"{name(model)}: is there after ")
