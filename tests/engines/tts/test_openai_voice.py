"""OpenAISynthesizer against a real HTTP server that misbehaves. Time is real, and bounded."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from typing import Any

import openai.resources.audio  # noqa: F401 (the seconds this may take are not a test's)
import pytest
import trio

from parley.audio.wav import wav_bytes
from parley.engines.deadline import engine_deadline
from parley.engines.failures import EngineFailure, EngineTimeout, EngineUnavailable
from parley.engines.services.openai_client import PLACEHOLDER_KEY
from parley.engines.tts import openai as module
from parley.engines.tts.interface import Synthesizer
from parley.engines.tts.openai import OpenAISynthesizer, open_openai_tts
from support import llm_server as wire
from support.llm_server import Behaviour, LLMServer, open_llm_server
from support.whole_answers import (
    answer,
    cut_off,
    endless,
    endless_refusal,
    slowly,
    stalled,
    tell_json,
)

KEY = "sk-secret-7351"
LIMIT_S = 5.0
PCM16 = bytes(range(200)) * 48
MAD_CHUNK = wav_bytes(PCM16, 24_000)[:16] + b"\x10\0\0\xff" + wav_bytes(PCM16, 24_000)[20:]
"""Its first chunk says that it is longer than the file by gigabytes."""
SOUND = answer(wav_bytes(PCM16, 24_000), "audio/wav")


@pytest.fixture(autouse=True)
def swept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No proxy of the machine comes between; what leaks is to leak within its own test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    gc.collect()


@pytest.fixture
async def server() -> AsyncIterator[LLMServer]:
    with trio.fail_after(LIMIT_S):
        async with open_llm_server() as server:
            server.default = SOUND
            yield server


@pytest.fixture
async def voice(server: LLMServer) -> AsyncIterator[OpenAISynthesizer]:
    async with open_openai_tts(
        model="m-1", voice="coral", base_url=server.base_url, api_key=KEY
    ) as voice:
        yield voice


async def failure_of(voice: Synthesizer, text: str = "Hello.") -> EngineFailure:
    with pytest.raises(EngineFailure) as caught:
        await voice.speak(text)
    assert KEY not in str(caught.value)
    return caught.value


# What is right.


async def test_a_phrase_is_asked_for_as_a_wav_and_its_samples_come_back(
    server: LLMServer, voice: OpenAISynthesizer
) -> None:
    speech = await voice.speak("Grüße, Zoë.")
    assert (speech.pcm16, speech.rate_hz) == (PCM16, 24_000)
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/audio/speech")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "input": "Grüße, Zoë.",
        "model": "m-1",
        "voice": "coral",
        "response_format": "wav",
    }


async def test_a_session_may_have_another_voice(
    server: LLMServer, voice: OpenAISynthesizer
) -> None:
    for speaker in (voice.with_voice("nova"), voice):
        await speaker.speak("Hello.")
    assert [request.body["voice"] for request in server.requests] == ["nova", "coral"]
    assert "coral" in voice.voices


@pytest.mark.parametrize("content_type", ["audio/x-wav", "application/octet-stream", ""])
@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000])
async def test_the_file_says_its_rate_whatever_the_server_calls_it(
    server: LLMServer, voice: OpenAISynthesizer, rate_hz: int, content_type: str
) -> None:
    server.script(slowly(wav_bytes(PCM16, rate_hz), content_type))
    speech = await voice.speak("Hello.")
    assert (speech.pcm16, speech.rate_hz) == (PCM16, rate_hz)


async def test_a_wav_that_never_knew_its_length_and_ends_in_half_a_sample_is_heard(
    server: LLMServer, voice: OpenAISynthesizer
) -> None:
    """OpenAI writes its header before it knows how long the phrase will be."""
    streamed = bytearray(wav_bytes(PCM16, 24_000))
    streamed[4:8] = streamed[40:44] = b"\xff\xff\xff\xff"
    server.script(answer(bytes(streamed) + b"\x01", "audio/wav"))
    assert (await voice.speak("Hello.")).pcm16 == PCM16


async def test_two_channels_are_mixed_down(server: LLMServer, voice: OpenAISynthesizer) -> None:
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((2, 2, 24_000, 0, "NONE", ""))
        writer.writeframes(b"\x02\0\x04\0" * 100)
    server.script(answer(file.getvalue(), "audio/wav"))
    assert (await voice.speak("Hello.")).pcm16 == b"\x03\0" * 100


@pytest.mark.parametrize("text", ["", "...", "\0", "\ud800"])
async def test_nothing_to_say_costs_nothing(
    server: LLMServer, voice: OpenAISynthesizer, text: str
) -> None:
    assert (await voice.speak(text)).pcm16 == b""
    assert server.requests == []


async def test_phrases_use_one_connection_and_run_side_by_side(
    server: LLMServer, voice: OpenAISynthesizer
) -> None:
    await voice.speak("One.")
    await voice.speak("Two.")
    assert server.accepted == 1
    server.default = slowly(wav_bytes(PCM16, 24_000), "audio/wav", pause_s=0.02)
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(voice.speak, "Hello.")
        while server.open_connections < 4:
            await trio.sleep(0.005)


# What is wrong.


@pytest.mark.parametrize(
    ("status", "code", "retryable", "advice"),
    [
        (401, "invalid_api_key", False, "check OPENAI_TTS_API_KEY or OPENAI_API_KEY"),
        (403, None, False, "check OPENAI_TTS_API_KEY"),
        (404, None, False, "check OPENAI_TTS_MODEL and OPENAI_TTS_VOICE"),
        (400, None, False, "no such voice"),
        (429, "rate_limit_exceeded", True, "asked too often"),
        (429, "insufficient_quota", False, "billing"),
        (500, None, True, "500"),
        (503, None, True, "503"),
    ],
)
async def test_a_status_tells_whether_to_try_again_and_what_to_do(
    server: LLMServer,
    voice: OpenAISynthesizer,
    status: int,
    code: str | None,
    retryable: bool,
    advice: str,
) -> None:
    server.script(wire.refuse(status, f"no such voice, {KEY}", code=code))
    failure = await failure_of(voice)
    assert failure.retryable is retryable
    assert advice in str(failure)
    assert (await voice.speak("Hello.")).pcm16 == PCM16


@pytest.mark.parametrize(
    ("behaviour", "words", "retryable"),
    [
        (answer(b"", "audio/wav"), "no audio", True),
        (answer(wav_bytes(b"", 24_000), "audio/wav"), "holds no audio", True),
        (tell_json({"error": "no voice"}), 'application/json where a WAV .*"no voice"', False),
        (answer(b"<html>Sign in</html>", "text/html"), "text/html .*Sign in", False),
        (answer(b"ID3\x04" * 50, "audio/mpeg"), "audio/mpeg where a WAV was asked for$", False),
        (answer(PCM16, "audio/pcm"), "audio/pcm where", False),
        (answer(PCM16, ""), "bytes of no kind", False),
        (answer(b"RIFF\0\0\0\0WAVE", "audio/wav"), "ends within its header", True),
        (answer(b"RIFF", "audio/wav"), "ends within its header", True),
        (answer(wav_bytes(bytes(4800), 24_000), "audio/wav"), "sent silence", True),
        (answer(MAD_CHUNK, "audio/wav"), "damaged", True),
        (answer(wav_bytes(PCM16, 4000), "audio/wav"), "4000 Hz", False),
        (cut_off(wav_bytes(PCM16, 24_000), "audio/wav"), "RemoteProtocolError", True),
        ((wire.Wire.FIN,), "connection", True),
        ((wire.Wire.RST,), "connection", True),
        ((b"ICY 200 OK\r\n\r\n",), "connection", True),
    ],
)
async def test_what_is_no_sound_is_a_failure_that_says_what_it_is(
    server: LLMServer,
    voice: OpenAISynthesizer,
    behaviour: Behaviour,
    words: str,
    retryable: bool,
) -> None:
    server.script(behaviour)
    failure = await failure_of(voice)
    assert failure.retryable is retryable
    assert re.search(words, str(failure))
    assert (await voice.speak("Hello.")).pcm16 == PCM16


async def test_a_reset_within_the_sound_may_be_tried_again(
    server: LLMServer, voice: OpenAISynthesizer
) -> None:
    server.script(cut_off(wav_bytes(PCM16, 24_000), "audio/wav", reset=True))
    assert (await failure_of(voice)).retryable


async def test_an_endless_answer_fills_no_memory(
    server: LLMServer, voice: OpenAISynthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT_BYTES", 100_000)
    head, first, *rest = endless("audio/wav")
    begin = wav_bytes(b"", 24_000)
    assert isinstance(first, bytes)
    server.script((head, begin + first[len(begin) :], *rest))
    failure = await failure_of(voice)
    assert not failure.retryable
    assert "more than 100000 bytes" in str(failure)
    await server.all_closed()


@pytest.mark.parametrize("status", [500, 401])
async def test_an_endless_error_is_not_read_to_its_end(
    server: LLMServer, voice: OpenAISynthesizer, status: int
) -> None:
    server.script(endless_refusal(status))
    failure = await failure_of(voice)
    assert str(status) in str(failure)
    assert len(str(failure)) < 400
    await server.all_closed()
    assert (await voice.speak("Hello.")).pcm16 == PCM16


async def test_a_server_that_is_not_there_may_be_tried_again() -> None:
    async with open_llm_server() as server:
        address = server.base_url
    async with open_openai_tts(model="m", voice="v", base_url=address) as voice:
        assert (await failure_of(voice)).retryable


# What the caller ends.


@pytest.mark.parametrize(
    "behaviour",
    [
        (wire.Wire.STALL,),
        stalled(wav_bytes(PCM16, 24_000), "audio/wav"),
        stalled(b"an error of many words", "text/plain", status=500),
    ],
)
async def test_a_stall_is_the_callers_timeout_and_closes_the_connection(
    server: LLMServer, voice: OpenAISynthesizer, behaviour: Behaviour
) -> None:
    server.script(behaviour)
    with pytest.raises(EngineTimeout), engine_deadline(0.2, "speaking"):
        await voice.speak("Hello.")
    await server.all_closed()
    assert (await voice.speak("Hello.")).pcm16 == PCM16


async def test_a_reply_that_is_interrupted_ends_its_request(
    server: LLMServer, voice: OpenAISynthesizer
) -> None:
    server.script(stalled(wav_bytes(PCM16, 24_000), "audio/wav"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(voice.speak, "Hello.")
        while not server.requests:
            await trio.sleep(0.005)
        nursery.cancel_scope.cancel()
    await server.all_closed()


# Opening.


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({}, "OPENAI_TTS_API_KEY or OPENAI_API_KEY"),
        ({"api_key": "sk-ключ"}, "copy it again"),
        ({"base_url": "ftp://a/b"}, "OPENAI_TTS_BASE_URL"),
    ],
)
async def test_settings_that_cannot_work_are_refused_at_once(
    settings: dict[str, Any], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    with pytest.raises(EngineUnavailable, match=advice):
        async with open_openai_tts(model="m", voice="v", **settings):
            pass  # pragma: no cover


async def test_a_server_of_ones_own_needs_no_key(server: LLMServer) -> None:
    async with open_openai_tts(model="m", voice="v", base_url=server.base_url) as voice:
        await voice.speak("Hello.")
        assert KEY not in repr(voice)
    assert server.requests[0].headers["authorization"] == f"Bearer {PLACEHOLDER_KEY}"


@pytest.mark.parametrize("name", ["tts.openai", "asr.openai", "room"])
def test_importing_the_engines_does_not_import_the_sdk(name: str) -> None:
    heavy = "{'openai', 'httpx2', 'piper'}"
    code = f"import sys, parley.engines.{name}; print({heavy} & {{*sys.modules}})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


async def test_the_sound_is_passed_on_as_it_comes(
    server: LLMServer, voice: OpenAISynthesizer
) -> None:
    server.script(slowly(wav_bytes(PCM16 * 4, 24_000), "audio/wav", pieces=16, pause_s=0.04))
    times: list[float] = []
    sound = b""
    async with voice.stream("Hello.") as pieces:
        began_s = trio.current_time()
        async for piece in pieces:
            times.append(trio.current_time() - began_s)
            sound += piece.pcm16
            assert piece.rate_hz == 24_000
    assert sound == PCM16 * 4
    assert len(times) >= 4
    assert times[0] < times[-1] / 2


async def test_a_stream_that_is_left_closes_its_connection(
    server: LLMServer, voice: OpenAISynthesizer
) -> None:
    server.script(slowly(wav_bytes(PCM16 * 50, 24_000), "audio/wav", pieces=200, pause_s=0.05))
    async with voice.stream("Hello.") as pieces:
        assert (await anext(pieces)).pcm16
    await server.all_closed()


async def test_where_nothing_can_be_said_nobody_is_asked(
    server: LLMServer, voice: OpenAISynthesizer
) -> None:
    async with voice.stream(" ... ") as pieces:
        assert [piece async for piece in pieces] == []
    assert server.requests == []
