"""What requests below /v1 ask for, and the texts that answer them. Without an event loop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parley.audio.wav import wav_bytes
from parley.engines.asr.interface import TimedWord
from parley.protocol.chat import ChatMessage, ToolCall
from parley.server.http.head import BadRequest
from parley.server.v1.chat_body import chat_request
from parley.server.v1.speech_body import INPUT_LIMIT_CHARS, speech_request
from parley.server.v1.transcription_form import transcription_request
from parley.server.v1.transcription_texts import (
    Segment,
    Transcription,
    as_srt,
    as_verbose_json,
    as_vtt,
)
from parley.server.v1.uploads import Upload

WAV = wav_bytes(bytes(3200), 16_000)


def upload(*fields: tuple[str, str], file: bytes = WAV) -> Upload:
    return Upload(Path("x"), list(fields), size=len(file), beginning=file, has_file=True)


def refusal(call: object) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        call()  # type: ignore[operator]
    return caught.value


# Transcriptions


def test_a_form_with_a_file_alone_is_enough() -> None:
    request = transcription_request(upload())
    assert (request.format, request.language, request.stream) == ("json", None, False)


def test_the_fields_that_clients_send_are_understood_with_and_without_brackets() -> None:
    for name in ("timestamp_granularities", "timestamp_granularities[]"):
        fields = [("response_format", "verbose_json"), (name, "word"), (name, "segment")]
        assert transcription_request(upload(*fields)).words
    request = transcription_request(upload(("stream", "true"), ("language", "de-AT")))
    assert (request.stream, request.language) == (True, "de")
    assert transcription_request(upload(("language", "German"))).language == "de"
    assert transcription_request(upload(("language", "auto"))).language == ""
    assert transcription_request(upload(("language", ""))).language is None
    assert transcription_request(upload(("languages[]", "fr"))).language == "fr"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("response_format", "xml")], "response_format"),
        ([("response_format", "diarized_json")], "response_format"),
        ([("timestamp_granularities[]", "word")], "timestamp_granularities"),
        (
            [("response_format", "verbose_json"), ("timestamp_granularities", "letter")],
            "timestamp_granularities",
        ),
        ([("language", "klingon")], "language"),
        ([("stream", "maybe")], "stream"),
        ([("stream", "true"), ("response_format", "srt")], "stream"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(fields: list[tuple[str, str]], param: str) -> None:
    problem = refusal(lambda: transcription_request(upload(*fields)))
    assert (problem.status, problem.param) == (400, param)


def test_a_recording_must_be_there_and_be_one() -> None:
    assert refusal(lambda: transcription_request(Upload(Path("x")))).param == "file"
    assert refusal(lambda: transcription_request(upload(file=b""))).status == 400
    assert refusal(lambda: transcription_request(upload(file=b"hello" * 99))).status == 415


WORDS = (TimedWord(word="Hi", start_s=0.1, end_s=0.4),)
HEARD = Transcription(
    [
        Segment(start_s=0.1, end_s=1.2346, text="Hi there.", confidence=0.9, words=WORDS),
        Segment(start_s=3661.5, end_s=3662, text="Bye."),
    ],
    "de",
    3670.25,
)


def test_subtitles_count_hours() -> None:
    assert as_srt(HEARD.segments) == (
        "1\n00:00:00,100 --> 00:00:01,235\nHi there.\n\n2\n01:01:01,500 --> 01:01:02,000\nBye.\n\n"
    )
    assert as_vtt(HEARD.segments).startswith(
        "WEBVTT\n\n00:00:00.100 --> 00:00:01.235\nHi there.\n\n"
    )
    assert (as_srt([]), as_vtt([])) == ("", "WEBVTT\n\n")


def test_verbose_json_has_what_clients_need() -> None:
    body = as_verbose_json(HEARD, task="transcribe", words=True)
    assert (body["text"], body["language"], body["duration"]) == (
        "Hi there. Bye.",
        "german",
        3670.25,
    )
    assert body["usage"] == {"type": "duration", "seconds": 3671}
    assert body["words"] == [{"word": "Hi", "start": 0.1, "end": 0.4}]
    first, second = body["segments"]
    assert (first["id"], first["avg_logprob"], second["avg_logprob"]) == (0, -0.1054, 0.0)
    assert "words" not in as_verbose_json(HEARD, task="transcribe", words=False)


# Speech


def test_a_text_alone_is_enough() -> None:
    request = speech_request(b'{"input": " Hi. "}')
    assert (request.text, request.voice, request.format, request.speed, request.events) == (
        *("Hi.", None, "mp3", 1.0, False),
    )


def test_a_voice_is_a_name_or_an_object_with_one() -> None:
    assert speech_request(b'{"input": "Hi", "voice": "nova"}').voice == "nova"
    assert speech_request(b'{"input": "Hi", "voice": {"id": "nova"}}').voice == "nova"
    assert speech_request(b'{"input": "Hi", "stream_format": "sse", "what": 1}').events


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("input", ""), ("input", 5), ("input", None), ("input", "a" * (INPUT_LIMIT_CHARS + 1))),
        *(("speed", 0.1), ("speed", 5), ("speed", "fast"), ("response_format", "midi")),
        *(("stream_format", "x"), ("voice", 7)),
    ],
)
def test_what_cannot_be_spoken_is_refused_by_its_name(field: str, value: object) -> None:
    body = json.dumps({"input": "Hi", field: value}).encode()
    problem = refusal(lambda: speech_request(body))
    assert (problem.status, problem.param) == (400, field)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"input": NaN}', b"[" * 100_000])
def test_what_is_no_json_is_400(body: bytes) -> None:
    assert refusal(lambda: speech_request(body)).status == 400
    assert refusal(lambda: chat_request(body)).status == 400


# Chat


def test_messages_and_tools_are_understood() -> None:
    body = {
        "model": "any",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.1,
        "messages": [
            {"role": "developer", "content": "Be kind."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f"}},
            {
                "type": "function",
                "function": {"name": "g", "description": "G", "parameters": {"type": "object"}},
            },
        ],
    }
    request = chat_request(json.dumps(body).encode())
    assert request.messages == [
        ChatMessage(role="system", text="Be kind."),
        ChatMessage(role="user", text="a\nb"),
        ChatMessage(
            role="assistant", text="", calls=(ToolCall(id="c1", name="f", arguments="{}"),)
        ),
        ChatMessage(role="tool", text="42", call_id="c1"),
    ]
    assert [tool.name for tool in request.tools] == ["f", "g"]
    assert (request.model, request.stream, request.usage) == ("any", True, True)
    named = {**body, "tool_choice": {"type": "function", "function": {"name": "g"}}}
    assert [tool.name for tool in chat_request(json.dumps(named).encode()).tools] == ["g"]
    none = {**body, "tool_choice": "none"}
    assert chat_request(json.dumps(none).encode()).tools == ()


HELLO = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "pope", "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "Hi"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content",
        ),
        ({"n": 2}, "n"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(fields: dict[str, object], param: str) -> None:
    body = json.dumps({"messages": HELLO, **fields}).encode()
    problem = refusal(lambda: chat_request(body))
    assert (problem.status, problem.param) == (400, param)
