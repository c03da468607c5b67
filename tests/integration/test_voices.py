"""Whole conversations with the other voices and ears, and with a voice that cannot be loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from parley.audio.wav import wav_bytes
from support.live_server import WEATHER, open_client, open_live_server
from support.llm_server import open_llm_server, refuse
from support.tiny_voice import write_voice
from support.whole_answers import answer, tell_json

pytestmark = pytest.mark.slow

SECOND = answer(wav_bytes(bytes(range(1, 251)) * 192, 24_000), "audio/wav")


async def test_a_conversation_with_services_for_ear_and_voice_has_no_lane_for_them() -> None:
    async with open_llm_server() as ear, open_llm_server() as voice:
        ear.default, voice.default = tell_json({"text": "What is the weather?"}), SECOND
        async with open_live_server(
            stream_asr_engine="openai",
            openai_asr_base_url=ear.base_url,
            stream_tts_engine="openai",
            openai_tts_base_url=voice.base_url,
            openai_tts_api_key="sk-the-voices",
            stream_llm_engine="local",
        ) as live:
            assert [lane.name for lane in live.room.lanes] == ["media-1"]
            assert (live.room.chosen["asr"], live.room.chosen["tts"]) == ("openai", "openai")
            client = await live.converse()
            assert await client.final() == "What is the weather?"
            assert sum(client.speech_s()) == pytest.approx(len(voice.requests))
            assert client.codes == []
        assert len(ear.requests) == 1
        assert {r.headers["authorization"] for r in voice.requests} == {"Bearer sk-the-voices"}
        spoken = "".join(request.body["input"] for request in voice.requests)
        assert spoken.replace(" ", "") == client.reply.replace(" ", "")


@pytest.mark.long
async def test_a_voice_service_that_fails_skips_phrases_and_spoils_no_further_turn() -> None:
    async with open_llm_server() as voice:
        voice.default = SECOND
        voice.script(refuse(401), answer(b"", "audio/wav"), answer(b"", "audio/wav"))
        async with (
            open_live_server(
                stream_tts_engine="openai",
                openai_tts_base_url=voice.base_url,
                stream_llm_engine="local",
            ) as live,
            open_client(live.url()) as client,
        ):
            for turn in (1, 2, 3):
                await client.utter(WEATHER)
                await client.wait_for("tts_complete", count=turn)
            assert set(client.codes) <= {"TTS_FAIL"}
            assert "check OPENAI_TTS_API_KEY" in client.of("error")[0]["message"]
            assert "no audio" in client.of("error")[1]["message"]
            assert len(client.codes) == 2
            assert client.speech_s()


async def test_piper_speaks_in_a_conversation(tmp_path: Path) -> None:
    pytest.importorskip("piper", reason="the extra `piper` is not installed")
    async with open_live_server(
        stream_tts_engine="auto",
        stream_piper_voice=str(write_voice(tmp_path)),
        stream_llm_engine="local",
    ) as live:
        assert live.room.chosen["tts"].startswith("piper ")
        client = await live.converse()
        assert client.codes == []
        assert sum(client.speech_s()) > 0.5


async def test_a_voice_that_cannot_be_loaded_leaves_the_reply_to_be_read() -> None:
    async with open_live_server(
        ready=False, stream_tts_voice="nobody", stream_llm_engine="local"
    ) as live:
        while live.lane("tts").load_error is None or not live.lane("asr").ready:
            await live.get("/health")
        ready = await live.get("/ready")
        assert ready.status == 503
        assert "no voice 'nobody'" in ready.json()["waiting_for"][0]
        async with open_client(live.url()) as client:
            for turn in (1, 2):
                await client.utter(WEATHER)
                await client.wait_for("tts_complete", count=turn)
            assert client.reply
            assert client.speech_s() == []
            errors = {(error["code"], error["recoverable"]) for error in client.of("error")}
            assert errors == {("MODEL_LOAD_FAIL", True)}
