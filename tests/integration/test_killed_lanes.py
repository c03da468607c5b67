"""A lane's worker process is killed while it is at work; nobody is to notice more than a pause."""

from __future__ import annotations

import os
import signal

import pytest
import trio

from support.live_server import (
    LIGHTS,
    UMBRELLA,
    WEATHER,
    LiveServer,
    open_client,
    open_live_server,
)
from support.llm_server import open_llm_server, tell

pytestmark = pytest.mark.slow

PHRASES = ["First of all.", " And second.", " Then third.", " Now fourth.", " And fifth."]
"""More than the synthesizer is ahead of the playback: some are spoken after the kill."""


def kill(live: LiveServer, kind: str) -> int:
    pid = live.lane(kind).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


async def test_a_recognizer_killed_in_mid_utterance_loses_no_word() -> None:
    async with open_live_server() as live, open_client(live.url()) as client:
        await client.start()
        half = len(UMBRELLA.pcm16) // 4 * 2
        await client.speak(UMBRELLA.pcm16[:half], speed=3)
        await client.wait_for("partial_transcript")
        killed = kill(live, "asr")
        await client.speak(UMBRELLA.pcm16[half:], speed=3)
        await client.say(type="stop")
        assert await client.final() == UMBRELLA.spoken
        await client.wait_for("llm_token", where=lambda m: bool(m["done"]))
        assert all(error["recoverable"] for error in client.of("error"))

        await client.say(type="cancel")
        await client.utter(LIGHTS)
        assert await client.final(2) == LIGHTS.spoken
        assert live.lane("asr").pid not in (None, killed)


async def test_a_synthesizer_killed_in_mid_reply_still_speaks_every_phrase() -> None:
    async with open_llm_server() as llm:
        llm.script(tell(*PHRASES), tell("And", " on", " it", " goes", "."))
        async with (
            open_live_server(openai_base_url=llm.base_url, stream_reply_lead_ms=1000) as live,
            open_client(live.url()) as client,
        ):
            await client.utter(WEATHER)
            await client.wait_for("tts_chunk")
            killed = kill(live, "tts")
            await client.wait_for("tts_complete")
            assert [done["seq"] for done in client.of("tts_phrase_done")] == [1, 2, 3, 4, 5]
            assert len(client.speech_s()) == 5
            assert client.codes == []

            await live.until_quiet(client)
            await client.utter(LIGHTS)
            assert await client.final(2) == LIGHTS.spoken
            await client.wait_for("tts_complete", count=2)
            assert len(client.speech_s()) == 6
            assert live.lane("tts").pid not in (None, killed)


@pytest.mark.long
async def test_killing_both_lanes_while_nobody_talks_costs_the_next_talker_only_time() -> None:
    async with open_live_server() as live:
        kill(live, "asr")
        kill(live, "tts")
        with trio.fail_after(10):
            client = await live.converse()
    assert await client.final() == WEATHER.spoken
    assert client.codes == []
