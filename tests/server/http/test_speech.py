"""Speech over plain HTTP: what requests mean, and what engines make of them."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from parley.audio.wav import parse_wav, wav_bytes
from parley.config import Settings
from parley.conversation.later import SayLater
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import EngineBusy, EngineFailure, EngineUnavailable
from parley.engines.kit import Engines
from parley.engines.lanes.lane import Lane
from parley.engines.llm.interface import Alive
from parley.engines.llm.scripted import HANG, ScriptedResponder, Step
from parley.engines.tts.interface import Speech
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.energy import EnergyDetector
from parley.protocol.chat import ChatMessage
from parley.server.http.head import BadRequest
from parley.server.http.places import AT_ONCE, REQUESTS_MAX
from parley.server.http.responses import Response
from parley.server.http.speech import BODY_LIMIT_BYTES, SpeechEndpoints
from parley.server.http.speech_bodies import (
    EVENT_ID_CHARS,
    TEXT_LIMIT_CHARS,
    form_blob,
    holds_a_file,
    joined,
    raw_pcm16,
    stt_audio,
    tts_text,
    voice_blob,
)
from parley.session.phrasing import spoken_phrases
from support.blobs import FORM, form, head_of, post, recorded

SECOND = bytes(32_000)
WAV = wav_bytes(SECOND * 2, 16_000)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def status_of(parse: Callable[[], object]) -> int:
    with pytest.raises(BadRequest) as caught:
        parse()
    return caught.value.status


# Bodies


def test_audio_is_base64_in_json_or_a_data_url() -> None:
    assert stt_audio(json.dumps({"audio": b64(b"ab")}).encode()) == b"ab"
    url = f"data:audio/wav;base64,{b64(b'ab')}"
    assert stt_audio(json.dumps({"audio": url, "language": "en"}).encode()) == b"ab"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"hello", b"[]", b"{}", b'{"audio": 1}', b'{"audio": null}', b'{"audio": ""}'),
        *(b'{"audio": "\xff"}', b'{"audio": "\\ud800"}', b'{"audio": "a"}', b'{"audio": "!!!!"}'),
        *(b'{"audio": "YWI=\\n"}', '{"audio": "é"}'.encode(), b'{"audio": "data:audio/wav"}'),
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "audio": "YWI="}',
    ],
)
def test_anything_else_is_400(body: bytes) -> None:
    assert status_of(lambda: stt_audio(body)) == 400


def test_audio_without_a_header_is_pcm16_of_a_limited_length() -> None:
    assert raw_pcm16(SECOND, 1000) == SECOND
    assert status_of(lambda: raw_pcm16(SECOND[:-1], 1000)) == 400
    assert status_of(lambda: raw_pcm16(SECOND + b"\0\0", 1000)) == 413


def test_files_are_told_from_pcm16_by_their_beginning() -> None:
    assert holds_a_file(WAV)
    assert holds_a_file(recorded(SECOND, "webm", "libopus"))
    assert not holds_a_file(SECOND)
    assert status_of(lambda: holds_a_file(b"This is no sound, but text. " * 20)) == 415


def test_a_text_is_stripped_and_limited() -> None:
    assert tts_text(b'{"text": " hello "}') == "hello"
    assert tts_text(json.dumps({"text": "a" * TEXT_LIMIT_CHARS}).encode())
    long = json.dumps({"text": "a" * (TEXT_LIMIT_CHARS + 1)}).encode()
    assert status_of(lambda: tts_text(long)) == 413


@pytest.mark.parametrize("body", [b"", b"x", b"{}", b'{"text": " "}', b'{"text": ["a"]}', b"\xff"])
def test_no_text_is_400(body: bytes) -> None:
    assert status_of(lambda: tts_text(body)) == 400


def test_a_recording_comes_as_a_form_or_raw() -> None:
    assert form_blob(FORM, form(WAV)) == voice_blob(FORM, form(WAV)) == WAV
    assert voice_blob("audio/webm", WAV) == voice_blob("", WAV) == WAV
    assert status_of(lambda: voice_blob("audio/wav", b"no sound")) == 415
    assert status_of(lambda: form_blob("audio/webm", b"x")) == 415
    for empty in (lambda: voice_blob("audio/webm", b""), lambda: voice_blob(FORM, form(b""))):
        assert status_of(empty) == 400


def test_a_text_is_spoken_sentence_by_sentence() -> None:
    assert spoken_phrases("Hello there. How are you? Fine", Settings().speaking) == [
        *("Hello there.", "How are you?", "Fine")
    ]
    assert max(map(len, spoken_phrases("word " * 100, Settings().speaking))) <= 241


def test_phrases_make_one_wav_and_silence_an_empty_one() -> None:
    said = Speech(pcm16=b"ab" * 10, rate_hz=8_000)
    silent = Speech(pcm16=b"", rate_hz=22_050)
    both = parse_wav(joined([silent, said, silent, said]))
    assert (both.pcm16, both.rate_hz) == (b"ab" * 20, 8_000)
    assert joined([silent]) == wav_bytes(b"", 22_050)
    assert joined([]) == wav_bytes(b"", 16_000)


# Handlers


class InThisProcess:
    """In place of the media lane; what it runs are the worker's own functions."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    async def call(self, fn: Callable[..., object], *args: object) -> object:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        return fn(*args)


class Desk:
    """Endpoints with scripted engines, and one request at a time to them."""

    def __init__(
        self,
        *,
        asr: ScriptedTranscriber | None = None,
        llm: list[Step] | None = None,
        second: ScriptedResponder | None = None,
        tts: ScriptedSynthesizer | None = None,
        media: Exception | None = None,
        **settings: object,
    ) -> None:
        self.asr = asr or ScriptedTranscriber(["what is it"], shortest_ms=0)
        reply: list[Step] = ["It is ", "fine. ", "Really."] if llm is None else llm
        self.llm = ScriptedResponder(then=reply, second=second)
        self.tts = tts or ScriptedSynthesizer()
        self.endpoints = SpeechEndpoints(
            Engines(
                detector=lambda session: EnergyDetector(session.hearing.energy_threshold),
                transcriber=lambda session: self.asr,
                responder=self.llm,
                synthesizer=self.tts,
            ),
            Settings.defaults(**settings),
            cast(Lane, InThisProcess(media)),
        )

    async def ask(self, request: bytes) -> Response:
        """As a Front does it."""
        head = head_of(request)
        _, stream = memory_stream_pair()
        try:
            response = await self.endpoints.routes[head.method, head.path](head, stream)
        except BadRequest as refusal:
            return Response(refusal.status, {}, refusal.message.encode())
        assert isinstance(response, Response)
        return response

    async def stt(self, audio: bytes) -> Response:
        return await self.ask(post("/speech/stt", json.dumps({"audio": b64(audio)}).encode()))

    async def voice(self, blob: bytes = WAV) -> Response:
        return await self.ask(post("/api/voice", blob, "audio/wav"))


def told(response: Response, status: int = 200) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(response.body)
    assert (response.status, body["ok"]) == (status, status == 200)
    return body


@pytest.mark.parametrize("audio", [SECOND * 2, WAV])
async def test_stt_feeds_the_recognizer_by_the_second(audio: bytes, autojump_clock: Any) -> None:
    desk = Desk()
    assert told(await desk.stt(audio)) == {"ok": True, "transcript": "what is it"}
    assert desk.asr.heard == [SECOND * 2]
    assert desk.asr.calls == {"begin": 1, "feed": 2, "finish": 1, "abandon": 0}


TRACED = (
    ("in the body", b'"event_id": "e1", ', (), "e1"),
    ("in the header", b"", ("X-Event-ID: e2",), "e2"),
    ("in both", b'"event_id": "e1", ', ("X-Event-ID: e2",), "e1"),
    ("an empty one in the body", b'"event_id": "", ', ("X-Event-ID: e2",), "e2"),
    ("nowhere", b"", (), None),
    ("one that is no text", b'"event_id": 5, ', (), None),
    ("one that is too long", b'"event_id": "' + b"e" * (EVENT_ID_CHARS + 1) + b'", ', (), None),
)


@pytest.mark.parametrize(("where", "field", "headers", "echoed"), TRACED, ids=lambda x: str(x)[:30])
async def test_the_id_by_which_a_client_traces_its_request_comes_back_in_every_answer(
    autojump_clock: Any, where: str, field: bytes, headers: tuple[str, ...], echoed: str | None
) -> None:
    audio = b64(SECOND).encode()
    asked = {
        200: ("/speech/tts", b"{" + field + b'"text": "One."}'),
        400: ("/speech/stt", b"{" + field + b'"sound": ""}'),
        503: ("/speech/stt", b"{" + field + b'"audio": "' + audio + b'"}'),
    }
    for status, (path, body) in asked.items():
        busy = ScriptedTranscriber(["x"], shortest_ms=0, fail_on={("begin", 1): EngineBusy("full")})
        answer = await Desk(asr=busy).ask(post(path, body, "application/json", *headers))
        assert answer.status == status
        if echoed is not None:
            assert told(answer, status)["event_id"] == echoed
        else:
            assert b"event_id" not in answer.body


async def test_transcribe_takes_a_form(autojump_clock: Any) -> None:
    desk = Desk()
    answer = await desk.ask(post("/transcribe", form(WAV), FORM))
    assert told(answer) == {"ok": True, "transcript": "what is it"}
    assert (await desk.ask(post("/transcribe", WAV, "audio/wav"))).status == 415


async def test_what_would_be_said_later_is_not_promised_without_a_call(
    autojump_clock: Any,
) -> None:
    wish = SayLater(text="Ring.", after_s=5)
    answer = told(await Desk(llm=[wish, "It ", "rings."]).voice())
    reply = "It rings. I can only do that while a call lasts, and this is none."
    assert reply in answer.values()


async def test_tts_speaks(autojump_clock: Any) -> None:
    desk = Desk()
    answer = told(await desk.ask(post("/speech/tts", b'{"text": "One. Two."}')))
    kind, _, data = answer["audio_url"].partition(",")
    assert kind == "data:audio/wav;base64"
    assert desk.tts.read_back(parse_wav(base64.b64decode(data)).pcm16) == "One.Two."


async def test_voice_hears_answers_and_speaks(autojump_clock: Any) -> None:
    desk = Desk(stream_system_prompt="Be kind.")
    answer = told(await desk.voice())
    audio = parse_wav(base64.b64decode(answer.pop("audio_b64")))
    assert answer == {
        "ok": True,
        "transcript": "what is it",
        "reply": "It is fine. Really.",
        "mime": "audio/wav",
    }
    assert desk.tts.read_back(audio.pcm16) == "It is fine.Really."
    assert desk.llm.conversations == [
        (
            ChatMessage(role="system", text="Be kind."),
            ChatMessage(role="user", text="what is it"),
        )
    ]


async def test_nothing_said_is_not_answered(autojump_clock: Any) -> None:
    desk = Desk(asr=ScriptedTranscriber([""], shortest_ms=0))
    answer = told(await desk.voice())
    assert (answer["transcript"], answer["reply"], answer["audio_b64"]) == ("", "", "")
    assert not desk.llm.conversations


async def test_an_endless_reply_is_cut(autojump_clock: Any) -> None:
    answer = told(await Desk(llm=["word " * 100] * 100).voice())
    assert TEXT_LIMIT_CHARS - 5 <= len(answer["reply"]) <= TEXT_LIMIT_CHARS


@pytest.mark.parametrize(
    ("blob", "status"),
    [
        *(
            (b"garbage" * 100, 415),
            (b"", 400),
            (WAV[:30], 415),
            (recorded(SECOND, "mp4", "aac"), 200),
        ),
        (recorded(SECOND * 300, "flac", "flac", 16_000), 413),
    ],
)
async def test_blobs_of_all_kinds(blob: bytes, status: int, autojump_clock: Any) -> None:
    assert (await Desk().voice(blob)).status == status


async def test_a_body_over_the_limit_is_413_before_it_is_read() -> None:
    head = f"POST /api/voice HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY_LIMIT_BYTES + 1}\r\n\r\n"
    assert (await Desk().ask(head.encode())).status == 413


async def test_a_body_that_does_not_come_is_408(autojump_clock: Any) -> None:
    began_s = trio.current_time()
    assert (await Desk().ask(post("/api/voice", WAV)[:-1])).status == 408
    assert trio.current_time() - began_s == 30


FAILING = [
    (
        Desk(
            asr=ScriptedTranscriber(
                ["a"], shortest_ms=0, fail_on={("feed", 2): EngineFailure("asr gone")}
            )
        ),
        "gone",
    ),
    (Desk(asr=ScriptedTranscriber(["a"], shortest_ms=0, delays_s={"begin": math.inf})), "opening"),
    (
        Desk(asr=ScriptedTranscriber(["a"], shortest_ms=0, delays_s={"finish": math.inf})),
        "final decode",
    ),
    (Desk(llm=[EngineFailure("llm gone")]), "llm gone"),
    (Desk(llm=[HANG]), "took longer than 5 s"),
    (Desk(llm=["It ", HANG]), "took longer than 4 s"),
    (Desk(tts=ScriptedSynthesizer(failures={2: EngineFailure("tts gone")})), "tts gone"),
    (Desk(tts=ScriptedSynthesizer(delay_s=math.inf)), "synthesis"),
    (Desk(media=EngineFailure("lane media-1 is full")), "full"),
]


@pytest.mark.parametrize(("desk", "why"), FAILING, ids=[why for _, why in FAILING])
async def test_an_engine_that_fails_is_503(desk: Desk, why: str, autojump_clock: Any) -> None:
    answer = await desk.voice()
    assert why in told(answer, 503)["error"]
    assert "Retry-After" in answer.headers
    assert not desk.asr.open
    assert desk.llm.active == desk.tts.active == 0
    assert "parley_engine_failures" in desk.endpoints._telemetry.exposition().decode()


async def test_an_engine_that_is_missing_asks_for_no_retry() -> None:
    answer = await Desk(media=EngineUnavailable("no FFmpeg")).voice()
    assert "no FFmpeg" in told(answer, 503)["error"]
    assert "Retry-After" not in answer.headers


async def test_a_recognizer_that_has_no_room_is_a_503_that_says_when_to_come_again() -> None:
    asr = ScriptedTranscriber(["a"], shortest_ms=0, fail_on={("begin", 1): EngineBusy("9 people")})
    answer = await Desk(asr=asr).voice()
    assert answer.status == 503
    assert "9 people" in answer.body.decode()
    assert "Retry-After" in answer.headers


async def test_a_cancelled_request_leaves_nothing_open(autojump_clock: Any) -> None:
    desk = Desk(asr=ScriptedTranscriber(["a"], shortest_ms=0, delays_s={("feed", 2): math.inf}))
    with trio.move_on_after(1) as scope:
        await desk.voice()
    assert scope.cancelled_caught
    assert not desk.asr.open
    assert told(await desk.voice())["transcript"] == "a"


async def test_only_so_many_use_engines_and_only_so_many_wait(mock_clock: MockClock) -> None:
    desk = Desk(tts=ScriptedSynthesizer(delay_s=5))
    answers: list[Response] = []

    async def ask() -> None:
        answers.append(await desk.ask(post("/speech/tts", b'{"text": "Hi"}')))

    async with trio.open_nursery() as nursery:
        for _ in range(REQUESTS_MAX):
            nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        assert desk.tts.active == AT_ONCE
        refused = await desk.ask(post("/speech/tts", b'{"text": "Hi"}'))
        assert (refused.status, b"too many" in refused.body) == (503, True)
        mock_clock.autojump_threshold = 0
    assert [answer.status for answer in answers] == [200] * REQUESTS_MAX
    assert trio.current_time() == pytest.approx(5 * REQUESTS_MAX / AT_ONCE)
    assert told(await desk.ask(post("/speech/tts", b'{"text": "Hi"}')))


async def test_thoughts_are_no_part_of_an_answer(autojump_clock: Any) -> None:
    desk = Desk(llm=["<thi", "nk>", 20.0 / 6, "hm", 20.0 / 6, Alive(), 3.0, "</think>\nYes", "."])
    assert told(await desk.voice())["reply"] == "Yes."


@pytest.mark.parametrize("llm", [["..."], ["<think>hm"]])
async def test_an_answer_without_a_word_is_a_failure(llm: list[Step], autojump_clock: Any) -> None:
    assert (await Desk(llm=llm).voice()).status == 503


async def test_a_second_model_answers_for_the_first(autojump_clock: Any) -> None:
    down: list[Step] = [EngineFailure("down")]
    desk = Desk(llm=down, second=ScriptedResponder(then=["Second."]))
    assert told(await desk.voice())["reply"] == "Second."
    assert (await Desk(llm=down, second=ScriptedResponder(then=down)).voice()).status == 503
