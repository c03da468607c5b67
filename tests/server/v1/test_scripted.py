"""Everything below /v1 with scripted engines, by the stock client on a live port."""

from __future__ import annotations

import base64
import io
import json
import math
import time
from collections.abc import Sequence
from typing import Any

import openai
import pytest
import trio

from parley.agent import Agent
from parley.audio.wav import wav_bytes
from parley.conversation.later import SayLater
from parley.engines.asr.interface import TimedWord, Transcript
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import EngineBusy, EngineFailure, Unsayable
from parley.engines.llm.interface import Alive, ToolCall
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.media.decode_worker import decode
from parley.engines.tts.interface import Speech
from parley.engines.tts.scripted import ScriptedStream, ScriptedSynthesizer
from parley.server.http.places import REQUESTS_MAX
from support.live_server import WEATHER, request_http
from support.openai_client import open_desk

WAV = ("speech.wav", wav_bytes(WEATHER.pcm16, 16_000))
LONG = ("long.wav", wav_bytes(WEATHER.pcm16 * 3, 16_000))
HELLO: list[Any] = [{"role": "user", "content": "Hi"}]


class Knowing(ScriptedTranscriber):
    """One that translates and knows when words sound."""

    async def word_times(self, pcm16: bytes, text: str, language: str) -> Sequence[TimedWord]:
        return [
            TimedWord(word=word, start_s=number * 0.1, end_s=number * 0.1 + 0.1)
            for number, word in enumerate(text.split())
        ]

    async def translated(self, pcm16: bytes) -> Transcript:
        return Transcript(
            text=f"English {len(self.heard)}.", decode_ms=1, audio_ms=1, runs=1, language="de"
        )


class Hanging(ScriptedTranscriber):
    """One that tells whether a call was given up."""

    cancelled = False

    async def finish(self) -> Transcript:
        try:
            return await super().finish()
        except trio.Cancelled:
            self.cancelled = True
            raise


def hears(*words: str, **more: object) -> ScriptedTranscriber:
    return ScriptedTranscriber(list(words), shortest_ms=0, **more)  # type: ignore[arg-type]


# Transcriptions


async def test_every_format_of_a_transcription() -> None:
    async with open_desk(transcriber=hears(*["one two."] * 20)) as desk:

        def work(client: openai.OpenAI) -> None:
            make = client.audio.transcriptions.create
            heard = make(model="whisper-1", file=WAV)
            assert "one two." in heard.text
            assert heard.usage is not None
            assert heard.usage.type == "duration"
            assert "one two." in make(model="x", file=WAV, response_format="text")
            assert "00:00:00" in make(model="x", file=WAV, response_format="srt")
            assert make(model="x", file=WAV, response_format="vtt").startswith("WEBVTT")
            verbose = make(model="x", file=WAV, response_format="verbose_json")
            assert verbose.duration == pytest.approx(len(WEATHER.pcm16) / 32_000, abs=0.01)
            assert verbose.segments
            assert verbose.segments[0].text == "one two."
            assert verbose.words is None

        await desk.ask(work)


async def test_words_are_told_on_the_way() -> None:
    async with open_desk(transcriber=hears("one.", "two.", "three.", "four.")) as desk:

        def work(client: openai.OpenAI) -> list[str]:
            events = client.audio.transcriptions.create(model="x", file=LONG, stream=True)
            told = list(events)
            assert [event.type for event in told[:-1]] == ["transcript.text.delta"] * (
                len(told) - 1
            )
            assert told[-1].type == "transcript.text.done"
            deltas = [e.delta for e in told if e.type == "transcript.text.delta"]
            assert told[-1].text == "".join(deltas)
            return deltas

        assert await desk.ask(work) == ["one.", " two.", " three."]


async def test_times_of_words_and_translations_where_the_recognizer_can() -> None:
    async with open_desk(transcriber=Knowing(["one two", "three", "four"], shortest_ms=0)) as desk:

        def work(client: openai.OpenAI) -> None:
            verbose = client.audio.transcriptions.create(
                model="x",
                file=LONG,
                response_format="verbose_json",
                timestamp_granularities=["word", "segment"],
            )
            assert [word.word for word in verbose.words or ()] == ["one", "two", "three", "four"]
            assert verbose.segments
            assert verbose.words
            assert verbose.words[2].start > 1
            translated = client.audio.translations.create(model="x", file=WAV)
            assert translated.text.startswith("English")

        with pytest.warns(DeprecationWarning, match="deprecated"):
            await desk.ask(work)


REFUSED: tuple[tuple[dict[str, Any], int, str | None], ...] = (
    ({"file": ("a.mp3", b"this is text " * 50)}, 415, "file"),
    ({"file": ("a.wav", b"")}, 400, "file"),
    ({"file": ("a.wav", b"RIFF\x10\0\0\0WAVEfmt ")}, 415, None),
    ({"response_format": "diarized_json"}, 400, "response_format"),
    ({"language": "de"}, 400, "language"),
    (
        {"response_format": "verbose_json", "timestamp_granularities": ["word"]},
        400,
        "timestamp_granularities",
    ),
)


@pytest.mark.parametrize(("given", "status", "param"), REFUSED)
async def test_what_cannot_be_transcribed_is_the_clients_own_exception(
    given: dict[str, Any], status: int, param: str | None
) -> None:
    async with open_desk() as desk:

        def work(client: openai.OpenAI) -> openai.APIStatusError:
            with pytest.raises(openai.APIStatusError) as caught:
                client.audio.transcriptions.create(**{"model": "x", "file": WAV, **given})
            return caught.value

        error = await desk.ask(work)
    assert (error.status_code, error.param) == (status, param)
    assert error.type == "invalid_request_error"
    assert len(error.message) > 30


async def test_an_upload_that_is_too_large_or_too_long_is_413() -> None:
    async with open_desk(stream_upload_mb=1, stream_upload_s=3) as desk:

        def work(client: openai.OpenAI) -> None:
            for size in (60, 20):
                file = wav_bytes(bytes(32_000 * size), 16_000)
                with pytest.raises(openai.APIStatusError) as caught:
                    client.audio.transcriptions.create(model="x", file=("a.wav", file))
                assert caught.value.status_code == 413

        await desk.ask(work)


@pytest.mark.parametrize("failure", [EngineFailure("asr gone"), EngineBusy("9 people")])
async def test_a_recognizer_that_fails_is_503_and_its_request_alone(failure: Exception) -> None:
    asr = hears("one.", "two.", fail_on={("begin", 1): failure})
    async with open_desk(transcriber=asr) as desk:

        def work(client: openai.OpenAI) -> None:
            with pytest.raises(openai.InternalServerError, match=str(failure)) as caught:
                client.audio.transcriptions.create(model="x", file=WAV, stream=True)
            assert caught.value.response.headers["retry-after"] == "5"
            assert client.audio.transcriptions.create(model="x", file=WAV).text

        await desk.ask(work)


async def test_what_fails_behind_the_first_words_is_the_last_event() -> None:
    asr = hears("one.", "two.", fail_on={("begin", 2): EngineFailure("asr gone")})
    async with open_desk(transcriber=asr) as desk:

        def work(client: openai.OpenAI) -> None:
            events = client.audio.transcriptions.create(model="x", file=LONG, stream=True)
            assert next(iter(events)).type == "transcript.text.delta"
            with pytest.raises(openai.APIError, match="asr gone"):
                list(events)

        await desk.ask(work)


async def test_a_client_that_hangs_up_ends_the_work() -> None:
    asr = Hanging(["one.", "two."], shortest_ms=0, delays_s={("finish", 2): math.inf})
    async with open_desk(transcriber=asr) as desk:

        def work(client: openai.OpenAI) -> None:
            events = client.audio.transcriptions.create(model="x", file=LONG, stream=True)
            next(iter(events))
            while asr.calls["finish"] < 2:
                time.sleep(0.01)
            events.close()

        await desk.ask(work)
        while not asr.cancelled:
            await trio.sleep(0.01)
        assert await desk.ask(
            lambda client: client.audio.transcriptions.create(model="x", file=WAV).text
        )


# Speech


SAID = "One is here. Two is there. Three."


@pytest.mark.parametrize("wanted", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
async def test_every_format_of_speech(wanted: str) -> None:
    async with open_desk() as desk:

        def work(client: openai.OpenAI) -> tuple[str, bytes]:
            made = client.audio.speech.create(
                model="tts-1",
                voice="alloy",
                input=SAID,
                response_format=wanted,  # type: ignore[arg-type]
            )
            return made.response.headers["content-type"], made.content

        content_type, content = await desk.ask(work)
    assert content_type.startswith("audio/")
    pcm16 = content if wanted == "pcm" else decode(content, 60_000)
    rate_hz = 24_000 if wanted == "pcm" else 16_000
    spoken = len(SAID) - 2  # the pauses between sentences are nobody's
    assert len(pcm16) / 2 / rate_hz == pytest.approx(0.05 * spoken, abs=0.2)


async def test_speech_leaves_before_it_is_made_to_its_end() -> None:
    voice = ScriptedSynthesizer(delays_s={2: 1.0})
    streaming = ScriptedStream(piece_s=0.3)
    for synthesizer, phrases in ((voice, 1), (streaming, 1)):
        async with open_desk(synthesizer=synthesizer) as desk:

            def work(client: openai.OpenAI, engine: ScriptedSynthesizer = synthesizer) -> int:
                create = client.audio.speech.with_streaming_response.create
                with create(model="x", voice="nova", input=SAID, response_format="pcm") as made:
                    pieces = made.iter_bytes(100)
                    assert next(pieces)
                    begun = len(engine.texts)
                    assert len(list(pieces)) > 100
                return begun

            assert await desk.ask(work) <= phrases + 1


async def test_speech_comes_as_events_too_and_at_any_speed() -> None:
    async with open_desk() as desk:

        def work(client: openai.OpenAI) -> None:
            lengths = {}
            for speed in (0.5, 1.0, 2.0):
                made = client.audio.speech.create(
                    model="x", voice="echo", input=SAID, response_format="pcm", speed=speed
                )
                lengths[speed] = len(made.content)
            assert lengths[0.5] == pytest.approx(2 * lengths[1.0], rel=0.1)
            assert lengths[2.0] == pytest.approx(lengths[1.0] / 2, rel=0.1)
            events = client.audio.speech.create(
                model="x", voice="echo", input=SAID, response_format="pcm", stream_format="sse"
            ).content
            told = [json.loads(line[6:]) for line in events.decode().split("\n\n") if line]
            audio = b"".join(base64.b64decode(event.get("audio", "")) for event in told)
            assert len(audio) == lengths[1.0]
            assert {event["type"] for event in told[:-1]} == {"speech.audio.delta"}
            assert told[-1]["type"] == "speech.audio.done"

        await desk.ask(work)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"voice": "nobody"}, "voice"),
        ({"speed": 9}, "speed"),
        ({"input": " "}, "input"),
        ({"input": "..."}, "input"),
        ({"response_format": "midi"}, "response_format"),
    ],
)
async def test_what_cannot_be_spoken_is_the_clients_own_exception(
    given: dict[str, object], param: str
) -> None:
    async with open_desk() as desk:

        def work(client: openai.OpenAI) -> openai.BadRequestError:
            asked = {"model": "x", "voice": "alloy", "input": "Hi.", **given}
            with pytest.raises(openai.BadRequestError) as caught:
                client.audio.speech.create(**asked)  # type: ignore[arg-type]
            return caught.value

        assert (await desk.ask(work)).param == param


async def test_a_voice_that_fails_is_503_and_cannot_read_is_400() -> None:
    voice = ScriptedSynthesizer(
        failures={1: EngineFailure("tts gone"), 2: Unsayable("Chinese"), 4: EngineFailure("late")}
    )
    async with open_desk(synthesizer=voice) as desk:

        def work(client: openai.OpenAI) -> None:
            def create(text: str = "Hi.") -> bytes:
                return client.audio.speech.create(model="x", voice="ash", input=text).content

            with pytest.raises(openai.InternalServerError, match="tts gone"):
                create()
            with pytest.raises(openai.BadRequestError, match="Chinese"):
                create()
            with pytest.raises((openai.APIError, Exception)):  # cut in its middle
                create(SAID)
            assert create()

        await desk.ask(work)


# Models, voices


async def test_models_and_voices_are_listed_and_found() -> None:
    async with open_desk() as desk:

        def work(client: openai.OpenAI) -> None:
            models = [model.id for model in client.models.list()]
            for name in ("whisper-1", "tts-1", "gpt-4o-mini-tts", "gpt-realtime"):
                assert name in models
                assert client.models.retrieve(name).owned_by == "parley"
            with pytest.raises(openai.NotFoundError) as caught:
                client.models.retrieve("nothing")
            assert caught.value.code == "model_not_found"
            listed = client.get("/audio/voices", cast_to=object)
            assert {"id": "alloy", "name": "alloy"} in listed["voices"]  # type: ignore[index]
            speaking = client.get("/audio/models", cast_to=object)
            assert {"id": "tts-1"} in speaking["models"]  # type: ignore[index]

        await desk.ask(work)


# Chat


async def test_a_chat_is_answered_whole_and_in_pieces() -> None:
    llm = ScriptedResponder(
        then=["<think>hm</think>It is ", Alive(), SayLater(text="Ring.", after_s=5), "fine."]
    )
    async with open_desk(responder=llm, stream_system_prompt="Be kind.") as desk:

        def work(client: openai.OpenAI) -> None:
            create: Any = client.chat.completions.create
            whole = create(model="mine", messages=HELLO)
            (choice,) = whole.choices
            assert (choice.message.content, choice.finish_reason) == ("It is fine.", "stop")
            assert (whole.model, whole.usage.completion_tokens) == ("mine", 3)
            chunks = list(
                create(
                    model="mine",
                    messages=[{"role": "system", "content": "Be brief."}, *HELLO],
                    stream=True,
                    stream_options={"include_usage": True},
                )
            )
            assert chunks[0].choices[0].delta.role == "assistant"
            texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
            assert "".join(texts) == "It is fine."
            assert chunks[-2].choices[0].finish_reason == "stop"
            assert chunks[-1].usage.total_tokens > 3

        await desk.ask(work)
    systems = [conversation[0].text for conversation in llm.conversations]
    assert systems == ["Be kind.", "Be brief."]


async def test_a_model_may_call_the_clients_tools() -> None:
    call = ToolCall(id="c1", name="weather", arguments='{"city": "Oslo"}')
    llm = ScriptedResponder([[call], [call]], then=["Rain."])
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    async with open_desk(responder=llm) as desk:

        def work(client: openai.OpenAI) -> None:
            create: Any = client.chat.completions.create
            asked = {"model": "x", "messages": HELLO, "tools": tools}
            message = create(**asked).choices[0].message
            (called,) = message.tool_calls
            assert (called.id, called.function.arguments) == ("c1", '{"city": "Oslo"}')
            chunks = list(create(**asked, stream=True))
            deltas = [c.choices[0].delta for c in chunks if c.choices[0].delta.tool_calls]
            assert deltas[0].tool_calls[0].function.name == "weather"
            assert chunks[-1].choices[0].finish_reason == "tool_calls"
            result = {"role": "tool", "tool_call_id": "c1", "content": "wet"}
            again = [*HELLO, message.model_dump(exclude_none=True), result]
            last = create(model="x", messages=again)
            assert last.choices[0].message.content == "Rain."

        await desk.ask(work)
    assert [tool.name for tool in llm.offered[0]] == ["weather"]
    assert llm.conversations[2][-1].call_id == "c1"


async def test_an_agents_instructions_come_first() -> None:
    llm = ScriptedResponder(then=["Fine."])
    agents = [
        Agent("You sell flowers.", name="florist"),
        Agent("You sell bread.", name="baker", spoken_style=""),
    ]
    async with open_desk(responder=llm, agents=agents) as desk:

        def work(client: openai.OpenAI) -> None:
            for model in ("any", "baker"):
                create: Any = client.chat.completions.create
                create(model=model, messages=HELLO)

        await desk.ask(work)
    systems = [conversation[0].text for conversation in llm.conversations]
    assert systems[0].startswith("You sell flowers.\n\n")
    assert systems[1] == "You sell bread."


async def test_a_second_model_answers_for_the_first() -> None:
    second = ScriptedResponder(then=["Second."])
    down = ScriptedResponder(then=[EngineFailure("down")], second=second)
    for responder, answers in (
        (down, True),
        (ScriptedResponder(then=[EngineFailure("no")]), False),
    ):
        async with open_desk(responder=responder) as desk:

            def work(client: openai.OpenAI, answers: bool = answers) -> None:
                create: Any = client.chat.completions.create
                if answers:
                    answer = create(model="x", messages=HELLO)
                    assert answer.choices[0].message.content == "Second."
                    return
                for stream in (False, True):
                    with pytest.raises(openai.InternalServerError):
                        create(model="x", messages=HELLO, stream=stream)

            await desk.ask(work)


# All of it


async def test_a_full_house_is_429() -> None:
    voice = ScriptedSynthesizer(delay_s=1.0)
    refused = []
    async with open_desk(synthesizer=voice) as desk:

        def work(client: openai.OpenAI) -> None:
            try:
                client.audio.speech.create(model="x", voice="alloy", input="Hi.")
            except openai.RateLimitError as error:
                refused.append(error)

        async with trio.open_nursery() as nursery:
            for _ in range(REQUESTS_MAX + 2):
                nursery.start_soon(desk.ask, work)
    assert [error.code for error in refused] == ["rate_limit_exceeded"] * 2
    assert refused[0].response.headers["retry-after"] == "5"


async def test_an_asynchronous_client_is_served_on_one_connection() -> None:
    async with open_desk(transcriber=hears(*["one."] * 300)) as desk:

        async def ask(client: openai.OpenAI) -> None:
            pass

        def work(client: openai.OpenAI) -> None:
            import asyncio

            async def all_of_it() -> None:
                async with openai.AsyncOpenAI(
                    api_key="none", base_url=desk.base_url, max_retries=0
                ) as own:
                    heard = await own.audio.transcriptions.create(
                        model="x", file=("a.wav", io.BytesIO(WAV[1]))
                    )
                    assert heard.text
                    for _ in range(200):
                        await own.models.retrieve("tts-1")
                    async with own.audio.speech.with_streaming_response.create(
                        model="x", voice="sage", input=SAID
                    ) as made:
                        assert [piece async for piece in made.iter_bytes()]
                    chat = await own.chat.completions.create(
                        model="x", messages=[{"role": "user", "content": "Hi"}]
                    )
                    assert chat.choices[0].message.content == "Fine."

            asyncio.run(all_of_it())

        await desk.ask(work)


async def test_old_routes_refuse_what_is_no_sound() -> None:
    async with open_desk() as desk:
        body = json.dumps({"audio": base64.b64encode(b"some text " * 99).decode()}).encode()
        head = (
            f"POST /speech/stt HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        answer = await request_http(desk.port, head.encode() + body)
    assert answer.status == 415
    assert Speech(pcm16=b"", rate_hz=1).duration_s == 0
