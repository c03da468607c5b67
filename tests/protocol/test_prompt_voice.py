"""Dialect A, frame by frame. Source: wire facts of dialect A."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.protocol import events
from parley.protocol.codes import FATAL, Breach, Code, Violation
from parley.protocol.commands import Audio, CancelReply, Played, StartListening, StopListening
from parley.protocol.dialect import Dialect
from parley.protocol.dialects import DIALECTS
from parley.protocol.prompt_voice import MAX_AUDIO_BYTES, PROFILE, PromptVoiceCodec


@pytest.fixture
def codec() -> PromptVoiceCodec:
    return PromptVoiceCodec(lambda: 0)


def breach_of(codec: PromptVoiceCodec, frame: str | bytes) -> Breach:
    with pytest.raises(Violation) as caught:
        codec.decode(frame)
    assert caught.value.message
    return caught.value.breach


def said(codec: PromptVoiceCodec, event: events.Outbound) -> list[dict[str, object]]:
    return [json.loads(frame) for frame in codec.encode(event)]


def test_start_opens_the_microphone_at_the_rate_it_names(codec: PromptVoiceCodec) -> None:
    (command,) = codec.decode('{"type":"start","sample_rate":48000}')
    assert command == StartListening(rate_hz=48_000)


def test_start_may_spell_the_rate_as_sampling_rate(codec: PromptVoiceCodec) -> None:
    assert codec.decode('{"type":"start","sampling_rate":8000}') == (StartListening(rate_hz=8_000),)


def test_start_without_a_rate_means_16_khz(codec: PromptVoiceCodec) -> None:
    assert codec.decode('{"type":"start"}') == (StartListening(rate_hz=16_000),)


def test_stop_and_cancel_are_known(codec: PromptVoiceCodec) -> None:
    assert codec.decode('{"type":"stop"}') == (StopListening(),)
    assert codec.decode('{"type":"cancel"}') == (CancelReply(),)


def test_binary_is_audio(codec: PromptVoiceCodec) -> None:
    assert codec.decode(b"\x01\x02") == (Audio(b"\x01\x02"),)


def test_an_audio_frame_of_64_kib_is_taken_and_one_byte_pair_more_is_not(
    codec: PromptVoiceCodec,
) -> None:
    assert codec.decode(bytes(MAX_AUDIO_BYTES)) == (Audio(bytes(MAX_AUDIO_BYTES)),)
    assert breach_of(codec, bytes(MAX_AUDIO_BYTES + 2)) is Breach.OVERSIZED_FRAME
    assert Breach.OVERSIZED_FRAME in PROFILE.fatal


def test_audio_of_odd_length_before_a_start_is_refused_and_forgiven(
    codec: PromptVoiceCodec,
) -> None:
    assert breach_of(codec, b"\x01\x02\x03") is Breach.ODD_AUDIO
    assert Breach.ODD_AUDIO not in PROFILE.fatal


def test_behind_a_start_chunks_of_odd_length_are_one_stream(codec: PromptVoiceCodec) -> None:
    codec.decode('{"type":"start"}')
    assert codec.decode(b"\1") == ()
    assert codec.decode(b"\2\3\4") == (Audio(b"\1\2\3\4"),)
    assert codec.decode(b"\5\6\7") == (Audio(b"\5\6"),)
    codec.decode('{"type":"start"}')
    assert codec.decode(b"\1\2") == (Audio(b"\1\2"),)


def test_an_empty_audio_frame_is_refused_and_ignored(codec: PromptVoiceCodec) -> None:
    assert breach_of(codec, b"") is Breach.INVALID_AUDIO
    assert Breach.INVALID_AUDIO in PROFILE.ignored


def test_only_prompt_voice_tells_that_it_is_done_at_each_stop() -> None:
    told = {d.profile.name for d in DIALECTS if d.profile.completes_on_stop}
    assert told == {"prompt-voice"}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.profile.name)
def test_what_is_fatal_is_not_ignored(dialect: Dialect) -> None:
    assert not dialect.profile.fatal & dialect.profile.ignored


@pytest.mark.parametrize(
    "rate",
    ["0", "7999", '"abc"', "1000000000", "-16000", "true", "null", "16000.5", "[]", "9" * 400],
)
def test_a_rate_that_no_microphone_has_is_unsupported_and_forgiven(
    codec: PromptVoiceCodec, rate: str
) -> None:
    with pytest.raises(Violation) as caught:
        codec.decode(f'{{"type":"start","sample_rate":{rate}}}')
    assert caught.value.code is Code.UNSUPPORTED_SAMPLE_RATE
    assert "16000" in caught.value.message
    assert len(caught.value.message) < 200
    assert caught.value.breach not in PROFILE.fatal


@pytest.mark.parametrize(
    ("rate", "hz"),
    [
        *[(str(hz), hz) for hz in (8000, 11_025, 12_000, 32_000, 88_200, 96_000, 176_400, 192_000)],
        ('"16000"', 16_000),
        ('" 48000 "', 48_000),
        ('"44100.0"', 44_100),
        ("44100.0", 44_100),
        ("4.8e4", 48_000),
    ],
)
def test_common_rates_are_taken_as_numbers_and_as_text(
    codec: PromptVoiceCodec, rate: str, hz: int
) -> None:
    assert codec.decode(f'{{"type":"start","sample_rate":{rate}}}') == (StartListening(rate_hz=hz),)


@pytest.mark.parametrize("start", ['{"sample_rate":5}', '{"audio_clock":"yes"}'])
def test_what_is_wrong_with_a_start_is_told_from_the_rest(
    codec: PromptVoiceCodec, start: str
) -> None:
    with pytest.raises(Violation) as caught:
        codec.decode('{"type":"start",' + start[1:])
    assert caught.value.of_start
    with pytest.raises(Violation) as caught:
        codec.decode('{"type":"played","ms":-1}')
    assert not caught.value.of_start


def test_a_message_may_come_in_a_binary_frame(codec: PromptVoiceCodec) -> None:
    assert codec.decode(b' {"type":"start"}\n') == (StartListening(rate_hz=16_000),)
    assert codec.decode(b'{"type":"stop"}') == (StopListening(),)
    assert breach_of(codec, b'{"event":"media"}') is Breach.MISSING_TYPE
    assert breach_of(codec, b'{"type":"dance"}') is Breach.UNKNOWN_TYPE


@pytest.mark.parametrize("text", ['{"type":"hello"}', '{"type":""}', '{"type":"START"}'])
def test_an_unknown_type_ends_the_session(codec: PromptVoiceCodec, text: str) -> None:
    assert breach_of(codec, text) is Breach.UNKNOWN_TYPE
    assert Breach.UNKNOWN_TYPE in PROFILE.fatal


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "5",
        '"start"',
        "null",
        "true",
        '{"type":5}',
        '{"sample_rate":16000}',
        "[" * 3 + "]" * 3,
    ],
)
def test_json_without_a_type_ends_the_session(codec: PromptVoiceCodec, text: str) -> None:
    assert breach_of(codec, text) is Breach.MISSING_TYPE
    assert Breach.MISSING_TYPE in PROFILE.fatal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"type":"start"',
        '{"type":"stop"} x',
        "nonsense",
        "\ud800",
        '{"type":"\ud800"}',
        '{"type":"stop","deep":' + "[" * 1000 + "]" * 1000 + "}",
        '{"sample_rate":NaN}',
        "'stop'",
    ],
)
def test_invalid_json_is_an_error_and_forgiven(codec: PromptVoiceCodec, text: str) -> None:
    assert breach_of(codec, text) is Breach.INVALID_JSON
    assert Breach.INVALID_JSON not in PROFILE.fatal


def test_json_may_be_nested_but_not_deeply(codec: PromptVoiceCodec) -> None:
    for levels in (1, 60):
        text = '{"type":"stop","deep":' + "[" * levels + "]" * levels + "}"
        assert codec.decode(text) == (StopListening(),)
    brackets_in_a_string = json.dumps({"type": "stop", "note": '[{\\"' * 1000})
    assert codec.decode(brackets_in_a_string) == (StopListening(),)
    for levels in (65, 1000, 30_000):
        text = '{"type":"stop","deep":' + "[" * levels + "]" * levels + "}"
        assert breach_of(codec, text) is Breach.INVALID_JSON


def test_a_control_message_over_64_kib_is_not_even_parsed(codec: PromptVoiceCodec) -> None:
    text = '{"type":"stop","pad":"' + "x" * MAX_AUDIO_BYTES + '"}'
    assert breach_of(codec, text) is Breach.OVERSIZED_FRAME


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_whatever_comes_is_a_command_or_a_violation(frame: str | bytes) -> None:
    try:
        PromptVoiceCodec(lambda: 0).decode(frame)
    except Violation as violation:
        assert violation.message


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "sample_rate", "audio_clock", "x"]), inner, max_size=4
            )
        ),
        max_leaves=10,
    )
)
def test_whatever_json_comes_is_a_command_or_a_violation(value: object) -> None:
    try:
        PromptVoiceCodec(lambda: 0).decode(json.dumps(value))
    except Violation as violation:
        assert violation.message


def test_a_session_begins_with_protocol_and_then_its_id(codec: PromptVoiceCodec) -> None:
    assert said(codec, events.SessionOpened(session_id="abc")) == [
        {"type": "protocol", "version": 1},
        {"type": "info", "message": "Session created", "session_id": "abc"},
    ]


def test_transcripts_are_plain_for_those_who_did_not_ask_for_the_clock(
    codec: PromptVoiceCodec,
) -> None:
    codec.decode('{"type":"start"}')
    assert said(codec, events.Partial(text="hello", audio_ms=300)) == [
        {"type": "partial_transcript", "text": "hello"}
    ]
    assert said(codec, events.Final(text="hello", id="u", audio_ms=900)) == [
        {"type": "final_transcript", "text": "hello", "id": "u"}
    ]


def test_transcripts_carry_audio_ms_for_those_who_asked(codec: PromptVoiceCodec) -> None:
    codec.decode('{"type":"start","audio_clock":true}')
    (partial,) = said(codec, events.Partial(text="hello", audio_ms=300))
    (final,) = said(codec, events.Final(text="hello", id="u", audio_ms=900))
    assert partial["audio_ms"] == 300
    assert final["audio_ms"] == 900


def test_reply_audio_is_one_whole_wav_a_phrase(codec: PromptVoiceCodec) -> None:
    (chunk,) = said(codec, events.ReplyAudio(seq=3, pcm16=b"\x01\x00\x02\x00", rate_hz=22_050))
    wav = base64.b64decode(str(chunk.pop("audio_b64")))
    assert chunk == {"type": "tts_chunk", "seq": 3, "mime": "audio/wav"}
    assert wav[:4] == b"RIFF"
    assert wav[8:16] == b"WAVEfmt "
    assert int.from_bytes(wav[24:28], "little") == 22_050
    assert wav[44:] == b"\x01\x00\x02\x00"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (events.Finalizing(), {"type": "finalize_pending"}),
        (events.Token(text=" you", turn=1), {"type": "llm_token", "text": " you", "done": False}),
        (events.Token(text="", done=True), {"type": "llm_token", "text": "", "done": True}),
        (events.PhraseDone(seq=2), {"type": "tts_phrase_done", "seq": 2}),
        (events.ReplyComplete(), {"type": "tts_complete"}),
        (
            events.Latency(t0=1.0, t1=2.0, t2=3.0, t3=4.0, t4=None),
            {
                "type": "metrics",
                "event": "latency",
                "t0": 1.0,
                "t1": 2.0,
                "t2": 3.0,
                "t3": 4.0,
                "t4": None,
            },
        ),
        (
            events.Decode(runs=4, ms=120.5, rtf=0.2),
            {"type": "metrics", "event": "decode", "runs": 4, "ms": 120.5, "rtf": 0.2},
        ),
        (events.Info(message="hi"), {"type": "info", "message": "hi"}),
        (
            events.Failure.of(Code.TTS_FAIL, "no voice"),
            {"type": "error", "code": "TTS_FAIL", "message": "no voice", "recoverable": True},
        ),
        (events.BargeIn(seq=7), {"type": "barge_in", "seq": 7}),
    ],
)
def test_an_event_is_said_in_one_message(
    codec: PromptVoiceCodec, event: events.Outbound, message: dict[str, object]
) -> None:
    assert said(codec, event) == [message]


def test_what_the_dialect_has_no_word_for_is_not_said(codec: PromptVoiceCodec) -> None:
    assert codec.encode(events.SpeechStarted(audio_ms=1)) == []
    assert codec.encode(events.SpeechEnded(audio_ms=1)) == []
    assert codec.encode(events.Closing(code=1000, reason="")) == []


def test_half_a_surrogate_pair_in_a_token_does_not_break_the_wire(codec: PromptVoiceCodec) -> None:
    assert said(codec, events.Token(text="a\ud83d")) == [
        {"type": "llm_token", "text": "a?", "done": False}
    ]


@pytest.mark.parametrize("code", list(Code))
def test_an_error_is_recoverable_unless_its_code_is_fatal(code: Code) -> None:
    assert events.Failure.of(code, "x").recoverable is (code not in FATAL)


def test_the_fatal_codes_are_those_of_the_wire_facts() -> None:
    facts = {"PROTOCOL_VIOLATION", "INTERNAL", "MODEL_LOAD_FAIL"}
    assert {code.value for code in FATAL} == {*facts, "RATE_LIMIT"}  # the last is Parley's own


def test_what_was_played_is_understood_and_what_was_heard_told_to_who_asks() -> None:
    codec = PromptVoiceCodec(lambda: 0)
    assert codec.decode('{"type":"played","ms":640}') == (Played(ms=640),)
    (before,) = codec.encode(events.BargeIn(seq=2, heard="so far"))
    assert "heard" not in json.loads(before)
    codec.decode('{"type":"start","audio_clock":true}')
    (after,) = codec.encode(events.BargeIn(seq=2, heard="so far"))
    assert json.loads(after)["heard"] == "so far"


def test_who_asks_for_phrases_is_told_the_words_before_their_audio() -> None:
    begins = events.PhraseText(text="Good morning.", duration_ms=900)
    audio = events.ReplyAudio(seq=4, pcm16=b"\1\0", rate_hz=24_000, begins=begins)
    asked = PromptVoiceCodec(lambda: 0, {"phrases": "told"})
    told, chunk = (json.loads(frame) for frame in asked.encode(audio))
    assert (told["text"], told["ms"], told["from_ms"]) == ("Good morning.", 900, 0)
    assert (told["seq"], chunk["seq"]) == (4, 4)
    assert len(PromptVoiceCodec(lambda: 0).encode(audio)) == 1, "nobody asked"
