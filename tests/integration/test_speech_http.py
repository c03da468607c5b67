"""Speech over plain HTTP, on a live server with real engines."""

from __future__ import annotations

import base64
import json
import os
import signal

import pytest
import trio

from parley.audio.wav import parse_wav, wav_bytes
from parley.server.http.speech import BODY_LIMIT_BYTES
from support.blobs import FORM, form, post, recorded
from support.live_server import POLL_S, WEATHER, Answer, LiveServer, open_live_server, request_http

pytestmark = pytest.mark.slow

PCM16 = WEATHER.pcm16
WAV = wav_bytes(PCM16, 16_000)
WORDS = WEATHER.spoken


async def ask(
    live: LiveServer, path: str, body: bytes, content_type: str = "application/json"
) -> Answer:
    return await request_http(live.port, post(path, body, content_type))


def stt_body(audio: bytes) -> bytes:
    return json.dumps({"audio": base64.b64encode(audio).decode()}).encode()


async def test_every_endpoint_hears_and_speaks() -> None:
    async with open_live_server() as live:
        for answer in (
            await ask(live, "/speech/stt", stt_body(WAV)),
            await ask(live, "/speech/stt", stt_body(PCM16)),
            await ask(live, "/transcribe", form(WAV), FORM),
        ):
            assert answer.status == 200
            assert answer.json() == {"ok": True, "transcript": WORDS}

        said = (await ask(live, "/speech/tts", b'{"text": "Good morning. How are you?"}')).json()
        kind, _, data = said["audio_url"].partition(",")
        assert (said["ok"], kind) == (True, "data:audio/wav;base64")
        assert 1 < parse_wav(base64.b64decode(data)).seconds < 5

        webm, mp4 = recorded(PCM16, "webm", "libopus"), recorded(PCM16, "mp4", "aac", 44_100)
        for content, content_type in ((webm, "audio/webm;codecs=opus"), (form(mp4), FORM)):
            answer = (await ask(live, "/api/voice", content, content_type)).json()
            assert (answer["ok"], answer["transcript"], answer["mime"]) == (
                True,
                WORDS,
                "audio/wav",
            )
            assert answer["reply"]
            assert parse_wav(base64.b64decode(answer["audio_b64"])).seconds > 0.5

        assert (await live.get("/api/voice")).status == 405


@pytest.mark.long
async def test_nonsense_is_refused_and_the_next_is_served() -> None:
    bomb = recorded(bytes(32_000 * 3600), "flac", "flac", 16_000)
    assert len(bomb) < 1 << 20
    cases = {
        ("/api/voice", b"", "audio/webm"): 400,
        ("/api/voice", b"garbage" * 1000, "audio/webm"): 415,
        ("/api/voice", b"hello, this is text", "text/plain"): 415,
        ("/api/voice", recorded(PCM16, "mp4", "aac")[:9000], "audio/mp4"): 415,
        ("/api/voice", bomb, "audio/flac"): 413,
        ("/transcribe", form(bomb), FORM): 413,
        ("/transcribe", form(b"\x1aE\xdf\xa3garbage"), FORM): 415,
        ("/transcribe", form(WAV, name="other"), FORM): 400,
        ("/transcribe", form(WAV), "multipart/form-data"): 400,
        ("/transcribe", form(WAV)[:-20], FORM): 400,
        ("/transcribe", WAV, "audio/wav"): 415,
        ("/speech/stt", b"hello", "application/json"): 400,
        ("/speech/stt", b'{"sound": "AAAA"}', "application/json"): 400,
        ("/speech/stt", b'{"audio": "not base64!"}', "application/json"): 400,
        ("/speech/stt", stt_body(b"odd"), "application/json"): 400,
        ("/speech/stt", stt_body(WAV[:20]), "application/json"): 415,
        ("/speech/stt", stt_body(bomb), "application/json"): 413,
        ("/speech/stt", stt_body(bytes(32_000 * 121)), "application/json"): 413,
        ("/speech/tts", b'{"text": ""}', "application/json"): 400,
        ("/speech/tts", b'{"text": 7}', "application/json"): 400,
        ("/speech/tts", json.dumps({"text": "a" * 5000}).encode(), "application/json"): 413,
    }
    async with open_live_server() as live:
        workers = [lane.pid for lane in live.room.lanes if lane is not live.room.media_lane]
        for (path, body, content_type), status in cases.items():
            answer = await ask(live, path, body, content_type)
            what = (path, body[:30], content_type, answer.body[:200])
            assert answer.status == status, what
            assert answer.json()["ok"] is False, what
            assert answer.json()["error"], what
        assert live.room.media_lane.generation == 1
        assert workers == [lane.pid for lane in live.room.lanes if lane is not live.room.media_lane]
        truncated = await ask(live, "/api/voice", recorded(PCM16, "webm", "libopus")[:20_000])
        assert truncated.json()["ok"] is True
        served = await ask(live, "/speech/stt", stt_body(WAV))
        assert served.json()["transcript"] == WORDS


async def test_a_body_of_11_mb_is_refused() -> None:
    async with open_live_server() as live:
        refused = await ask(live, "/api/voice", bytes(11 * 1000 * 1000), "audio/wav")
        assert refused.status == 413
        # without a length, the server finds out as it comes
        chunks = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        head = b"POST /api/voice HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        endless = head + chunks * (BODY_LIMIT_BYTES // (1 << 20) + 1)
        assert (await request_http(live.port, endless)).status == 413


async def test_a_decoder_that_is_killed_costs_no_later_request() -> None:
    async with open_live_server() as live:
        lane = live.room.media_lane
        while not lane.ready:
            await trio.sleep(POLL_S)
        assert lane.pid is not None
        os.kill(lane.pid, signal.SIGKILL)
        while lane.generation == 1:
            await trio.sleep(POLL_S)
        assert (await live.get("/ready")).status == 200  # conversations do not need it
        assert (await ask(live, "/transcribe", form(WAV), FORM)).json()["transcript"] == WORDS
