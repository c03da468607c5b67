"""Frames of dialect A become typed messages."""

from __future__ import annotations

import pytest

from parley.client.incoming import (
    Final,
    Info,
    Metrics,
    Partial,
    Phrase,
    Problem,
    Token,
    ToolReturned,
    Unknown,
    Unreadable,
    parse,
)


def test_messages_are_told_apart_by_their_type() -> None:
    assert parse('{"type":"info","message":"hi","session_id":"s"}') == Info(
        message="hi", session_id="s"
    )
    assert parse('{"type":"final_transcript","text":"hi","id":"u","audio_ms":12}') == Final(
        text="hi", id="u", audio_ms=12
    )
    assert parse('{"type":"llm_token","text":"","done":true}') == Token(done=True)
    assert parse('{"type":"error","code":"X","message":"m","recoverable":false}') == Problem(
        code="X", message="m", recoverable=False
    )
    assert parse('{"type":"metrics","event":"decode","runs":2,"ms":1.5,"rtf":0.1}') == Metrics(
        event="decode", runs=2, ms=1.5, rtf=0.1
    )


def test_tools_are_told_apart_from_the_rest() -> None:
    frame = '{"type":"tool_result","id":"c","name":"t","outcome":"failed","output":"no"}'
    assert parse(frame) == ToolReturned(id="c", name="t", outcome="failed", output="no")


def test_the_audio_clock_may_be_missing() -> None:
    assert parse('{"type":"partial_transcript","text":"hi"}') == Partial(text="hi", audio_ms=None)


def test_audio_is_decoded_from_base64() -> None:
    frame = '{"type":"tts_chunk","seq":3,"audio_b64":"UklGRg==","mime":"audio/wav"}'
    assert parse(frame) == Phrase(seq=3, audio_b64=b"RIFF")


def test_fields_not_known_are_passed_over() -> None:
    assert parse('{"type":"partial_transcript","text":"a","news":1}') == Partial(text="a")


def test_a_type_not_known_is_kept_by_name() -> None:
    assert parse('{"type":"barge_in","seq":1}') == Unknown(type="barge_in")


@pytest.mark.parametrize(
    "frame",
    ["", "hello", "[]", '{"text":"x"}', '{"type":"llm_token","done":"maybe"}', b"\0\1"],
)
def test_what_is_no_message_is_unreadable(frame: str | bytes) -> None:
    with pytest.raises(Unreadable):
        parse(frame)
