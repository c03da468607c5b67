"""Asterisk's chan_websocket: its formats, its pause, its marks, and when it takes no more."""

from __future__ import annotations

import json

import pytest

from parley.protocol import events
from parley.protocol.codes import Breach, Violation
from parley.protocol.commands import Ping, Played
from parley.protocol.telephone.asterisk import AsteriskArrival
from parley.protocol.telephone.asterisk_text import told_by
from parley.protocol.telephone.sound import Sound
from parley.testing.carrier.asterisk_wires import TEXT_BYTES, AsteriskWire
from support.binary_lines import CALL, Line, complaints, given, orders

START = (
    "MEDIA_START connection_id:c1 channel:WebSocket/c1/0x7 channel_id:17.1 format:{} "
    "optimal_frame_size:160 ptime:20"
)

controls = pytest.mark.parametrize("control", ["plain", "json"])


def line_of(control: str = "plain") -> Line:
    return Line("asterisk", wire=AsteriskWire(CALL, control=control))


def names(frames: list[str | bytes]) -> list[str]:
    """Of commands, however they are written; audio is left out."""
    texts = [frame for frame in frames if isinstance(frame, str)]
    return [json.loads(t)["command"] if t[0] == "{" else t.split()[0] for t in texts]


@pytest.mark.parametrize(
    ("form", "sound"),
    [
        ("ulaw", Sound("ulaw", 8_000)),
        ("alaw", Sound("alaw", 8_000)),
        ("slin", Sound("l16", 8_000)),
        ("slin16", Sound("l16", 16_000)),
        ("slin44", Sound("l16", 44_100)),
        ("slin48", Sound("l16", 48_000)),
    ],
)
def test_formats(form: str, sound: Sound) -> None:
    start = AsteriskArrival().read(START.format(form))
    assert start is not None
    assert start.choices == {**sound.choices, "control": "plain"}
    assert (start.call_id, start.stream_id) == ("17.1", "c1")


@pytest.mark.parametrize("form", ["opus", "g722", "slin96", "slin192", "speex", ""])
def test_other_formats_are_refused_with_the_reason(form: str) -> None:
    with pytest.raises(Violation, match=r"choose c\(ulaw\)") as caught:
        AsteriskArrival().read(START.format(form))
    assert caught.value.breach is Breach.INVALID_AUDIO


def test_variables_are_parameters() -> None:
    variables = {"caller": "+1", "order": "42", "n": 3, "deep": {}}
    message = {"event": "MEDIA_START", "format": "ulaw", "channel_variables": variables}
    start = AsteriskArrival().read(json.dumps(message))
    assert start is not None
    assert start.caller == "+1"
    assert start.parameters["order"] == "42"
    assert start.choices["control"] == "json"


@controls
def test_commands_are_short(control: str) -> None:
    line = line_of(control)
    told: list[events.Outbound] = [
        line.audio(65, turn=999_999_999),
        events.PhraseDone(seq=1, turn=999_999_999),
        events.ReplyHeld(),
        events.BargeIn(seq=1),
        events.Closing(code=1000, reason="x" * 500),
    ]
    frames = [frame for one in told for frame in line.codec.encode(one)]
    assert max(len(frame) for frame in frames if isinstance(frame, str)) <= TEXT_BYTES
    assert names(frames)[-1] == "HANGUP"


@controls
def test_a_phrase_is_between_brackets(control: str) -> None:
    line = line_of(control)
    frames = line.codec.encode(line.audio(30))
    frames += line.codec.encode(line.audio(25))
    frames += line.codec.encode(events.PhraseDone(seq=1, turn=1))
    marks = ["MARK_MEDIA", "STOP_MEDIA_BUFFERING", "MARK_MEDIA"]
    assert names(frames) == ["START_MEDIA_BUFFERING", *marks]
    assert [len(frame) for frame in frames if isinstance(frame, bytes)] == [160, 160, 120]


@controls
def test_a_sound_pauses_and_nothing_goes_on(control: str) -> None:
    line = line_of(control)
    line.tells(line.audio(100))
    assert orders(line.tells(events.ReplyHeld(), events.ReplyHeld())) == ["pause"]
    assert orders(line.tells(events.ReplyReleased(), events.ReplyReleased())) == ["continue"]


@controls
def test_speech_asks_how_much_is_left_and_throws_it_away(control: str) -> None:
    line = line_of(control)
    line.tells(line.audio(310), events.PhraseDone(seq=1, turn=1), events.ReplyHeld())
    cleared = line.tells(events.BargeIn(seq=1))
    assert orders(cleared) == ["status", "clear", "continue"]
    status = {
        "plain": "STATUS channel_id:1 queue_length:4 xon_level:800",
        "json": '{"event":"STATUS","queue_length":4}',
    }
    # The last of four pieces is 10 ms long.
    assert line.codec.decode(status[control]) == [Played(ms=240, flushed=True)]
    assert line.codec.decode(status[control]) == (), "nobody asked"
    assert complaints(line.tells(line.audio(60, generation=1))) == []


def test_speech_without_a_pause_before_it_pauses_first() -> None:
    line = line_of()
    line.tells(line.audio(200))
    assert orders(line.tells(events.BargeIn(seq=1))) == ["pause", "status", "clear", "continue"]
    assert line.codec.decode("STATUS queue_length:0") == [Played(ms=200, flushed=True)]


def test_what_is_left_of_the_reply_before_does_not_count() -> None:
    line = line_of()
    line.tells(line.audio(100), events.PhraseDone(seq=1, turn=1), line.audio(100, turn=2))
    line.tells(events.BargeIn(seq=2))
    assert line.codec.decode("STATUS queue_length:8") == [Played(ms=0, flushed=True)]


def test_another_reply_is_not_begun_in_a_pause() -> None:
    line = line_of()
    line.tells(line.audio(100), events.ReplyHeld())
    assert orders(line.tells(line.audio(60))) == [], "it was on its way"
    assert orders(line.tells(line.audio(60, turn=2))) == ["clear", "continue"]


def test_while_asterisk_takes_nothing_it_is_kept() -> None:
    line = line_of()
    assert line.codec.decode("MEDIA_XOFF") == ()
    assert line.tells(line.audio(100), events.PhraseDone(seq=1, turn=1)) == []
    assert line.codec.decode("MEDIA_XON") == (Ping(),)
    wishes = line.tells(events.Pong())
    assert len(given(wishes)) == 800
    assert complaints(wishes) == []
    assert line.tells(events.Pong()) == []


def test_what_is_kept_is_thrown_away_with_the_reply() -> None:
    line = line_of()
    line.tells(line.audio(100))
    line.codec.decode("MEDIA_XOFF")
    line.tells(line.audio(100))
    assert orders(line.tells(events.BargeIn(seq=1)))[-1] == "continue"
    assert line.codec.decode("STATUS queue_length:2") == [Played(ms=60, flushed=True)]
    line.codec.decode("MEDIA_XON")
    assert line.tells(events.Pong()) == []


@pytest.mark.parametrize(
    "text",
    [
        "MEDIA_BUFFERING_COMPLETED",
        "QUEUE_DRAINED",
        "ERROR channel_id:1 error_text:Unable to parse",
        '{"event":"ERROR","error_text":"x"}',
    ],
)
def test_what_asks_for_nothing(text: str) -> None:
    assert line_of().codec.decode(text) == ()


def test_texts_are_read_by_the_names_of_json() -> None:
    assert told_by("DTMF_END digit:5 channel_id:1.2")[0]["digit"] == "5"
    assert told_by("MEDIA_MARK_PROCESSED 1.0.200")[0]["correlation_id"] == "1.0.200"
    assert told_by(' {"event":"QUEUE_DRAINED"}') == ({"event": "QUEUE_DRAINED"}, "json")
