"""OpenAITranscriber against a real HTTP server that misbehaves. Time is real, and bounded."""

from __future__ import annotations

import gc
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai.resources.audio  # noqa: F401 (the seconds this may take are not a test's)
import pytest
import trio

from parley.actors.asr import ASRActor
from parley.actors.messages import (
    Report,
    UtteranceFailed,
    UtteranceFinalizing,
    UtteranceHeard,
)
from parley.actors.partials import Partials
from parley.actors.utterance_intake import Intake
from parley.audio.wav import parse_wav
from parley.conversation.spoken import (
    Spoken,
    UtteranceAudio,
    UtteranceBegan,
    UtteranceEnded,
)
from parley.conversation.utterance import UtteranceInHand
from parley.engines.asr import openai as module
from parley.engines.asr.interface import Transcriber, Transcript
from parley.engines.asr.openai import OpenAITranscriber, OpenAITranscribers, open_openai_asr
from parley.engines.deadline import engine_deadline
from parley.engines.failures import EngineFailure, EngineTimeout, EngineUnavailable, LaneLost
from parley.protocol.codes import Code
from parley.telemetry import Telemetry
from support import llm_server as wire
from support.channels import open_outbox
from support.llm_server import Behaviour, LLMServer, SeenRequest, open_llm_server
from support.whole_answers import answer, cut_off, endless, slowly, stalled, tell_json

KEY = "sk-secret-7351"
LIMIT_S = 5.0
SECOND = bytes(range(1, 201)) * 160
HEARD = tell_json({"text": " Hello, Zoë.\n", "usage": {"type": "duration", "seconds": 1}})


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
            server.default = HEARD
            yield server


def opened(server: LLMServer, **more: Any) -> Any:
    wanted: dict[str, Any] = {"model": "m-1", "api_key": KEY, "base_url": server.base_url}
    return open_openai_asr(**(wanted | more))


@pytest.fixture
async def transcribers(server: LLMServer) -> AsyncIterator[OpenAITranscribers]:
    async with opened(server) as transcribers:
        yield transcribers


@pytest.fixture
async def transcriber(transcribers: OpenAITranscribers) -> OpenAITranscriber:
    return transcribers("session")


async def hear(transcriber: Transcriber, audio: bytes = SECOND) -> str:
    await transcriber.begin()
    await transcriber.feed(audio)
    return (await transcriber.finish()).text


async def final_of(transcriber: Transcriber) -> Transcript:
    await transcriber.begin()
    await transcriber.feed(SECOND)
    return await transcriber.finish()


async def failure_of(transcriber: Transcriber) -> EngineFailure:
    with pytest.raises(EngineFailure) as caught:
        await hear(transcriber)
    assert KEY not in str(caught.value)
    return caught.value


def form(request: SeenRequest) -> dict[str, bytes]:
    """The parts of a multipart form, by name."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    parts = {}
    for part in request.raw.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        (name,) = re.findall(rb'; name="([^"]+)"', head)
        parts[name.decode()] = content.removesuffix(b"\r\n")
    return parts


async def said_after(transcriber: OpenAITranscriber, pcm16: bytes) -> str | None:
    """The hypothesis, where there is one, after some more audio."""
    await transcriber.feed(pcm16)
    hypothesis = await transcriber.hypothesis()
    return None if hypothesis is None else hypothesis.text


# What is right.


async def test_an_utterance_is_sent_once_as_a_wav_and_its_words_come_back(
    server: LLMServer, transcriber: OpenAITranscriber
) -> None:
    await transcriber.begin()
    for start in range(0, len(SECOND), 3200):
        await transcriber.feed(SECOND[start : start + 3200])
        assert await transcriber.hypothesis() is None
    assert server.requests == []
    transcript = await transcriber.finish()
    assert transcript.text == "Hello, Zoë."
    assert (transcript.audio_ms, transcript.runs) == (1000, 1)
    assert 0 < transcript.decode_ms < 1000 * LIMIT_S
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/audio/transcriptions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    parts = form(request)
    sound = parse_wav(parts.pop("file"))
    assert (sound.pcm16, sound.rate_hz) == (SECOND, 16_000)
    assert parts == {"model": b"m-1", "response_format": b"json"}


async def test_a_language_is_told_where_it_is_known(server: LLMServer) -> None:
    async with opened(server, language="de") as transcribers:
        await hear(transcribers("session"))
        assert (await final_of(transcribers("session"))).language == "de"
    assert form(server.requests[0])["language"] == b"de"
    assert form(server.requests[0])["response_format"] == b"json"


@pytest.mark.parametrize(
    ("told", "language"), [("german", "de"), ("de", "de"), ("tlh", None), (5, None), (None, None)]
)
async def test_a_language_that_the_service_tells_is_told_on(
    told: object, language: str | None, server: LLMServer, transcriber: OpenAITranscriber
) -> None:
    server.script(tell_json({"text": "Hallo.", "language": told}))
    assert (await final_of(transcriber)).language == language


@pytest.mark.parametrize(("model", "form_of"), [("whisper-1", b"verbose_json"), ("m", b"json")])
async def test_only_whisper_is_asked_for_the_language(
    model: str, form_of: bytes, server: LLMServer
) -> None:
    async with opened(server, model=model) as transcribers:
        await hear(transcribers("session"))
    assert form(server.requests[0])["response_format"] == form_of


async def test_utterances_follow_one_another_on_one_connection(
    server: LLMServer, transcriber: OpenAITranscriber
) -> None:
    server.script(HEARD, slowly(b'{"text": "again"}', "application/json"))
    assert [await hear(transcriber), await hear(transcriber, SECOND[:6400])] == [
        "Hello, Zoë.",
        "again",
    ]
    assert server.accepted == 1
    assert len(parse_wav(form(server.requests[1])["file"]).pcm16) == 6400


async def test_sessions_do_not_hear_one_another(
    server: LLMServer, transcribers: OpenAITranscribers
) -> None:
    one, other = transcribers("one"), transcribers("other")
    await one.begin()
    await other.begin()
    await one.feed(SECOND)
    await other.feed(SECOND[:6400])
    assert ((await one.finish()).audio_ms, (await other.finish()).audio_ms) == (1000, 200)


@pytest.mark.parametrize("audio", [b"", SECOND[:3199]])
async def test_less_than_a_tenth_of_a_second_holds_no_word_and_costs_nothing(
    server: LLMServer, transcriber: OpenAITranscriber, audio: bytes
) -> None:
    assert await hear(transcriber, audio) == ""
    assert server.requests == []


async def test_silence_has_no_words(server: LLMServer, transcriber: OpenAITranscriber) -> None:
    server.script(tell_json({"text": ""}))
    assert await hear(transcriber) == ""


async def test_an_abandoned_utterance_is_never_sent(
    server: LLMServer, transcriber: OpenAITranscriber
) -> None:
    await transcriber.begin()
    await transcriber.feed(SECOND)
    await transcriber.abandon()
    await transcriber.abandon()
    for call in (transcriber.feed(SECOND), transcriber.finish()):
        with pytest.raises(LaneLost):
            await call
    assert server.requests == []


# Partials.


async def test_partials_are_asked_for_at_most_once_per_interval(server: LLMServer) -> None:
    server.default = tell_json({"text": "Hello"})
    async with opened(server, partial_interval_ms=250) as transcribers:
        transcriber = transcribers("session")
        began_s = trio.current_time()
        await transcriber.begin()
        told: list[str | None] = []
        for _ in range(6):
            told.append(await said_after(transcriber, SECOND[:3200]))
            await trio.sleep(0.1)
        assert told[0] is None
        assert [text for text in told if text] == ["Hello"] * len(server.requests)
        assert 1 <= len(server.requests) <= (trio.current_time() - began_s) / 0.25
        sizes = [len(parse_wav(form(request)["file"]).pcm16) for request in server.requests]
        assert sizes == sorted(set(sizes))
        assert (await transcriber.finish()).text == "Hello"


async def test_audio_that_is_fed_faster_than_it_was_spoken_costs_no_partials(
    server: LLMServer,
) -> None:
    async with opened(server, partial_interval_ms=1000) as transcribers:
        transcriber = transcribers("session")
        await transcriber.begin()
        for _ in range(30):
            assert await said_after(transcriber, SECOND) is None
    assert server.requests == []


@pytest.mark.parametrize("behaviour", [wire.refuse(503), answer(b"<html>"), (wire.Wire.STALL,)])
async def test_a_partial_that_fails_costs_no_words_and_is_the_last(
    server: LLMServer, monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour
) -> None:
    monkeypatch.setattr(module, "PARTIAL_LIMIT_S", 0.1)
    server.script(behaviour)
    async with opened(server, partial_interval_ms=0) as transcribers:
        transcriber = transcribers("session")
        await transcriber.begin()
        assert await said_after(transcriber, SECOND) is None
        assert await said_after(transcriber, SECOND) is None
        assert len(server.requests) == 1
        transcript = await transcriber.finish()
    assert (transcript.text, transcript.audio_ms) == ("Hello, Zoë.", 2000)


async def test_a_slow_partial_ends_before_its_caller_gives_the_utterance_up(
    server: LLMServer,
) -> None:
    server.script((wire.Wire.STALL,))
    async with opened(server, partial_interval_ms=0) as transcribers:
        transcriber = transcribers("session")
        await transcriber.begin()
        with engine_deadline(0.4, "decoding"):
            assert await said_after(transcriber, SECOND) is None
        assert (await transcriber.finish()).text == "Hello, Zoë."


# What is wrong.


@pytest.mark.parametrize(
    ("status", "code", "retryable", "advice"),
    [
        (401, "invalid_api_key", False, "check OPENAI_ASR_API_KEY or OPENAI_API_KEY"),
        (403, None, False, "check OPENAI_ASR_API_KEY"),
        (404, None, False, "check OPENAI_ASR_MODEL"),
        (400, None, False, "no such language"),
        (413, None, False, "413"),
        (429, "rate_limit_exceeded", True, "asked too often"),
        (429, "insufficient_quota", False, "billing"),
        (500, None, True, "500"),
        (503, None, True, "503"),
    ],
)
async def test_a_status_tells_whether_to_try_again_and_what_to_do(
    server: LLMServer,
    transcriber: OpenAITranscriber,
    status: int,
    code: str | None,
    retryable: bool,
    advice: str,
) -> None:
    server.script(wire.refuse(status, f"no such language, {KEY}", code=code))
    failure = await failure_of(transcriber)
    assert failure.retryable is retryable
    assert advice in str(failure)
    assert len(server.requests) == 1
    assert await hear(transcriber) == "Hello, Zoë."


@pytest.mark.parametrize(
    ("behaviour", "words", "retryable"),
    [
        (answer(b"<html>Sign in</html>", "text/html"), "no transcript but '<html>Sign in", False),
        (answer(b'{"text": "Hel'), "no transcript", False),
        (answer(b""), "no transcript", False),
        (answer(b'{"text": "\xff"}'), "no transcript", False),
        (answer(b'{"error": ' + b"[" * 10_000), "no transcript", False),
        (tell_json({"text": 5}), "no transcript", False),
        (tell_json(["Hello"]), "no transcript", False),
        (tell_json({"words": []}), "without a text", False),
        (tell_json({"text": None}), "without a text", False),
        (tell_json({"error": {"message": "out of luck", "code": 502}}), "out of luck", True),
        (tell_json({"error": "no memory left"}), "no memory left", True),
        (cut_off(b'{"text": "Hello"}', "application/json"), "RemoteProtocolError", True),
        ((wire.Wire.FIN,), "connection", True),
        ((wire.Wire.RST,), "connection", True),
    ],
)
async def test_what_is_no_transcript_is_a_failure_that_says_what_it_is(
    server: LLMServer,
    transcriber: OpenAITranscriber,
    behaviour: Behaviour,
    words: str,
    retryable: bool,
) -> None:
    server.script(behaviour)
    failure = await failure_of(transcriber)
    assert failure.retryable is retryable
    assert re.search(words, str(failure))
    with pytest.raises(LaneLost):
        await transcriber.finish()  # the utterance is lost; its owner feeds it again
    assert await hear(transcriber) == "Hello, Zoë."


async def test_a_reset_within_the_answer_may_be_tried_again(
    server: LLMServer, transcriber: OpenAITranscriber
) -> None:
    server.script(cut_off(b'{"text": "Hello"}', "application/json", reset=True))
    assert (await failure_of(transcriber)).retryable


async def test_an_endless_answer_fills_no_memory(
    server: LLMServer, transcriber: OpenAITranscriber
) -> None:
    server.script(endless("application/json"))
    failure = await failure_of(transcriber)
    assert not failure.retryable
    assert f"more than {module.LIMIT_BYTES} bytes" in str(failure)
    await server.all_closed()


async def test_an_utterance_without_end_fills_no_memory(
    transcriber: OpenAITranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_BYTES", 64_000)
    await transcriber.begin()
    await transcriber.feed(bytes(64_000))
    with pytest.raises(EngineFailure, match="longer") as caught:
        await transcriber.feed(b"\0\0")
    assert not caught.value.retryable


# What the caller ends.


@pytest.mark.parametrize(
    "behaviour", [(wire.Wire.STALL,), stalled(b'{"text": "Hello"}', "application/json")]
)
async def test_a_stall_is_the_callers_timeout_and_closes_the_connection(
    server: LLMServer, transcriber: OpenAITranscriber, behaviour: Behaviour
) -> None:
    server.script(behaviour)
    with pytest.raises(EngineTimeout), engine_deadline(0.2, "the final decode"):
        await hear(transcriber)
    await server.all_closed()
    assert await hear(transcriber) == "Hello, Zoë."


async def test_a_session_that_ends_ends_its_request(
    server: LLMServer, transcriber: OpenAITranscriber
) -> None:
    server.script((wire.Wire.STALL,))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear, transcriber)
        while not server.requests:
            await trio.sleep(0.005)
        nursery.cancel_scope.cancel()
    await server.all_closed()


# With its actor, which owns the second attempt.


async def run_actor(transcriber: Transcriber, timeout_s: float = 2.0) -> Report:
    """One utterance through an actor: what it reports."""
    say, spoken = trio.open_memory_channel[Spoken](10)
    report, reports = trio.open_memory_channel[Report](10)
    outbox, _ = open_outbox(10)
    say.send_nowait(UtteranceBegan(number=1, first_sample_s=0.0, audio_ms=0))
    say.send_nowait(UtteranceAudio(number=1, pcm16=SECOND, audio_ms=1000))
    say.send_nowait(UtteranceEnded(number=1, audio_ms=1000))
    say.close()
    utterance: UtteranceInHand[Transcript] = UtteranceInHand()
    telemetry = Telemetry()
    await ASRActor(
        intake=Intake(inbox=spoken, utterance=utterance),
        reports=report,
        outbox=outbox,
        transcriber=transcriber,
        partials=Partials(
            utterance=utterance,
            reports=report,
            outbox=outbox,
            interval_s=1.0,
            min_gap_s=0.1,
            telemetry=telemetry,
        ),
        timeout_s=timeout_s,
        telemetry=telemetry,
    ).run()
    while isinstance(told := reports.receive_nowait(), UtteranceFinalizing):
        pass
    return told


@pytest.mark.parametrize("status", [429, 503])
async def test_an_error_that_may_pass_is_met_with_one_more_attempt(
    server: LLMServer, transcriber: OpenAITranscriber, status: int
) -> None:
    server.script(wire.refuse(status))
    heard = await run_actor(transcriber)
    assert isinstance(heard, UtteranceHeard)
    assert (heard.transcript.text, heard.transcript.audio_ms) == ("Hello, Zoë.", 1000)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("behaviour", "code", "requests"),
    [
        (wire.refuse(503), Code.ASR_FAIL, 2),
        (wire.refuse(401), Code.ASR_FAIL, 1),
        ((wire.Wire.STALL,), Code.ASR_TIMEOUT, 2),
    ],
)
async def test_an_error_that_lasts_costs_this_utterance_and_no_more(
    server: LLMServer,
    transcriber: OpenAITranscriber,
    behaviour: Behaviour,
    code: Code,
    requests: int,
) -> None:
    server.script(*[behaviour] * requests)
    failed = await run_actor(transcriber, 0.3 if code is Code.ASR_TIMEOUT else 2.0)
    assert isinstance(failed, UtteranceFailed)
    assert failed.code is code
    assert len(server.requests) == requests
    assert await hear(transcriber) == "Hello, Zoë."


# Opening.


@pytest.mark.parametrize(
    ("settings", "advice"),
    [({}, "OPENAI_ASR_API_KEY"), ({"base_url": "ftp://a/b"}, "OPENAI_ASR_BASE_URL")],
)
async def test_settings_that_cannot_work_are_refused_at_once(
    settings: dict[str, Any], advice: str
) -> None:
    with pytest.raises(EngineUnavailable, match=advice):
        async with open_openai_asr(model="m", **settings):
            pass  # pragma: no cover


async def test_what_is_concluded_at_a_pause_is_asked_for_once(
    server: LLMServer, transcriber: OpenAITranscriber
) -> None:
    await transcriber.begin()
    await transcriber.feed(SECOND)
    first = await transcriber.conclude()
    assert await transcriber.conclude() == await transcriber.finish() == first
    assert len(server.requests) == 1
    await transcriber.begin()
    await transcriber.feed(SECOND)
    await transcriber.conclude()
    await transcriber.feed(SECOND)
    assert (await transcriber.finish()).audio_ms == 2000
    assert len(server.requests) == 3
