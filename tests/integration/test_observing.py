"""What a running server tells about itself: HTTP beside the conversations, and the log."""

from __future__ import annotations

import itertools

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from support.live_server import LIGHTS, POLL_S, WEATHER, LiveServer, open_client, open_live_server
from support.llm_server import open_llm_server, refuse, tell
from support.logs import caught_log

pytestmark = pytest.mark.slow

KEY = "sk-MarkerOfASecret0123456789"


async def figures(live: LiveServer) -> dict[str, float]:
    """The metrics by name, labels summed up."""
    answer = await live.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
        found.setdefault(family.name, 0.0)
    return found


async def test_a_server_is_alive_at_once_and_ready_when_its_engines_are() -> None:
    async with open_live_server(ready=False) as live:
        answer = await live.get("/ready")
        assert answer.status == 503
        assert answer.json()["waiting_for"] == ["asr: loading", "tts: loading"]
        while (answer := await live.get("/ready")).status != 200:
            health = (await live.get("/health")).json()
            assert (health["ok"], health["service"]) == (True, "parley")
            assert set(answer.json()["waiting_for"]) <= {"asr: loading", "tts: loading"}
            await trio.sleep(0.05)
        told = answer.json()
        assert set(told.pop("lanes_down")) == set() or told["ready"]
        ready = {"ok": True, "ready": True, "waiting_for": [], "accepting": True}
        assert told.pop("weight") > 0
        assert told == ready | {"store": "none"}
        assert (await live.get("/healthz")).status == 200
        assert (await live.get("/readyz")).status == 200


async def test_sessions_and_metrics_show_a_conversation() -> None:
    async with open_live_server() as live:
        assert (await live.get("/sessions")).json() == {"ok": True, "count": 0, "sessions": []}
        idle = await figures(live)
        async with open_client(live.url()) as client:
            await client.start()
            await client.speak(LIGHTS.pcm16[: 32 * 1500], speed=3)
            await client.wait_for("partial_transcript")
            [talking] = await live.sessions()
            assert talking["session_id"] == await client.session_id()
            assert talking["is_listening"] is True
            assert (talking["state"], talking["vad_state"]) == ("capturing", "speech")
            assert talking["buffer_size"] > 16_000
            assert talking["reply"] is None
            await client.speak(LIGHTS.pcm16[32 * 1500 :], speed=3)
            await client.wait_for("tts_complete")
            [answering] = await live.sessions()
            assert (answering["is_speaking"], answering["turns"]) == (True, 1)
            reply = answering["reply"]
            assert reply["turn"] == 1
            assert 0 <= reply["heard_chars"] < reply["said_chars"]
            assert reply["left_s"] > 0
            assert "said" not in reply  # the log may not hold it either
            busy = await figures(live)
        with trio.fail_after(5):  # closing connections take their time
            while (after := await figures(live))["parley_live_tasks"] > idle["parley_live_tasks"]:
                await trio.sleep(POLL_S)
    assert (idle["parley_open_sessions"], busy["parley_open_sessions"]) == (0, 1)
    assert busy["parley_live_tasks"] > idle["parley_live_tasks"]
    assert after["parley_open_sessions"] == 0
    assert after["parley_utterances_total"] == after["parley_turns_total"] == 1
    assert after["parley_audio_bytes_in_total"] == len(LIGHTS.pcm16)
    assert after["parley_stage_seconds_count"] >= 5
    assert {"parley_restarts", "parley_drops", "parley_lanes_ready"} <= after.keys()


async def test_the_key_is_shown_nowhere() -> None:
    with caught_log(stream_log_level="debug", stream_log_transcripts=True) as log:
        async with open_llm_server() as llm:
            llm.script(refuse(401, f"Incorrect API key provided: {KEY}"), tell("Fine", "."))
            async with open_live_server(
                openai_base_url=llm.base_url,
                openai_api_key=KEY,
                stream_log_transcripts=True,
            ) as live:
                async with open_client(live.url()) as client:
                    await client.utter(WEATHER)
                    await client.wait_for("tts_complete")
                    await client.utter(LIGHTS)
                    await client.wait_for("tts_complete", count=2)
                    told = str(client.received)
                config = await live.get("/api/stream_config")
                metrics = await live.get("/metrics")
        assert KEY in str([request.headers for request in llm.requests])
    assert client.codes == ["LLM_FAIL"]
    assert config.json()["openai_api_key_set"] is True
    assert config.json()["engines"]["llm"].startswith("openai")
    assert config.json()["who"]["answers"].startswith("gpt-3.5-turbo at 127.0.0.1:")
    for where in (config.body.decode(), metrics.body.decode(), told, log.getvalue()):
        assert len(where) > 100
        assert KEY not in where
        assert "MarkerOfASecret" not in where


async def test_every_line_of_a_conversation_is_json_of_its_session_without_its_words() -> None:
    with caught_log() as log:
        async with open_live_server() as live:
            client = await live.converse(LIGHTS)
            await live.until_empty()
    session_id = await client.session_id()
    lines = log.lines()
    names = [line["event"] for line in lines]
    conversation = lines[names.index("session_opened") : names.index("session_closed") + 1]
    assert {line["session_id"] for line in conversation} == {session_id}
    assert all({"level", "timestamp"} <= line.keys() for line in lines)
    assert [line["level"] for line in conversation] == ["info"] * len(conversation)
    [decode] = log.events("decode")
    assert decode["chars"] == len(LIGHTS.spoken or "")
    for word in ("kitchen", "lights", "You said"):
        assert word not in log.getvalue()


@pytest.mark.long
async def test_the_latency_of_a_turn_is_logged_with_its_number() -> None:
    with caught_log(stream_log_transcripts=True) as log:
        async with open_llm_server() as llm:
            llm.script(tell("One", "."), tell("Two", "."))
            async with open_live_server(
                openai_base_url=llm.base_url, stream_log_transcripts=True
            ) as live:
                async with open_client(live.url()) as client:
                    for number, recording in enumerate((WEATHER, LIGHTS), 1):
                        await client.utter(recording)
                        await client.wait_for("tts_complete", count=number)
                        await live.until_quiet(client)
                session_id = await client.session_id()
    latencies = log.events("latency")
    assert [line["turn"] for line in latencies] == [1, 2]
    assert {line["session_id"] for line in latencies} == {session_id}
    stages = ("first_partial", "final_transcript", "first_token", "first_audio")
    for line in latencies:
        times = [line[f"t_{stage}_ms"] for stage in stages]
        assert all(a <= b for a, b in itertools.pairwise(times)), line
    # Only because it was asked for:
    assert [line["text"] for line in log.events("decode")] == [WEATHER.spoken, LIGHTS.spoken]
    assert [line["user"] for line in latencies] == [WEATHER.spoken, LIGHTS.spoken]
    assert [line["reply"] for line in latencies] == ["One.", "Two."]
