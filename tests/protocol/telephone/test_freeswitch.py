"""FreeSWITCH's mod_audio_stream: how a call begins there, and how audio goes back."""

from __future__ import annotations

import base64
import json

import pytest

from parley.protocol import events
from parley.protocol.commands import Audio, StartListening
from parley.protocol.telephone.freeswitch import DIALECT, FreeswitchArrival
from parley.testing.carrier.binary_wires import FreeswitchWire
from support.binary_lines import CALL, Line, orders

PIECE = bytes(640)


def test_without_metadata_the_first_audio_begins_the_call() -> None:
    start = FreeswitchArrival().read(PIECE)
    assert start is not None
    codec = DIALECT.with_choices(start.choices).new_codec(lambda: 0)
    assert codec.decode(PIECE) == [StartListening(rate_hz=16_000), Audio(PIECE)]
    assert codec.decode(PIECE) == [Audio(PIECE)]


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ('{"uuid":"u1","caller":"+1","order":42}', {"call_id": "u1", "order": "42"}),
        ("no JSON at all", {"metadata": "no JSON at all"}),
        ("", {}),
        ("[1]", {"metadata": "[1]"}),
    ],
)
def test_metadata_are_parameters(metadata: str, told: dict[str, str]) -> None:
    start = FreeswitchArrival().read(metadata)
    assert start is not None
    assert {name: start.told.get(name) for name in told} == told
    codec = DIALECT.with_choices(start.choices).new_codec(lambda: 0)
    assert codec.decode(metadata) == (StartListening(rate_hz=16_000),)


@pytest.mark.parametrize(
    ("query", "metadata", "rate_hz"),
    [({}, "", 16_000), ({"rate": "8000"}, "", 8_000), ({}, '{"sampleRate":8000}', 8_000)],
)
def test_the_rate(query: dict[str, str], metadata: str, rate_hz: int) -> None:
    asked = DIALECT.with_choices(query)
    start = FreeswitchArrival().read(metadata)
    assert start is not None
    chosen = asked.with_choices({**asked.chosen, **start.choices})
    assert chosen.profile.reply_rate_hz == rate_hz
    assert chosen.new_codec(lambda: 0).decode(metadata) == (StartListening(rate_hz=rate_hz),)


def test_audio_goes_back_as_json_where_that_is_chosen() -> None:
    line = Line("freeswitch", wire=FreeswitchWire(CALL, out="json"), choices={"out": "json"})
    (frame,) = line.codec.encode(line.audio(20))
    assert isinstance(frame, str)
    message = json.loads(frame)
    assert message["type"] == "streamAudio"
    assert len(base64.b64decode(message["data"]["audioData"])) == 640


def test_an_interruption_kills_the_audio() -> None:
    line = Line("freeswitch")
    line.tells(line.audio(100))
    assert orders(line.tells(events.ReplyHeld(), events.BargeIn(seq=1))) == ["clear"]
    assert line.codec.decode('{"type":"playoutDone"}') == ()
