"""Whatever a service answers, its engine gives a result or an EngineFailure, and nothing else."""

from __future__ import annotations

import gzip
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import trio

from parley.audio.wav import wav_bytes
from parley.engines.asr.openai import open_openai_asr
from parley.engines.failures import EngineFailure, EngineUnavailable
from parley.engines.llm.openai import open_openai
from parley.engines.services.openai_client import open_client
from parley.engines.tts.openai import open_openai_tts
from parley.protocol.chat import ChatMessage
from support.llm_server import Behaviour, Wire, open_llm_server

Use = Callable[[str, AsyncExitStack], Awaitable[object]]
DEEP = 100_000


async def answer(base_url: str, stack: AsyncExitStack) -> object:
    engine = await stack.enter_async_context(
        open_openai(model="m", max_tokens=9, base_url=base_url)
    )
    async with engine.reply([ChatMessage(role="user", text="Hello")]) as tokens:
        return "".join([token async for token in tokens if isinstance(token, str)])


async def transcribe(base_url: str, stack: AsyncExitStack) -> object:
    make = await stack.enter_async_context(open_openai_asr(model="m", base_url=base_url))
    transcriber = make("session")
    await transcriber.begin()
    await transcriber.feed(bytes(32_000))
    return (await transcriber.finish()).text


async def speak(base_url: str, stack: AsyncExitStack) -> object:
    engine = await stack.enter_async_context(
        open_openai_tts(model="m", voice="v", base_url=base_url)
    )
    return (await engine.speak("Hello.")).pcm16


ENGINES = pytest.mark.parametrize("use", [answer, transcribe, speak])


def http(body: bytes, *, status: str = "200 OK", headers: str = "") -> Behaviour:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return (head.encode("latin-1"), body, Wire.FIN)


def kind(content_type: str) -> str:
    return f"Content-Type: {content_type}\r\n"


JSON = kind("application/json")
NESTED = b'{"error":' + b"[" * DEEP + b"]" * DEEP + b"}"
WAV = wav_bytes(bytes(3200), 16_000)

BAD: dict[str, Behaviour] = {
    "nothing": http(b""),
    "a web page": http(b"<html>Sign in</html>", headers=kind("text/html; charset=utf-8")),
    "bytes": http(random.Random(1).randbytes(5000), headers=kind("application/octet-stream")),
    "an image": http(b"\x89PNG\r\n\x1a\n" * 99, headers=kind("image/png")),
    "null": http(b"null", headers=JSON),
    "a number": http(b"7", headers=JSON),
    "a list": http(b'["text"]', headers=JSON),
    "another type of text": http(b'{"text": 7}', headers=JSON),
    "no UTF-8": http(b'{"text": "\xff\xfe"}', headers=JSON),
    "half a letter": http(rb'{"text": "\ud800"}', headers=JSON),
    "a deep nest": http(NESTED, headers=JSON),
    "a deep nest as an event": http(
        b"data: " + NESTED + b"\n\n", headers=kind("text/event-stream")
    ),
    "a deep nest as an error": http(NESTED, status="500 No", headers=JSON),
    "a huge number": http(b'{"error": {"code": 1e999, "message": [1]}}', headers=JSON),
    "an error that is a list": http(b'{"error": [[]]}', status="400 No", headers=JSON),
    "an error that is a number": http(b"7", status="503 No", headers=JSON),
    "an error in no charset": http(b"no", status="500 No", headers=kind("text/plain; charset=hex")),
    "an error in rot13": http(b"no", status="500 No", headers=kind("text/plain; charset=rot13")),
    "an error that is no JSON": http(b"{{{", status="500 No", headers=JSON),
    "a status that is none": http(b"", status="999 What"),
    "a redirect to nowhere": http(b"", status="307 There", headers="Location: http://[\r\n"),
    "a redirect to a file": http(b"", status="307 There", headers="Location: file:///etc\r\n"),
    "a redirect without a place": http(b"", status="307 There"),
    "no gzip": http(b"plain", headers="Content-Encoding: gzip\r\n"),
    "half a gzip": http(gzip.compress(WAV)[:20], headers="Content-Encoding: gzip\r\n"),
    "no deflate": http(b"plain", headers="Content-Encoding: deflate\r\n"),
    "no zstd": http(b"plain", headers="Content-Encoding: zstd\r\n"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9\r\n", Wire.FIN),
    "an endless head": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 30_000, Wire.FIN),
    "a hang-up": (Wire.FIN,),
    "a reset": (Wire.RST,),
    "a cut body": (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{", Wire.FIN),
    "a cut chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{", Wire.FIN),
    "no chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n", Wire.FIN),
    "a cut WAV": http(WAV[:40], headers=kind("audio/wav")),
    "a WAV without a rate": http(WAV[:24] + bytes(4) + WAV[28:], headers=kind("audio/wav")),
    "a WAV of nothing": http(b"RIFF", headers=kind("audio/wav")),
    "a WAV of rubbish": http(WAV[:16] + b"\xff" * 60, headers=kind("audio/wav")),
}


@pytest.mark.few(30)
@ENGINES
@pytest.mark.parametrize("what", BAD)
async def test_a_bad_answer_is_an_engine_failure(what: str, use: Use) -> None:
    with trio.fail_after(20):
        async with open_llm_server() as server, AsyncExitStack() as stack:
            server.default = BAD[what]
            with pytest.raises(EngineFailure) as failure:
                await use(server.base_url, stack)
    assert str(failure.value)
    assert len(str(failure.value)) < 600


@ENGINES
@pytest.mark.parametrize("proxy", ["socks9://me:secret@127.0.0.1:1"])
async def test_a_proxy_that_cannot_be_used_is_told_when_the_engine_is_opened(
    proxy: str, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(EngineUnavailable, match="mend ALL_PROXY") as refusal:
        async with AsyncExitStack() as stack:
            await use("http://192.0.2.1:1/v1", stack)
    assert "secret" not in str(refusal.value)


async def test_a_bad_answer_to_warming_is_a_line_in_the_log() -> None:
    for behaviour in BAD.values():
        async with open_llm_server() as server:
            server.default = behaviour
            async with open_client(model="m", base_url=server.base_url) as client:
                with trio.fail_after(20):
                    await client.warmer.warm()
