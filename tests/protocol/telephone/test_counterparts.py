"""What a public implementation sends to the same services, message for message.

The messages were printed by Pipecat 1.14.0 (its serializers for these services, given 20 ms of
audio and an interruption) and are compared as JSON: services that take those take ours. They
also read every message of the simulated carrier.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from parley.audio import g711
from parley.protocol import events
from parley.protocol.telephone.dialects import TELEPHONE_DIALECTS
from parley.testing.carrier import Call

STREAM = Call().stream_id
PCM16 = b"\x00\x10" * 160
ULAW = base64.b64encode(g711.encode(PCM16, "ulaw")).decode()
LINEAR = base64.b64encode(PCM16).decode()

PLIVO_MEDIA = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": ULAW}

SENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "twilio": (
        {"event": "media", "streamSid": STREAM, "media": {"payload": ULAW}},
        {"event": "clear", "streamSid": STREAM},
    ),
    "telnyx": (
        {"event": "media", "media": {"payload": ULAW}},
        {"event": "clear"},
    ),
    "plivo": (
        {"event": "playAudio", "media": PLIVO_MEDIA, "streamId": STREAM},
        {"event": "clearAudio", "streamId": STREAM},
    ),
    "exotel": (
        {"event": "media", "stream_sid": STREAM, "media": {"payload": LINEAR}},
        {"event": "clear", "stream_sid": STREAM},
    ),
}
"""20 ms of audio, and what follows an interruption."""


@pytest.mark.parametrize("service", SENT)
def test_a_message_is_as_another_implementation_sends_it(service: str) -> None:
    dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == service)
    coding = "l16" if service == "exotel" else "ulaw"
    codec = dialect.with_choices({"stream": STREAM, "coding": coding}).new_codec(lambda: 0)
    audio = events.ReplyAudio(seq=1, pcm16=PCM16, rate_hz=8000, turn=1)
    sound, cleared = SENT[service]
    assert json.loads(codec.encode(audio)[0]) == sound
    assert json.loads(codec.encode(events.BargeIn(seq=1))[0]) == cleared
