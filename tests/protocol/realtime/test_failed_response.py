"""A response that failed says why. Source: the reference, `status_details.error`; Pipecat reads its
`message`."""

from __future__ import annotations

import json

from parley.protocol.events import SessionOpened
from parley.protocol.item_events import ReplyBegan, ReplyEnded
from parley.protocol.realtime.codec import RealtimeCodec


def test_a_failed_response_says_why() -> None:
    codec = RealtimeCodec(lambda: 0)
    codec.encode(SessionOpened(session_id="12345678"))
    codec.encode(ReplyBegan(reply=1))
    why = "the model has gone"
    *_, done = codec.encode(ReplyEnded(reply=1, outcome="failed", heard="", message=why))
    response = json.loads(done)["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"] == {
        "type": "server_error",
        "code": "response_failed",
        "message": why,
    }
