"""Dialect D from the client's side: events become messages, and a conversation is held in it."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from parley.audio.wav import parse_wav, read_wav
from parley.client.conversation import Pace, conversation
from parley.client.incoming import (
    Final,
    Finalizing,
    Incoming,
    Info,
    Interrupted,
    Partial,
    Problem,
    ReplyComplete,
    Sound,
    SpeechBegan,
    Token,
    ToolCalled,
    ToolReturned,
    Unreadable,
)
from parley.client.realtime import RealtimeEnd
from parley.client.scripted import ScriptedWire
from parley.client.talk import talk
from parley.config import Settings
from parley.embedding import OwnEngines, open_server
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from support.stand_in import message, recording, wav

TRANSCRIPTION = "conversation.item.input_audio_transcription"


def read(*events: tuple[str, dict[str, Any]]) -> list[Incoming]:
    end = RealtimeEnd()
    return [found for kind, fields in events for found in end.read(message(kind, **fields))]


def test_a_turn_is_told_in_the_messages_of_every_protocol() -> None:
    pcm16 = b"\1\0" * 240
    found = read(
        ("session.created", {"session": {"id": "sess_1"}}),
        ("input_audio_buffer.speech_started", {"audio_start_ms": 1, "item_id": "u"}),
        ("input_audio_buffer.speech_stopped", {"audio_end_ms": 9, "item_id": "u"}),
        ("input_audio_buffer.committed", {"item_id": "u"}),
        (f"{TRANSCRIPTION}.delta", {"item_id": "u", "delta": "go "}),
        (f"{TRANSCRIPTION}.delta", {"item_id": "u", "delta": "on"}),
        (f"{TRANSCRIPTION}.completed", {"item_id": "u", "transcript": "go on"}),
        ("response.created", {"response": {}}),
        ("response.output_audio_transcript.delta", {"item_id": "r", "delta": "So"}),
        (
            "response.output_audio.delta",
            {"item_id": "r", "delta": base64.b64encode(pcm16).decode()},
        ),
        ("response.output_audio_transcript.done", {"item_id": "r", "transcript": "So"}),
        ("response.done", {"response": {"status": "completed", "output": []}}),
    )
    sound = found[7]
    assert isinstance(sound, Sound)
    assert (parse_wav(sound.audio_b64).pcm16, sound.item) == (pcm16, "r")
    assert found[:7] == [
        Info(message="session created", session_id="sess_1"),
        SpeechBegan(),
        Finalizing(),
        Partial(text="go "),
        Partial(text="go on"),
        Final(text="go on", id="u"),
        Token(text="So"),
    ]
    assert found[8:] == [Token(done=True), ReplyComplete()]


def test_a_reply_that_was_cut_says_what_was_heard_and_is_over() -> None:
    item = {"type": "message", "content": [{"type": "output_audio", "transcript": "So much"}]}
    response = {"status": "cancelled", "output": [{"type": "function_call"}, item]}
    assert read(("response.done", {"response": response})) == [
        Interrupted(heard="So much"),
        ReplyComplete(),
    ]


def test_tools_are_told() -> None:
    call = {"call_id": "c", "name": "hours", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "9 to 18"}
    message_item = {"type": "message", "content": []}
    assert read(
        ("response.function_call_arguments.done", call),
        ("conversation.item.done", {"item": message_item}),
        ("conversation.item.done", {"item": result}),
    ) == [
        ToolCalled(id="c", name="hours", arguments="{}"),
        ToolReturned(id="c", name="hours", output="9 to 18"),
    ]


def test_errors_are_problems_but_for_a_truncation_that_has_nothing_to_cut() -> None:
    truncate = json.loads(RealtimeEnd.truncate("r", 120))
    assert truncate["audio_end_ms"] == 120
    gone = {
        "code": "item_truncate_invalid_item_id",
        "message": "no",
        "event_id": truncate["event_id"],
    }
    assert read(("error", {"error": gone})) == []
    error = {"type": "server_error", "code": "llm_fail", "message": "no answer"}
    assert read(("error", {"error": error}), (f"{TRANSCRIPTION}.failed", failed("asr_fail"))) == [
        Problem(code="LLM_FAIL", message="no answer"),
        Problem(code="ASR_FAIL", message="oh"),
    ]


def test_a_reply_that_failed_is_a_problem_and_over() -> None:
    error = {"type": "server_error", "code": "llm_fail", "message": "no answer"}
    response = {"status": "failed", "status_details": {"error": error}, "output": []}
    assert read(("response.done", {"response": response})) == [
        Problem(code="LLM_FAIL", message="no answer"),
        ReplyComplete(),
    ]


def failed(code: str) -> dict[str, Any]:
    return {"item_id": "u", "error": {"code": code, "message": "oh"}}


@pytest.mark.parametrize(
    "frame",
    ["hello", "[]", "{}", '{"type":"response.done"}', b"\0\1", '{"type":"error","error":1}'],
)
def test_what_is_no_event_is_unreadable(frame: str | bytes) -> None:
    with pytest.raises(Unreadable):
        RealtimeEnd().read(frame)


def test_what_is_not_known_is_passed_over() -> None:
    assert read(("rate_limits.updated", {}), ("response.content_part.added", {})) == []


async def test_another_rate_is_refused() -> None:
    wire = ScriptedWire()
    wire.say(message("session.created", session={"id": "s"}))
    with pytest.raises(ValueError, match="24000 Hz"):
        async with conversation(wire, Pace(), end=RealtimeEnd()):
            pass  # pragma: no cover


async def test_a_recording_is_answered_by_a_live_server(tmp_path: Path) -> None:
    spoken = tmp_path / "hello.wav"
    spoken.write_bytes(wav(recording()))
    own = OwnEngines(
        transcriber=lambda session: ScriptedTranscriber(["go forward"]),
        responder=ScriptedResponder(then=["Forward ", "it is."]),
        synthesizer=ScriptedSynthesizer(),
    )
    settings = Settings.defaults(stream_vad_engine="energy", stream_turn_engine="fixed")
    shown, errors = io.StringIO(), io.StringIO()
    async with open_server(settings, port=0, own=own) as server:
        result = await talk(
            server.url("/v1/realtime"),
            [spoken],
            realtime=True,
            out=tmp_path / "reply.wav",
            aloud=False,
            console=Console(file=shown, width=120),
            errors=Console(file=errors, width=120),
        )
    assert (result.exit_code, errors.getvalue()) == (0, "")
    assert "you    go forward\n" in shown.getvalue()
    assert "parley Forward it is.\n" in shown.getvalue()
    (row,) = result.rows
    assert row.final_ms is not None
    assert row.first_audio_ms is not None
    assert read_wav(tmp_path / "reply.wav").rate_hz == 24_000
