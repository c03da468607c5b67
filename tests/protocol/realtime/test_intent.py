"""Which names a session for transcription speaks. Source: OpenAI's library for JavaScript, whose
`intent: "transcription"` sends no header of the older API."""

from __future__ import annotations

import json
from typing import Any

from parley.protocol.commands import TellClient
from parley.protocol.events import Outbound, SessionOpened
from parley.protocol.realtime.codec import RealtimeCodec

OPENED = SessionOpened(session_id="12345678")


def kinds(codec: RealtimeCodec, event: Outbound) -> list[str]:
    return [json.loads(frame)["type"] for frame in codec.encode(event)]


def updated(codec: RealtimeCodec, kind: str, session: dict[str, Any]) -> list[str]:
    """What the client is told of its update."""
    *_, answer = codec.decode(json.dumps({"type": kind, "session": session}))
    assert isinstance(answer, TellClient)
    return kinds(codec, answer.event)


def test_an_intent_alone_speaks_the_newer_names() -> None:
    codec = RealtimeCodec(lambda: 0, {"intent": "transcription"})
    (frame,) = codec.encode(OPENED)
    created = json.loads(frame)
    assert (created["type"], created["session"]["type"]) == ("session.created", "transcription")
    assert updated(codec, "session.update", {"type": "transcription"}) == ["session.updated"]


def test_the_header_speaks_the_older_names() -> None:
    codec = RealtimeCodec(lambda: 0, {"intent": "transcription", "beta": "realtime=v1"})
    assert kinds(codec, OPENED) == ["transcription_session.created"]


def test_an_event_that_has_gone_since_brings_the_older_names() -> None:
    codec = RealtimeCodec(lambda: 0, {"intent": "transcription"})
    codec.encode(OPENED)
    told = updated(codec, "transcription_session.update", {"input_audio_format": "pcm16"})
    assert told == ["transcription_session.updated"]
