"""A response that failed says why. Source: the reference, `status_details.error`; Pipecat reads its
`message`."""

from __future__ import annotations

import json

import pytest

from parley.protocol.codes import Code
from parley.protocol.events import Failure, SessionOpened
from parley.protocol.item_events import ReplyBegan, ReplyEnded
from parley.protocol.realtime.codec import RealtimeCodec


@pytest.fixture
def codec() -> RealtimeCodec:
    """With a response that is being made."""
    codec = RealtimeCodec(lambda: 0)
    codec.encode(SessionOpened(session_id="12345678"))
    codec.encode(ReplyBegan(reply=1))
    return codec


def test_a_failed_response_says_why(codec: RealtimeCodec) -> None:
    why = "the model has gone"
    *_, done = codec.encode(ReplyEnded(reply=1, outcome="failed", heard="", message=why))
    response = json.loads(done)["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"] == {
        "type": "server_error",
        "code": "response_failed",
        "message": why,
    }


def test_a_failure_that_its_response_tells_is_told_once(codec: RealtimeCodec) -> None:
    """Pipecat listens no more behind an `error`."""
    assert codec.encode(Failure.of(Code.LLM_FAIL, "gone", turn=1)) == []
    assert codec.encode(Failure.of(Code.LLM_TIMEOUT, "late", turn=1)) == []
    *_, done = codec.encode(ReplyEnded(reply=1, outcome="failed", heard="", message="late"))
    error = json.loads(done)["response"]["status_details"]["error"]
    assert (error["code"], error["message"]) == ("llm_timeout", "late")


@pytest.mark.parametrize(("code", "turn"), [(Code.TTS_FAIL, 1), (Code.LLM_FAIL, 2)])
def test_what_no_response_tells_is_an_error(codec: RealtimeCodec, code: Code, turn: int) -> None:
    (frame,) = codec.encode(Failure.of(code, "something else", turn=turn))
    assert json.loads(frame)["type"] == "error"
