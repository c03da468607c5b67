"""Dialect B, frame by frame. Source: wire facts of dialect B."""

from __future__ import annotations

import base64
import json
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.protocol import events
from parley.protocol.codes import Breach, Code, Violation
from parley.protocol.commands import Audio, Interrupt, Remark, StartListening, StopListening
from parley.protocol.dialect import BadChoice
from parley.protocol.io_speech import DIALECT, MAX_AUDIO_BYTES, PROFILE, IoSpeechCodec
from parley.protocol.states import State


@pytest.fixture
def codec() -> IoSpeechCodec:
    ticks = count(1_700_000_000_000)
    return IoSpeechCodec(lambda: next(ticks))


def audio(pcm16: bytes, **fields: Any) -> str:
    data = base64.b64encode(pcm16).decode()
    return json.dumps({"type": "audio", "data": data, "timestamp": 0} | fields)


def breach_of(codec: IoSpeechCodec, frame: str | bytes) -> Breach:
    with pytest.raises(Violation) as caught:
        codec.decode(frame)
    assert caught.value.message
    return caught.value.breach


def said(codec: IoSpeechCodec, *said_events: events.Outbound) -> list[dict[str, Any]]:
    found = []
    for event in said_events:
        for frame in codec.encode(event):
            message = json.loads(frame)
            assert message.pop("timestamp") >= 1_700_000_000_000
            found.append(message)
    return found


def statuses(codec: IoSpeechCodec, *said_events: events.Outbound) -> list[str]:
    return [m["status"] for m in said(codec, *said_events) if m["type"] == "status"]


def state(name: State, *, listening: bool = True) -> events.StateChanged:
    return events.StateChanged(state=name, listening=listening)


@pytest.mark.parametrize(
    ("action", "command"),
    [
        ("start_listening", StartListening(rate_hz=16_000)),
        ("stop_listening", StopListening()),
        ("cancel_tts", Interrupt()),
    ],
)
def test_a_control_is_a_command(codec: IoSpeechCodec, action: str, command: object) -> None:
    assert codec.decode(json.dumps({"type": "control", "action": action})) == (command,)


def test_audio_is_base64(codec: IoSpeechCodec) -> None:
    assert codec.decode(audio(b"\1\0\2\0", sequence=1)) == (Audio(b"\1\0\2\0"),)


def test_a_sequence_that_jumps_is_remarked_and_its_audio_is_taken(codec: IoSpeechCodec) -> None:
    decoded = [codec.decode(audio(b"\1\0", sequence=n)) for n in (5, 6, 9, 9, 3, 4)]
    jump, taken = Remark(breach=Breach.SEQUENCE_JUMP), Audio(b"\1\0")
    jumped = (False, False, True, True, True, False)
    assert decoded == [(jump, taken) if there else (taken,) for there in jumped]
    assert Breach.SEQUENCE_JUMP in PROFILE.ignored


@pytest.mark.parametrize("sequence", [None, "7", 1.5, [], -1, 2**70])
def test_a_sequence_that_is_no_number_is_nobodys_error(
    codec: IoSpeechCodec, sequence: object
) -> None:
    assert codec.decode(audio(b"\1\0", sequence=sequence)) == (Audio(b"\1\0"),)


@pytest.mark.parametrize("data", ['"%%%"', '"AAA"', "5", "null", '""'])
def test_data_that_is_no_audio_is_refused(codec: IoSpeechCodec, data: str) -> None:
    assert breach_of(codec, f'{{"type":"audio","data":{data}}}') is Breach.INVALID_AUDIO


def test_audio_of_odd_length_goes_on_in_the_next_message(codec: IoSpeechCodec) -> None:
    assert codec.decode(audio(b"\1\0\2")) == (Audio(b"\1\0"),)
    assert codec.decode(audio(b"\0\3\0")) == (Audio(b"\2\0\3\0"),)


def test_a_message_may_come_in_a_binary_frame(codec: IoSpeechCodec) -> None:
    assert codec.decode(audio(b"\1\0").encode()) == (Audio(b"\1\0"),)
    assert breach_of(codec, b'{"type":"dance"}') is Breach.UNKNOWN_TYPE


def test_oversized_audio_is_refused(codec: IoSpeechCodec) -> None:
    assert breach_of(codec, audio(bytes(MAX_AUDIO_BYTES + 2))) is Breach.OVERSIZED_FRAME
    assert breach_of(codec, audio(bytes(1_500_000))) is Breach.OVERSIZED_FRAME


def test_a_message_may_hold_a_mebibyte_of_audio(codec: IoSpeechCodec) -> None:
    frame = audio(bytes(1024 * 1024))
    assert codec.decode(frame) == (Audio(bytes(1024 * 1024)),)
    assert len(frame) < PROFILE.max_message_bytes


@pytest.mark.parametrize(
    ("frame", "breach"),
    [
        (b"\0\0", Breach.UNKNOWN_TYPE),
        ("{", Breach.INVALID_JSON),
        ("[]", Breach.MISSING_TYPE),
        ('{"type":"text"}', Breach.UNKNOWN_TYPE),
        ('{"type":"control"}', Breach.INVALID_FIELD),
        ('{"type":"control","action":"dance"}', Breach.INVALID_FIELD),
        ('{"type":"audio"}', Breach.INVALID_AUDIO),
    ],
)
def test_what_is_not_in_the_dialect_is_a_violation_and_never_fatal(
    codec: IoSpeechCodec, frame: str | bytes, breach: Breach
) -> None:
    assert breach_of(codec, frame) is breach
    assert PROFILE.fatal == frozenset()


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_whatever_comes_is_commands_or_a_violation(frame: str | bytes) -> None:
    try:
        IoSpeechCodec(lambda: 0).decode(frame)
    except Violation as violation:
        assert violation.message


def test_a_conversation_tells_its_statuses_in_the_documented_order(codec: IoSpeechCodec) -> None:
    reply = events.ReplyAudio(seq=1, pcm16=b"\0\0", rate_hz=16_000)
    assert statuses(
        codec,
        events.SessionOpened(session_id="s"),
        state(State.CAPTURING),
        state(State.CAPTURING),
        state(State.THINKING),
        reply,
        reply,
        state(State.RESPONDING),
        state(State.COMPLETE),
        state(State.COMPLETE, listening=False),
    ) == ["connected", "listening", "processing", "speaking", "listening", "connected"]


def test_every_message_has_a_time_in_unix_milliseconds(codec: IoSpeechCodec) -> None:
    (frame,) = codec.encode(events.SpeechStarted(audio_ms=5))
    assert json.loads(frame) == {
        "type": "vad",
        "event": "speech_start",
        "timestamp": 1_700_000_000_000,
    }


def test_an_onset_tells_its_energy_where_it_is_known(codec: IoSpeechCodec) -> None:
    assert said(codec, events.SpeechStarted(audio_ms=5, energy=0.123456)) == [
        {"type": "vad", "event": "speech_start", "energy": 0.1235}
    ]


def test_reply_audio_is_numbered_and_barge_in_names_the_last_number(codec: IoSpeechCodec) -> None:
    reply = events.ReplyAudio(seq=1, pcm16=b"\1\0", rate_hz=16_000)
    messages = said(codec, reply, reply, events.BargeIn(seq=1), reply)
    assert messages == [
        {"type": "status", "status": "speaking"},
        {
            "type": "audio_output",
            "data": "AQA=",
            "format": "pcm16",
            "sample_rate": 16_000,
            "sequence": 1,
        },
        {**messages[1], "sequence": 2},
        {"type": "barge_in", "cancelled_sequence": 2},
        {**messages[1], "sequence": 3},
    ]


def test_a_final_carries_the_recognizers_confidence(codec: IoSpeechCodec) -> None:
    final = events.Final(text="go", id="1", audio_ms=5, confidence=0.71234)
    assert said(codec, final) == [
        {"type": "transcript", "text": "go", "is_final": True, "confidence": 0.712}
    ]


def test_a_partials_confidence_rises_with_what_is_stable_from_what_clients_let_through(
    codec: IoSpeechCodec,
) -> None:
    partials = [
        events.Partial(text="go", audio_ms=0),
        events.Partial(text="go four", audio_ms=0, stable_chars=2),
        events.Partial(text="go four", audio_ms=0, stable_chars=7),
        events.Partial(text="", audio_ms=0),
    ]
    messages = said(codec, *partials)
    assert [m["confidence"] for m in messages] == [0.75, 0.807, 0.95, 0.0]
    assert [m["stable_chars"] for m in messages] == [0, 2, 7, 0]


def test_a_final_whose_recognizer_does_not_say_how_sure_it_is_has_the_usual_confidence(
    codec: IoSpeechCodec,
) -> None:
    finals = [events.Final(text=text, id="1", audio_ms=5) for text in ("go", "")]
    assert [m["confidence"] for m in said(codec, *finals)] == [0.95, 0.0]


def test_speech_end_tells_its_energy_where_it_is_known(codec: IoSpeechCodec) -> None:
    ends = [events.SpeechEnded(audio_ms=5), events.SpeechEnded(audio_ms=5, energy=0.12)]
    assert said(codec, *ends) == [
        {"type": "vad", "event": "speech_end"},
        {"type": "vad", "event": "speech_end", "energy": 0.12},
    ]


def test_the_address_may_choose_the_documents_spelling_of_speech_events() -> None:
    def spelled(query: dict[str, str]) -> str:
        codec = DIALECT.with_choices(query).new_codec(lambda: 0)
        (frame,) = codec.encode(events.SpeechStarted(audio_ms=5))
        kind: str = json.loads(frame)["type"]
        return kind

    assert spelled({"events": "document"}) == spelled({"events": " document "}) == "vad_event"
    assert spelled({"events": "server"}) == spelled({}) == spelled({"events": ""}) == "vad"
    assert DIALECT.with_choices({"voice": "de", "record": "x"}) is DIALECT


@pytest.mark.parametrize("value", ["x", "DOCUMENT", "vad", "x" * 5000])
def test_a_choice_that_there_is_not_is_refused_in_words(value: str) -> None:
    with pytest.raises(
        BadChoice, match=r"^events: '.{1,43}' is refused; allowed: server, document"
    ):
        DIALECT.with_choices({"events": value})


def test_a_microphone_that_is_opened_during_a_reply_is_told_as_listening(
    codec: IoSpeechCodec,
) -> None:
    reply = events.ReplyAudio(seq=1, pcm16=b"\0\0", rate_hz=16_000)
    assert statuses(
        codec,
        state(State.RESPONDING, listening=False),
        reply,
        state(State.RESPONDING),
        reply,
        state(State.COMPLETE),
    ) == ["speaking", "listening", "speaking", "listening"]


def test_an_answer_tells_the_microphone_also_where_it_was_told_and_so_does_what_follows(
    codec: IoSpeechCodec,
) -> None:
    assert (
        statuses(
            codec,
            state(State.CAPTURING),
            events.MicrophoneTold(listening=True),
            events.MicrophoneTold(listening=True),
            state(State.COMPLETE, listening=False),
            events.MicrophoneTold(listening=False),
            state(State.COMPLETE, listening=False),
        )
        == ["listening"] * 3 + ["connected"] * 3
    )


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (events.Failure.of(Code.ASR_FAIL, "x"), "audio_processing_error"),
        (events.Failure.of(Code.LLM_TIMEOUT, "x"), "internal_error"),
        (events.Failure.of(Code.BACKPRESSURE, "x"), "rate_limit"),
        (
            events.Failure(
                code=Code.PROTOCOL_VIOLATION, message="x", recoverable=True, breach=Breach.ODD_AUDIO
            ),
            "invalid_audio",
        ),
        (
            events.Failure(
                code=Code.PROTOCOL_VIOLATION,
                message="x",
                recoverable=True,
                breach=Breach.INVALID_JSON,
            ),
            "invalid_message",
        ),
        (events.Expired(message="x"), "session_expired"),
    ],
)
def test_errors_have_the_dialects_words(
    codec: IoSpeechCodec, failure: events.Outbound, code: str
) -> None:
    assert said(codec, failure) == [{"type": "error", "code": code, "message": "x"}]


def test_what_the_client_itself_cancelled_is_no_error(codec: IoSpeechCodec) -> None:
    assert said(codec, events.Failure.of(Code.CANCELLED, "x")) == []


@pytest.mark.parametrize("breach", [Breach.SEQUENCE_JUMP])
def test_what_the_protocols_own_server_ignores_is_no_error(
    codec: IoSpeechCodec, breach: Breach
) -> None:
    failure = events.Failure(
        code=Code.PROTOCOL_VIOLATION, message="x", recoverable=True, breach=breach
    )
    assert said(codec, failure) == []


@pytest.mark.parametrize(
    "event",
    [
        events.Finalizing(),
        events.Token(text="x"),
        events.PhraseDone(seq=1),
        events.ReplyComplete(),
        events.Latency(t0=None, t1=None, t2=None, t3=None, t4=None),
        events.Decode(runs=1, ms=1.0, rtf=0.1),
        events.Info(message="x"),
        events.Pong(),
        events.Closing(code=1000, reason=""),
    ],
)
def test_what_the_dialect_has_no_word_for_is_not_said(
    codec: IoSpeechCodec, event: events.Outbound
) -> None:
    assert codec.encode(event) == []
