"""Dialect D: what a client appends, whatever it is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from parley.audio.wav import wav_bytes
from parley.protocol.codes import Breach
from parley.protocol.commands import Audio, Command, Remark, StartListening, TellClient
from parley.protocol.item_events import Verbatim
from parley.protocol.realtime.codec import RealtimeCodec


class Client:
    def __init__(self) -> None:
        self.codec = RealtimeCodec(lambda: 0)
        self.send("input_audio_buffer.clear")

    def send(self, kind: str, **fields: Any) -> list[Command]:
        return list(self.codec.decode(json.dumps({"type": kind, **fields})))

    def append(self, data: bytes) -> list[Command]:
        return self.send("input_audio_buffer.append", audio=base64.b64encode(data).decode())

    def format(self, **heard: Any) -> dict[str, Any]:
        """What comes of an update of the input's format: the session, or the error."""
        update = {"type": "realtime", "audio": {"input": {"format": heard}}}
        (command,) = self.send("session.update", session=update)
        return told(command)


def told(command: Command) -> dict[str, Any]:
    assert isinstance(command, TellClient)
    assert isinstance(command.event, Verbatim)
    return dict(command.event.message)


@pytest.mark.parametrize("rate", ["24000", 24_000, 24_000.0, None])
def test_a_rate_may_be_text(rate: object) -> None:
    heard = Client().format(type="audio/pcm", rate=rate)["session"]["audio"]["input"]
    assert heard["format"] == {"type": "audio/pcm", "rate": 24_000}


@pytest.mark.parametrize("rate", [16_000, "48000", 8_000, 44_100])
def test_other_common_rates_are_heard(rate: Any) -> None:
    client = Client()
    heard = client.format(type="audio/pcm", rate=rate)["session"]["audio"]["input"]
    assert heard["format"]["rate"] == int(rate)
    assert client.append(b"\1\0\2\0") == [
        StartListening(rate_hz=int(rate)),
        Audio(b"\1\0\2\0"),
    ]


@pytest.mark.parametrize("rate", [12_345, "fast", 0, True, [], 1e300])
def test_any_other_rate_is_refused_in_words(rate: Any) -> None:
    error = Client().format(type="audio/pcm", rate=rate)["error"]
    assert error["param"] == "session.audio.input.format.rate"
    assert "24000" in error["message"]


def test_what_is_said_has_one_rate() -> None:
    client = Client()
    update = {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 16_000}}}}
    (command,) = client.send("session.update", session={"type": "realtime", **update})
    assert "allowed: 24000" in told(command)["error"]["message"]


def test_chunks_of_odd_length_are_one_stream() -> None:
    client = Client()
    assert client.append(b"\1\2\3")[-1] == Audio(b"\1\2")
    assert client.append(b"\4\5\6") == [Audio(b"\3\4\5\6")]


def test_a_wav_is_heard_at_its_own_rate() -> None:
    wav = wav_bytes(b"\1\0" * 1600, 16_000)
    assert Client().append(wav) == [StartListening(rate_hz=16_000), Audio(b"\1\0" * 1600)]


def test_what_is_no_sound_is_told_once_and_may_be_put_right() -> None:
    client = Client()
    ogg = b"OggS\0\2" + bytes(8) + b"\1\2\3\4" * 50
    (command,) = client.append(ogg)
    error = told(command)["error"]
    assert error["code"] == "invalid_audio_format"
    assert error["message"].startswith("audio: this is Ogg; send PCM16")
    assert client.append(bytes(2_000)) == [Remark(breach=Breach.FOREIGN_AUDIO)]
    client.send("input_audio_buffer.clear")
    assert client.append(b"\1\0")[-1] == Audio(b"\1\0")
