"""The services whose audio is binary: what they send, what they get, and what is not of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from parley.protocol import events
from parley.protocol.codes import Breach, Violation
from parley.protocol.commands import (
    Audio,
    Command,
    Digit,
    EndSession,
    LineTold,
    Played,
    Remark,
    StartListening,
)
from parley.protocol.dialect import Frame
from parley.protocol.telephone import line_frames
from parley.protocol.telephone.dialects import TELEPHONE_DIALECTS
from parley.testing.carrier.wire import Mark
from support.binary_lines import CALL, Line, complaints, given, orders

SERVICES = ("vonage", "asterisk", "jambonz", "freeswitch", "genesys", "audiosocket")
services = pytest.mark.parametrize("service", SERVICES)


@services
def test_a_call_begins_with_all_that_is_known_of_it(service: str) -> None:
    line = Line(service)
    assert line.start.service == service
    assert line.start.call_id
    assert line.opened == [StartListening(rate_hz=line.wire.sound.rate_hz)]
    assert line.codec.profile.reply_rate_hz == line.wire.sound.rate_hz
    if service not in ("audiosocket", "asterisk"):
        assert (line.start.caller, line.start.called) == (CALL.caller, CALL.called)
    if service != "audiosocket":
        assert line.start.told["order"] == "42"


@services
def test_it_begins_once(service: str) -> None:
    line = Line(service)
    if service == "freeswitch":
        return  # its first message is whatever comes first
    with pytest.raises(Violation, match=r"started already|unknown") as caught:
        line.codec.decode(line.wire.hello()[0])
    assert caught.value.breach is Breach.INVALID_FIELD


@services
def test_sound_comes_as_it_was_said(service: str) -> None:
    line = Line(service)
    sound = line.wire.sound
    piece = sound.spoken(np.full(sound.rate_hz // 50, 3_000, dtype="<i2").tobytes())
    frame = line.wire.sound_in(piece, 0)
    assert frame is not None
    assert line.codec.decode(frame) == [Audio(sound.heard(piece))]


@services
def test_a_line_that_is_silent_goes_on(service: str) -> None:
    line = Line(service)
    rate_hz = line.wire.sound.rate_hz
    assert line.codec.decode(line_frames.quiet(300)) == (Audio(bytes(rate_hz * 3 // 10 * 2)),)
    assert line.codec.decode(line_frames.told("machine")) == (LineTold("machine"),)


@pytest.mark.parametrize("lengths", [(60, 60, 60), (55, 7, 3, 91), (1, 1, 1), (313,)])
@services
def test_a_phrase_arrives_whole_and_in_pieces_that_the_service_takes(
    service: str, lengths: tuple[int, ...]
) -> None:
    line = Line(service)
    wishes = line.tells(*map(line.audio, lengths), events.PhraseDone(seq=1, turn=1))
    assert complaints(wishes) == []
    data = line.wire.sound.heard(given(wishes))
    loud = np.count_nonzero(np.frombuffer(data, dtype="<i2"))
    assert loud == sum(lengths) * line.wire.sound.rate_hz // 1000
    filled_ms = (len(data) // 2 - loud) * 1000 / line.wire.sound.rate_hz
    assert filled_ms < 20, "the last piece alone is filled up"
    assert not data.rstrip(b"\0").count(bytes(20)), "and nothing within a phrase"


@services
def test_what_was_not_sent_yet_of_a_reply_is_dropped_with_it(service: str) -> None:
    line = Line(service)
    line.tells(line.audio(65))
    line.tells(events.BargeIn(seq=1))
    wishes = line.tells(line.audio(60, turn=2), events.PhraseDone(seq=2, turn=2))
    assert line.wire.sound.ms_of(len(given(wishes))) == 60


@services
def test_sound_that_is_no_reply_leaves_as_it_is(service: str) -> None:
    line = Line(service)
    wishes = line.tells(line.audio(50, turn=0), events.DigitsTold(digits="5"))
    assert complaints(wishes) == []
    assert not [wish for wish in wishes if isinstance(wish, Mark)]
    assert line.wire.sound.ms_of(len(given(wishes))) >= 150


@services
def test_keys(service: str) -> None:
    line = Line(service)
    frames = [frame for key in "5#" for frame in line.wire.digit(key)]
    found = [command for frame in frames for command in line.codec.decode(frame)]
    assert found == ([] if service == "freeswitch" else [Digit("5"), Digit("#")])


@services
def test_the_end_of_a_call(service: str) -> None:
    line = Line(service)
    found = [command for frame in line.wire.goodbye() for command in line.codec.decode(frame)]
    assert found == ([EndSession()] if service in ("audiosocket", "genesys") else [])


@services
def test_no_clearing_where_nothing_was_sent(service: str) -> None:
    line = Line(service)
    assert line.tells(events.ReplyHeld(), events.ReplyReleased(), events.BargeIn(seq=0)) == []


def text(**fields: Any) -> str:
    return json.dumps(fields)


GENESYS = {"version": "2", "id": "e160e428-53e2-487c-977d-96989bf5c99d", "seq": 2}

BAD: list[tuple[str, Frame, Breach]] = [
    *[
        (service, frame, breach)
        for service in ("vonage", "jambonz", "genesys", "freeswitch")
        for frame, breach in [
            ("{", Breach.INVALID_JSON),
            ("[]", Breach.INVALID_JSON),
            ("\x00", Breach.INVALID_JSON),
            ('{"type":"no such thing","event":"neither","seq":2}', Breach.UNKNOWN_TYPE),
            ('"' + "a" * 70_000 + '"', Breach.OVERSIZED_FRAME),
        ]
    ],
    *[
        (service, frame, breach)
        for service in ("vonage", "jambonz", "freeswitch")
        for frame, breach in [
            (b"\1" * 641, Breach.ODD_AUDIO),
            (b"\1" * 200_000, Breach.OVERSIZED_FRAME),
        ]
    ],
    ("vonage", text(event="websocket:dtmf", digit="55"), Breach.INVALID_FIELD),
    ("vonage", text(event="websocket:dtmf"), Breach.INVALID_FIELD),
    ("jambonz", text(event="dtmf", dtmf=["5"]), Breach.INVALID_FIELD),
    ("genesys", text(**GENESYS, type="dtmf", parameters={"digit": "x"}), Breach.INVALID_FIELD),
    ("genesys", text(type="ping", seq="1"), Breach.INVALID_FIELD),
    ("genesys", text(type="ping", seq=-1), Breach.INVALID_FIELD),
    ("genesys", text(type="ping", seq=True), Breach.INVALID_FIELD),
    ("genesys", text(type="ping", seq=2, id="another"), Breach.INVALID_FIELD),
    ("genesys", b"\1" * 200_000, Breach.OVERSIZED_FRAME),
    ("asterisk", "", Breach.UNKNOWN_TYPE),
    ("asterisk", "media_start", Breach.UNKNOWN_TYPE),
    ("asterisk", "NO_SUCH_THING at:all", Breach.UNKNOWN_TYPE),
    ("asterisk", "{", Breach.INVALID_JSON),
    ("asterisk", "DTMF_END", Breach.INVALID_FIELD),
    ("asterisk", "DTMF_END digit:x", Breach.INVALID_FIELD),
    ("asterisk", "STATUS queue_length:-1", Breach.INVALID_FIELD),
    ("asterisk", "STATUS queue_length:99999999999999", Breach.INVALID_FIELD),
    ("asterisk", "STATUS", Breach.INVALID_FIELD),
    ("asterisk", b"\1" * 200_000, Breach.OVERSIZED_FRAME),
    ("audiosocket", "text", Breach.UNKNOWN_TYPE),
    ("audiosocket", b"", Breach.INVALID_FIELD),
    ("audiosocket", b"\x10", Breach.INVALID_FIELD),
    ("audiosocket", b"\x10\xff\xff\x01", Breach.INVALID_FIELD),
    ("audiosocket", b"\x10\x00\x01\x01", Breach.ODD_AUDIO),
    ("audiosocket", b"\x12\x00\x02\x01\x01", Breach.UNSUPPORTED_RATE),
    ("audiosocket", b"\x42\x00\x00", Breach.UNKNOWN_TYPE),
    ("audiosocket", b"\x03\x00\x00", Breach.INVALID_FIELD),
    ("audiosocket", b"\x03\x00\x01x", Breach.INVALID_FIELD),
]


@pytest.mark.parametrize(("service", "frame", "breach"), BAD)
def test_bad_input_is_a_breach_and_the_line_goes_on(
    service: str, frame: Frame, breach: Breach
) -> None:
    line = Line(service)
    with pytest.raises(Violation) as caught:
        line.codec.decode(frame)
    assert caught.value.breach is breach
    sound = line.wire.sound
    piece = line.wire.sound_in(sound.spoken(b"\1\1" * (sound.rate_hz // 50)), 0)
    assert piece is not None
    assert [type(command) for command in line.codec.decode(piece)] == [Audio]


MARKS: list[tuple[str, Frame]] = [
    ("vonage", text(event="websocket:notify", payload={"mark": "mine"})),
    ("vonage", text(event="websocket:notify")),
    ("jambonz", text(type="mark", data={"name": "mine", "event": "playout"})),
    ("jambonz", text(type="mark")),
    ("asterisk", "MEDIA_MARK_PROCESSED mine"),
    ("asterisk", "MEDIA_MARK_PROCESSED"),
]


@pytest.mark.parametrize(("service", "frame"), MARKS)
def test_a_mark_that_nobody_set_is_counted(service: str, frame: Frame) -> None:
    found: Sequence[Command] = Line(service).codec.decode(frame)
    assert found == [Remark(breach=Breach.INVALID_FIELD)]


@services
def test_half_of_what_arrives_first_is_no_call(service: str) -> None:
    dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == service)
    assert dialect.arrival is not None
    arrival = dialect.arrival()
    for frame in ("{", "[]", "STATUS queue_length:1", b"", b"\x10\x00\x00", b"\x01\x00\x02ab"):
        if service != "freeswitch":  # which takes what comes
            assert arrival.read(frame) is None


@pytest.mark.parametrize("service", ["vonage", "jambonz"])
def test_a_clearing_tells_how_much_was_played(service: str) -> None:
    line = Line(service)
    sound = line.wire.sound
    marks = [w.name for w in line.tells(line.audio(20)) if isinstance(w, Mark)]
    line.tells(line.audio(400))
    piece = line.wire.sound_in(sound.spoken(bytes(sound.rate_hz // 50 * 2)), 0)
    assert piece is not None
    line.codec.decode(piece)
    (first,) = line.wire.marks(marks, cleared=False)
    assert line.codec.decode(first) == [Played(ms=20)]
    for _ in range(5):
        line.now_ms += 20
        line.codec.decode(piece)
    wishes = line.tells(events.ReplyHeld(), events.BargeIn(seq=1))
    assert orders(wishes) == ["clear"], "once"
    names = [wish.name for wish in wishes if isinstance(wish, Mark)]
    back = [*line.wire.clearing(), *line.wire.marks(names, cleared=False)]
    assert [c for f in back for c in line.codec.decode(f)] == [Played(ms=120, flushed=True)]


def test_what_jambonz_cleared_was_not_played() -> None:
    line = Line("jambonz")
    line.tells(line.audio(20))
    mark = text(type="mark", data={"name": "1.0.20", "event": "cleared"})
    assert line.codec.decode(mark) == ()
    assert line.codec.decode(text(type="playDone", data={"id": "1"})) == ()


def test_stereo_is_refused() -> None:
    dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == "jambonz")
    assert dialect.arrival is not None
    with pytest.raises(Violation, match="choose mono"):
        dialect.arrival().read(text(callSid="c", sampleRate=8000, mixType="stereo"))
