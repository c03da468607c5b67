"""Dialect D in dialect C's words, for measurements."""

from __future__ import annotations

import base64
import json

from parley.client.as_newspeech import AsNewSpeech
from parley.client.scripted import ScriptedWire
from support.stand_in import message


async def test_what_is_said_is_translated() -> None:
    inner = ScriptedWire()
    wire = AsNewSpeech(inner)
    await wire.open()
    await wire.send(b"\1\0")
    await wire.send('{"type":"text","content":"hello"}')
    kinds = [json.loads(frame)["type"] for _, frame in inner.frames]
    assert kinds == [
        "session.update",
        "input_audio_buffer.append",
        "conversation.item.create",
        "response.create",
    ]


async def test_what_comes_is_translated() -> None:
    inner = ScriptedWire()
    delta = base64.b64encode(b"\1\0").decode()
    inner.say(
        message("response.output_audio.delta", delta=delta),
        message("response.done", response={"status": "cancelled"}),
        message("response.done", response={"status": "completed"}),
        message("session.updated"),
    )
    wire = AsNewSpeech(inner)
    assert await wire.receive() == b"\1\0"
    kinds = [json.loads(await wire.receive())["type"] for _ in range(3)]
    assert kinds == ["barge_in", "tts_complete", "session.updated"]
