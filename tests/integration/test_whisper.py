"""Whole conversations that Whisper hears, in lanes, over real sockets."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import replace
from typing import Any

import pytest
import trio

from parley.client.recording import Recording
from parley.engines.models.packaged import WHISPER_TINY
from parley.transport import PeerGone
from support.live_server import RECORDINGS, open_client, open_live_server
from support.real_models import MODELS_DIR, needs, says

pytestmark = [pytest.mark.slow, needs(WHISPER_TINY)]

QUIET = bytes(32_000)


def with_silence(recording: Recording) -> Recording:
    """The recording as a microphone that stays open gives it."""
    return replace(recording, pcm16=QUIET[:9600] + recording.pcm16 + QUIET)


NAMES = ("1-weather", "4-lights", "6-shopping", "8-mother", "7-message")
SPOKEN = [with_silence(RECORDINGS[name]) for name in NAMES]
WHISPER: dict[str, Any] = {
    "stream_asr_engine": "whisper",
    "stream_model_whisper": str(WHISPER_TINY.place(MODELS_DIR)),
    "stream_llm_engine": "local",
    "stream_reply_lead_ms": 60_000,
}


async def test_a_conversation_is_heard_and_answered() -> None:
    async with open_live_server(**WHISPER) as live:
        assert live.room.chosen["asr"].startswith("whisper")
        async with open_client(live.url()) as client:
            await client.start(audio_clock=True)
            for number, recording in enumerate(SPOKEN[:3], 1):
                await client.speak(recording.pcm16)
                assert says(await client.final(number), recording)
                await client.wait_for("tts_complete", count=number)
            partials = client.of("partial_transcript")
            assert len(partials) >= 6
            assert all(partial["stable_chars"] <= len(partial["text"]) for partial in partials)
            assert any(partial["stable_chars"] for partial in partials)
            assert client.codes == []
            decodes = [m for m in client.of("metrics") if m["event"] == "decode"]
            assert all(decode["runs"] >= 2 for decode in decodes)


@pytest.mark.long
async def test_the_lane_is_killed_in_mid_decode_and_the_words_come_all_the_same() -> None:
    recording = SPOKEN[3]
    async with open_live_server(**WHISPER) as live, open_client(live.url()) as client:
        await client.start()
        half = len(recording.pcm16) // 4 * 2
        await client.speak(recording.pcm16[:half], speed=2)
        await client.wait_for("partial_transcript")
        pid = live.lane("asr").pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        killed_s = trio.current_time()
        await client.speak(recording.pcm16[half:], speed=2)
        assert says(await client.final(), recording)
        assert trio.current_time() - killed_s < 20
        assert all(error["recoverable"] for error in client.of("error"))
        assert live.lane("asr").pid not in (None, pid)


@pytest.mark.long
async def test_several_talk_at_once_and_each_hears_its_own_words() -> None:
    async with open_live_server(**WHISPER) as live, trio.open_nursery() as nursery:

        async def talk(recording: Recording) -> None:
            async with open_client(live.url()) as client:
                await client.start()
                await client.speak(recording.pcm16, speed=2)
                assert says(await client.final(), recording)
                assert client.codes == []

        for recording in SPOKEN[:5]:
            nursery.start_soon(talk, recording)


async def test_a_model_that_is_not_there_is_a_load_failure_and_the_server_goes_on() -> None:
    missing = {**WHISPER, "stream_model_whisper": "/nowhere/model"}
    async with open_live_server(ready=False, **missing) as live:
        async with open_client(live.url()) as client:
            await client.start()
            with contextlib.suppress(PeerGone):
                await client.speak(SPOKEN[0].pcm16, speed=6)
            await client.wait_closed()
            assert "MODEL_LOAD_FAIL" in client.codes
            assert "/nowhere/model" in client.of("error")[0]["message"]
        assert (await live.get("/health")).status == 200
        answer = await live.get("/ready")
        assert answer.status == 503
        assert "/nowhere/model" in str(answer.json())
        async with open_client(live.url("/engine")) as client:
            await client.say(type="text", content="hello")
            await client.wait_for("tts_complete")
