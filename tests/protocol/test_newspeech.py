"""Dialect C, frame by frame. Source: wire facts of dialect C."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.protocol import events
from parley.protocol.codes import Breach, Violation
from parley.protocol.commands import (
    Audio,
    EndSession,
    Interrupt,
    Ping,
    Played,
    Remark,
    StartListening,
    TypedText,
)
from parley.protocol.jsontext import MAX_BINARY_BYTES
from parley.protocol.newspeech import (
    DIALECT,
    MAX_AUDIO_BYTES,
    MAX_TEXT_CHARS,
    PROFILE,
    NewSpeechCodec,
)
from parley.protocol.states import State


@pytest.fixture
def codec() -> NewSpeechCodec:
    return NewSpeechCodec(lambda: 0)


def breach_of(codec: NewSpeechCodec, frame: str | bytes) -> Breach:
    with pytest.raises(Violation) as caught:
        codec.decode(frame)
    assert caught.value.message
    return caught.value.breach


@pytest.mark.parametrize(
    ("frame", "command"),
    [
        (b"\1\0", Audio(b"\1\0")),
        (bytes(MAX_AUDIO_BYTES), Audio(bytes(MAX_AUDIO_BYTES))),
        ('{"type":"text","content":" hello there "}', TypedText("hello there")),
        ('{"type":"control","command":"start_session"}', StartListening(rate_hz=24_000)),
        ('{"type":"control","command":"end_session"}', EndSession()),
        ('{"type":"control","command":"ping"}', Ping()),
        ('{"type":"barge_in","energy":-22.5}', Interrupt()),
        ('{"type":"barge_in"}', Interrupt()),
        ('{"content":" hello there "}', TypedText("hello there")),
        (b'{"content":"hello"}', TypedText("hello")),
        (b' \n{"type":"text","content":"caf\xc3\xa9"}\r\n', TypedText("café")),
        (b'{"type":"control","command":"ping"}', Ping()),
        (b'{"type":"barge_in","energy":-22.5}', Interrupt()),
        ('{"type":"played","ms":640}', Played(ms=640)),
        ('{"type":"played","ms":0.5,"flushed":true}', Played(ms=0.5, flushed=True)),
    ],
)
def test_a_frame_is_a_command(codec: NewSpeechCodec, frame: str | bytes, command: object) -> None:
    assert codec.decode(frame) == (command,)


@pytest.mark.parametrize(
    ("frame", "breach"),
    [
        (b"", Breach.INVALID_AUDIO),
        (bytes(MAX_AUDIO_BYTES + 2), Breach.OVERSIZED_FRAME),
        ('{"type":"text"}', Breach.INVALID_FIELD),
        ('{"type":"text","content":"  "}', Breach.INVALID_FIELD),
        ('{"type":"text","content":5}', Breach.INVALID_FIELD),
        ('{"type":"text","content":"' + "x" * (MAX_TEXT_CHARS + 1) + '"}', Breach.OVERSIZED_FRAME),
        ('{"type":"text","content":"\\ud800"}', Breach.INVALID_JSON),
        ('{"type":"control","command":"dance"}', Breach.INVALID_FIELD),
        ('{"type":"audio"}', Breach.UNKNOWN_TYPE),
        ("{}", Breach.INVALID_FIELD),
        ('{"content":""}', Breach.INVALID_FIELD),
        ("[]", Breach.MISSING_TYPE),
        ("5", Breach.MISSING_TYPE),
        ('{"type":5,"content":"x"}', Breach.MISSING_TYPE),
        ("{", Breach.INVALID_JSON),
        ("hello", Breach.INVALID_JSON),
        (b'{"type":"dance"}', Breach.UNKNOWN_TYPE),
        (b'{"content":" "}', Breach.INVALID_FIELD),
    ],
)
def test_what_is_not_in_the_dialect_is_a_violation_and_only_what_is_too_large_is_told(
    codec: NewSpeechCodec, frame: str | bytes, breach: Breach
) -> None:
    assert breach_of(codec, frame) is breach
    assert PROFILE.fatal == frozenset()
    assert (breach in PROFILE.ignored) is (breach is not Breach.OVERSIZED_FRAME)


@pytest.mark.parametrize(
    "pcm16",
    [
        b"{}",
        b"{\0\0}",
        b'{"a":1} ',
        b'{"type":5}',
        b'{"type":"\xff"}',
        b'{"type":"text"',
        b'["type"]',
    ],
)
def test_a_binary_frame_that_only_looks_like_a_message_is_audio(
    codec: NewSpeechCodec, pcm16: bytes
) -> None:
    assert codec.decode(pcm16 + b" " * (len(pcm16) % 2)) == (
        Audio(pcm16 + b" " * (len(pcm16) % 2)),
    )


@pytest.mark.parametrize(
    "text",
    [
        b'{"content":"' + b"x" * MAX_BINARY_BYTES + b'"} ',
        b'{"type":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"hello " * 100,
    ],
)
def test_a_binary_frame_of_text_that_is_no_message_is_neither_that_nor_audio(
    codec: NewSpeechCodec, text: bytes
) -> None:
    assert breach_of(codec, text) is Breach.FOREIGN_AUDIO
    assert codec.decode(text) == (Remark(breach=Breach.FOREIGN_AUDIO),)


@given(st.binary(min_size=1, max_size=200).map(lambda noise: b"{" + noise * 2 + b"}"))
def test_no_audio_is_taken_for_a_message(pcm16: bytes) -> None:
    assert NewSpeechCodec(lambda: 0).decode(pcm16) == (Audio(pcm16),)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_whatever_comes_is_commands_or_a_violation(frame: str | bytes) -> None:
    try:
        NewSpeechCodec(lambda: 0).decode(frame)
    except Violation as violation:
        assert violation.message


def test_reply_audio_is_binary(codec: NewSpeechCodec) -> None:
    assert codec.encode(events.ReplyAudio(seq=1, pcm16=b"\1\0", rate_hz=24_000)) == [b"\1\0"]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (events.Pong(), {"type": "pong"}),
        (events.SpeechStarted(audio_ms=120), {"type": "speech_started", "audio_ms": 120}),
        (events.SpeechEnded(audio_ms=900), {"type": "speech_ended", "audio_ms": 900}),
        (
            events.Partial(text="go on", audio_ms=1, stable_chars=2),
            {"type": "partial_transcript", "text": "go on", "stable_chars": 2},
        ),
        (events.Token(text=" I"), {"type": "llm_token", "text": " I", "done": False}),
        (events.BargeIn(seq=2), {"type": "barge_in", "seq": 2}),
        (events.Expired(message="idle"), {"type": "info", "message": "idle"}),
    ],
)
def test_the_rest_is_json_with_dialect_as_names(
    codec: NewSpeechCodec, event: events.Outbound, message: dict[str, object]
) -> None:
    (frame,) = codec.encode(event)
    assert json.loads(frame) == message


def test_what_the_dialect_has_no_word_for_is_not_said(codec: NewSpeechCodec) -> None:
    silent: list[events.Outbound] = [
        events.PhraseDone(seq=1),
        events.StateChanged(state=State.IDLE, listening=False),
        events.Closing(code=1000, reason=""),
    ]
    for event in silent:
        assert codec.encode(event) == []


@pytest.mark.parametrize("ms", ["-1", "1e9", '"much"', "null", "NaN"])
def test_a_playback_that_cannot_be_is_refused(codec: NewSpeechCodec, ms: str) -> None:
    frame = '{"type":"played","ms":' + ms + "}"
    assert breach_of(codec, frame) in (Breach.INVALID_FIELD, Breach.INVALID_JSON)


def test_who_asks_for_the_audio_clock_is_told_what_was_heard(codec: NewSpeechCodec) -> None:
    codec.decode('{"type":"control","command":"start_session","audio_clock":true}')
    (frame,) = codec.encode(events.BargeIn(seq=2, heard="so far"))
    assert json.loads(frame) == {"type": "barge_in", "seq": 2, "heard": "so far"}


def test_who_asks_for_phrases_is_told_the_words_before_their_audio() -> None:
    begins = events.PhraseText(text="Good morning.", duration_ms=900, from_ms=120)
    first = events.ReplyAudio(seq=4, pcm16=b"\1\0", rate_hz=24_000, begins=begins)
    codec = DIALECT.with_choices({"phrases": "told"}).new_codec(lambda: 0)
    told, audio = codec.encode(first)
    assert json.loads(told) == {
        "type": "phrase",
        "seq": 4,
        "text": "Good morning.",
        "ms": 900,
        "from_ms": 120,
    }
    assert audio == b"\1\0"
    assert codec.encode(events.ReplyAudio(seq=4, pcm16=b"\2\0", rate_hz=24_000)) == [b"\2\0"]
    assert DIALECT.new_codec(lambda: 0).encode(first) == [b"\1\0"], "nobody asked"
