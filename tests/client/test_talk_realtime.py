"""`talk` over OpenAI's Realtime, with a loudspeaker, against a stand-in server on loopback."""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import trio_websocket
from rich.console import Console

from parley.client.talk import talk
from support.fake_sound import FakeSound
from support.stand_in import message, open_stand_in, recording, wav

PIECE = base64.b64encode(b"\1\0" * (24 * 80)).decode()
"""80 ms."""


async def test_who_interrupts_is_told_what_was_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = FakeSound()
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    spoken = tmp_path / "hello.wav"
    spoken.write_bytes(wav(recording()))
    paths: list[str] = []
    sent: list[dict[str, Any]] = []

    async def serve(request: Any) -> None:
        paths.append(request.path)
        connection = await request.accept()

        async def say(kind: str, **fields: Any) -> None:
            await connection.send_message(message(kind, **fields))

        async def answer() -> None:
            transcription = "conversation.item.input_audio_transcription.completed"
            await say(transcription, item_id="u", transcript="go forward")
            for _ in range(2):
                await say("response.output_audio.delta", item_id="r", delta=PIECE)
            while not (sound.streams and len(sound.streams[0].played) == 2):
                await trio.sleep(0.001)
            await trio.sleep(0.05)
            await say("input_audio_buffer.speech_started", audio_start_ms=9, item_id="u2")
            await say("response.done", response={"status": "cancelled", "output": []})

        await say("session.created", session={"id": "sess_1"})
        try:
            while True:
                event = json.loads(await connection.get_message())
                appended = event["type"] == "input_audio_buffer.append"
                if not appended:
                    sent.append(event)
                elif len(sent) == 1:
                    sent.append(event)
                    await answer()
        except trio_websocket.ConnectionClosed:
            return

    shown = io.StringIO()
    async with open_stand_in(serve) as url:
        result = await talk(
            url, [spoken], realtime=True, speed=20.0, console=Console(file=shown, width=120)
        )
    assert result.exit_code == 0
    assert paths == ["/ws"], "no words of another protocol in the address"
    assert [event["type"] for event in sent] == [
        "session.update",
        "input_audio_buffer.append",
        "conversation.item.truncate",
    ]
    assert (sent[2]["item_id"], sent[2]["audio_end_ms"]) == ("r", 160)
    assert sound.streams[0].calls == ["start", "abort", "close"]
    assert "cut    heard of it: nothing\n" in shown.getvalue()
