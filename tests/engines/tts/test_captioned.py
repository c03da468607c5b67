"""CaptionedSynthesizer against a real HTTP server. Time is real, and bounded."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator

import pytest
import trio

from parley.audio.wav import wav_bytes
from parley.engines.failures import EngineFailure
from parley.engines.tts.captioned import CaptionedSynthesizer, Captions, Objects, _Word
from parley.engines.tts.openai import OpenAISynthesizer, open_openai_tts
from support.llm_server import Behaviour, LLMServer, open_llm_server
from support.whole_answers import answer, cut_off, slowly

PCM16 = bytes(range(1, 101)) * 240
FILE = wav_bytes(PCM16, 24_000)


def piece(audio: bytes, *words: tuple[str, float, float]) -> bytes:
    times = [{"word": w, "start_time": a, "end_time": b} for w, a, b in words]
    told = {"audio": base64.b64encode(audio).decode(), "audio_format": "audio/wav"}
    return json.dumps({**told, "timestamps": times}).encode() + b"\n"


BODY = piece(FILE[:9000], ("Hello", 0.0, 0.1), (",", 0.1, 0.1)) + piece(
    FILE[9000:], ("there", 0.2, 0.4), (".", 0.4, 0.5)
)


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LLMServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with trio.fail_after(10):
        async with open_llm_server() as server:
            server.default = answer(BODY, "application/json")
            yield server


@pytest.fixture
async def voice(server: LLMServer) -> AsyncIterator[OpenAISynthesizer]:
    async with open_openai_tts(
        model="kokoro", voice="af_heart", base_url=server.base_url, captions=True
    ) as voice:
        yield voice


async def test_words_come_with_their_times(server: LLMServer, voice: OpenAISynthesizer) -> None:
    assert isinstance(voice, CaptionedSynthesizer)
    speech = await voice.speak("  Hello, there.")
    assert (speech.pcm16, speech.rate_hz) == (PCM16, 24_000)
    assert [(w.start, w.end, w.start_s, w.end_s) for w in speech.words] == [
        *((2, 7, 0.0, 0.1), (7, 8, 0.1, 0.1), (9, 14, 0.2, 0.4), (14, 15, 0.4, 0.5))
    ]
    (asked,) = server.requests
    assert asked.path == "/dev/captioned_speech"
    assert asked.body["input"] == "Hello, there."
    assert asked.body["return_timestamps"] is True


async def test_it_is_heard_with_its_first_piece(
    server: LLMServer, voice: OpenAISynthesizer
) -> None:
    server.script(slowly(BODY, "application/json", pieces=6, pause_s=0.1))
    async with voice.stream("Hello, there.") as pieces:
        first = await anext(pieces)
        came_s = trio.current_time()
        rest = [piece async for piece in pieces]
    assert first.words[0].end == 5
    assert rest and trio.current_time() - came_s > 0.1
    assert first.pcm16 + b"".join(one.pcm16 for one in rest) == PCM16


@pytest.mark.parametrize(
    ("behaviour", "told", "retryable"),
    [
        (answer(b"<html>no</html>", "text/html"), "no sound", True),
        (answer(b"[1]}", "application/json"), "captioned_speech does", False),
        (answer(b'{"audio": 5}', "application/json"), "captioned_speech does", False),
        (answer(b'{"audio": "!!"}', "application/json"), "captioned_speech does", False),
        (answer(piece(b"ID3" * 40), "application/json"), "not a WAV", True),
        (answer(piece(b""), "application/json"), "no sound", True),
        (cut_off(BODY, "application/json"), "RemoteProtocolError", True),
        (answer(b'{"detail":"x"}', "application/json", status=404), "has no model|404", False),
    ],
)
async def test_what_is_no_caption_is_a_failure_that_says_so(
    server: LLMServer,
    voice: OpenAISynthesizer,
    behaviour: Behaviour,
    told: str,
    retryable: bool,
) -> None:
    server.script(behaviour)
    with pytest.raises(EngineFailure) as caught:
        await voice.speak("Hello, there.")
    assert re.search(told, str(caught.value))
    assert caught.value.retryable is retryable
    assert (await voice.speak("Hello, there.")).pcm16 == PCM16


def test_words_that_are_not_in_the_text_have_no_place_in_it() -> None:
    told = [_Word("five", 0, 1), _Word("DOLLARS", 1, 2), _Word("now", 3, 2), _Word("", 0, 0)]
    found = Captions("5 dollars now", 0).found(told)
    assert [(word.start, word.end) for word in found] == [(2, 9)]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_objects_are_found_however_their_bytes_were_cut(step: int) -> None:
    row = json.dumps({"a": "}{"}) + " " + json.dumps({"b": "\u00e9"}, ensure_ascii=False)
    data, objects = row.encode(), Objects()
    found = [one for at in range(0, len(data), step) for one in objects.feed(data[at : at + step])]
    assert found == [{"a": "}{"}, {"b": "\u00e9"}]
