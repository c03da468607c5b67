"""The services that speak JSON: what they send, what they get, and what is not of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from parley.audio import g711
from parley.protocol import events
from parley.protocol.codes import Breach, Violation
from parley.protocol.commands import (
    Audio,
    Command,
    Digit,
    EndSession,
    LineTold,
    Remark,
    StartListening,
)
from parley.protocol.dialect import Codec
from parley.protocol.telephone import line_frames
from parley.protocol.telephone.dialects import TELEPHONE_DIALECTS
from parley.protocol.telephone.json_services import JSON_SERVICES
from parley.protocol.telephone.sound import sound_of
from parley.testing.carrier import Call
from parley.testing.carrier.json_wire import JsonWire
from parley.testing.carrier.wire import Complaint, Give, Order

SERVICES = [service.name for service in JSON_SERVICES]
services = pytest.mark.parametrize("service", SERVICES)


class _Line:
    """A codec that has seen the call's beginning, and the service's side."""

    def __init__(self, service: str, *, started: bool = True) -> None:
        self.wire = JsonWire(service, Call(parameters={"order": "42", "agent": "desk"}))
        dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == service)
        assert dialect.arrival is not None
        arrival = dialect.arrival()
        self.hello = list(self.wire.hello())
        (self.start,) = [s for frame in self.hello if (s := arrival.read(frame)) is not None]
        self.now_ms = 0
        self.codec: Codec = dialect.with_choices(self.start.choices).new_codec(lambda: self.now_ms)
        self.opened = [c for f in self.hello if started for c in self.codec.decode(f)]

    def heard(self, *pieces: bytes) -> list[Command]:
        found: list[Command] = []
        for number, piece in enumerate(pieces):
            self.now_ms = number * self.wire.piece_ms
            found += self.codec.decode(self.wire.sound_in(piece, number * self.wire.piece_ms))
        return found

    def piece(self, value: int = 1000) -> bytes:
        samples = self.wire.sound.rate_hz * self.wire.piece_ms // 1000
        return self.wire.sound.spoken(value.to_bytes(2, "little", signed=True) * samples)


def spoken(turn: int = 1, ms: int = 100) -> events.ReplyAudio:
    return events.ReplyAudio(seq=1, pcm16=b"\x10\x20" * 8 * ms, rate_hz=8000, turn=turn)


def breach_of(line: _Line, frame: str | bytes) -> Breach:
    with pytest.raises(Violation) as raised:
        line.codec.decode(frame)
    return raised.value.breach


@services
def test_a_call_begins_with_all_that_is_known_of_it(service: str) -> None:
    line = _Line(service)
    told = line.start.told
    assert told["service"] == service
    assert told["call_id"] == Call().call_id
    assert told["order"] == "42"
    if service in ("telnyx", "exotel"):
        assert (told["caller"], told["called"]) == (Call().caller, Call().called)
    assert line.opened == [StartListening(rate_hz=8000)]


@services
def test_sound_comes_as_it_was_said(service: str) -> None:
    line = _Line(service)
    heard = b"".join(c.pcm16 for c in line.heard(*[line.piece()] * 3) if isinstance(c, Audio))
    assert len(heard) == 3 * line.wire.piece_ms * 16
    (value,) = {heard[at : at + 2] for at in range(0, len(heard), 2)}
    assert abs(int.from_bytes(value, "little", signed=True) - 1000) < 20


@services
def test_what_we_send_is_what_the_service_takes(service: str) -> None:
    line = _Line(service)
    event = spoken()
    frames = [*line.codec.encode(event), *line.codec.encode(events.PhraseDone(seq=1, turn=1))]
    frames += line.codec.encode(events.BargeIn(seq=1))
    wishes = [wish for frame in frames for wish in line.wire.read(frame)]
    assert [w for w in wishes if isinstance(w, Complaint)] == []
    given = b"".join(w.data for w in wishes if isinstance(w, Give))
    coded = event.pcm16 if service == "exotel" else g711.encode(event.pcm16, "ulaw")
    assert given == coded
    assert [type(w).__name__ for w in wishes].count("Mark") >= 2


@services
def test_every_piece_is_20_ms(service: str) -> None:
    line = _Line(service)
    wishes = [w for f in line.codec.encode(spoken(ms=100)) for w in line.wire.read(f)]
    lengths = {len(w.data) for w in wishes if isinstance(w, Give)}
    assert lengths == {line.wire.sound.frame_bytes}


@services
def test_a_clearing_is_asked_for_once(service: str) -> None:
    line = _Line(service)
    line.codec.encode(spoken())
    assert line.codec.encode(events.ReplyHeld()) != []
    assert line.codec.encode(events.BargeIn(seq=1)) == []
    line.codec.encode(spoken(turn=2))
    assert line.codec.encode(events.BargeIn(seq=2)) != []


@services
def test_keys(service: str) -> None:
    line = _Line(service)
    pressed = [c for key in "09*#D" for f in line.wire.digit(key) for c in line.codec.decode(f)]
    assert pressed == [Digit(key) for key in "09*#D"]
    for wrong in ("", "12", "x", "\N{ARABIC-INDIC DIGIT ONE}"):
        frame = json.dumps({"event": "dtmf", "dtmf": {"digit": wrong}})
        assert breach_of(line, frame) is Breach.INVALID_FIELD


@services
def test_keys_are_pressed_for_the_other_side(service: str) -> None:
    line = _Line(service)
    frames = line.codec.encode(events.DigitsTold(digits="1w#"))
    wishes = [w for frame in frames for w in line.wire.read(frame)]
    if service == "plivo":
        assert wishes == [Order("digits", "1w#")]
    else:
        sound = b"".join(w.data for w in wishes if isinstance(w, Give))
        assert line.wire.sound.ms_of(len(sound)) == 860


@services
def test_a_call_that_is_over(service: str) -> None:
    line = _Line(service)
    assert line.codec.decode(json.dumps({"event": "stop", "stop": {}})) == (EndSession(),)


@services
def test_what_our_own_end_says(service: str) -> None:
    line = _Line(service)
    (audio,) = line.codec.decode(line_frames.quiet(300))
    assert isinstance(audio, Audio)
    assert audio.pcm16 == bytes(4800)
    assert line.codec.decode(line_frames.told("machine")) == (LineTold("machine"),)
    for odd in ("parley:quiet", "parley:quiet x", "parley:quiet -1", "parley:", "parley:told"):
        assert line.codec.decode(odd) == ()
    (longest,) = line.codec.decode("parley:quiet 99999999999")
    assert isinstance(longest, Audio)
    assert len(longest.pcm16) == 16_000


@services
def test_bad_input_is_a_breach_and_the_line_goes_on(service: str) -> None:
    line = _Line(service)
    bad: Sequence[tuple[str | bytes, Breach]] = [
        (b"\xff" * 160, Breach.UNKNOWN_TYPE),
        ("", Breach.INVALID_JSON),
        ("{", Breach.INVALID_JSON),
        ("[" * 50_000, Breach.INVALID_FIELD),
        ('{"event": "x", "a": ' + "[" * 50_000, Breach.INVALID_JSON),
        ("[]", Breach.INVALID_FIELD),
        ("{}", Breach.INVALID_FIELD),
        ('{"event": 5}', Breach.INVALID_FIELD),
        ('{"event": "sing"}', Breach.UNKNOWN_TYPE),
        ('{"event": "media"}', Breach.INVALID_AUDIO),
        ('{"event": "media", "media": {}}', Breach.INVALID_AUDIO),
        ('{"event": "media", "media": {"payload": "!!!"}}', Breach.INVALID_FIELD),
        ('{"event": "media", "media": {"payload": "AAA"}}', Breach.INVALID_FIELD),
        ('{"event": "media", "media": {"payload": 7}}', Breach.INVALID_FIELD),
        (line.hello[-1], Breach.INVALID_FIELD),
    ]
    for frame, breach in bad:
        assert breach_of(line, frame) is breach, frame[:60]
    long = base64.b64encode(bytes(200_000)).decode()
    frame = json.dumps({"event": "media", "media": {"payload": long}})
    assert breach_of(line, frame) is Breach.OVERSIZED_FRAME
    assert any(isinstance(command, Audio) for command in line.heard(line.piece()))


@services
def test_another_line_is_not_listened_to(service: str) -> None:
    line = _Line(service)
    other = JsonWire(service, Call(stream_id="MZ-other"))
    assert breach_of(line, other.sound_in(line.piece(), 0)) is Breach.INVALID_FIELD


def test_half_a_sample_is_a_breach() -> None:
    line = _Line("exotel")
    payload = base64.b64encode(bytes(321)).decode()
    frame = json.dumps({"event": "media", "media": {"payload": payload, "chunk": "1"}})
    assert breach_of(line, frame) is Breach.ODD_AUDIO


@services
def test_a_count_from_another_universe_is_remarked_and_nothing_is_lost(service: str) -> None:
    line = _Line(service)
    line.heard(line.piece(), line.piece())
    frame = json.loads(line.wire.sound_in(line.piece(), 40))
    frame["media"] |= {"timestamp": "99999999999999", "chunk": "123456789"}
    commands = line.codec.decode(json.dumps(frame))
    assert [type(command) for command in commands] == [Remark, Audio]
    for odd in ("nan", "", "1e400", "-5", "soon"):
        frame["media"]["timestamp"] = odd
        assert any(isinstance(c, Audio) for c in line.codec.decode(json.dumps(frame))), odd


def test_our_own_voice_is_not_heard() -> None:
    line = _Line("telnyx")
    frame = json.loads(line.wire.sound_in(line.piece(), 0))
    frame["media"]["track"] = "outbound"
    assert line.codec.decode(json.dumps(frame)) == ()


def test_big_endian_lines() -> None:
    wire_start: dict[str, Any] = {
        "event": "start",
        "stream_id": "s",
        "start": {"media_format": {"encoding": "L16", "sample_rate": 16000}},
    }
    dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == "telnyx")
    assert dialect.arrival is not None
    start = dialect.arrival().read(json.dumps(wire_start))
    assert start is not None
    chosen = dialect.with_choices(start.choices)
    assert chosen.profile.reply_rate_hz == 16_000
    codec = chosen.new_codec(lambda: 0)
    codec.decode(json.dumps(wire_start))
    payload = base64.b64encode(b"\x01\x02" * 320).decode()
    media = {"payload": payload, "chunk": "1", "timestamp": "0", "track": "inbound"}
    (audio,) = codec.decode(json.dumps({"event": "media", "media": media}))
    assert audio == Audio(b"\x02\x01" * 320)


@pytest.mark.parametrize(
    "media_format",
    [
        {"encoding": "OPUS", "sample_rate": 48000},
        {"encoding": "G722", "sample_rate": 8000},
        {"encoding": "PCMU", "sample_rate": 16000},
        {"encoding": "L16", "sample_rate": 12345},
        {"encoding": "L16", "sample_rate": "fast"},
    ],
)
def test_sound_that_is_not_understood_is_refused_before_the_call(media_format: Any) -> None:
    dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == "telnyx")
    assert dialect.arrival is not None
    start = {"event": "start", "stream_id": "s", "start": {"media_format": media_format}}
    with pytest.raises(Violation, match="not understood"):
        dialect.arrival().read(json.dumps(start))


@pytest.mark.parametrize("headers", ['{"a": "1", "b": 2}', "a=1;b=2", "a=1,b=2", "a = 1; b=2;"])
def test_parameters_in_each_of_their_spellings(headers: str) -> None:
    dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == "plivo")
    assert dialect.arrival is not None
    start = {"event": "start", "start": {"streamId": "s"}, "extra_headers": headers}
    read = dialect.arrival().read(json.dumps(start))
    assert read is not None
    assert read.parameters == {"a": "1", "b": "2"}


def test_a_stream_id_that_would_break_the_json_is_spelled_out() -> None:
    dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == "twilio")
    codec = dialect.with_choices({"stream": 'a"b\\c'}).new_codec(lambda: 0)
    for frame in codec.encode(spoken()):
        assert json.loads(frame)["streamSid"] == 'a"b\\c'


def test_what_a_service_finds_wrong_is_told() -> None:
    line = _Line("telnyx")
    payload = {"code": 100004, "title": "malformed_frame", "detail": "no payload"}
    frame = json.dumps({"event": "error", "stream_id": Call().stream_id, "payload": payload})
    assert line.codec.decode(frame) == (LineTold("error: 100004 malformed_frame no payload"),)
    for odd in ({}, {"payload": None}, {"payload": [1]}):
        (told,) = line.codec.decode(json.dumps({"event": "error", **odd}))
        assert told == LineTold("error: it says nothing more")


@pytest.mark.parametrize("rate", ["16000", 16000, 16000.0, " 16000 "])
def test_a_rate_may_be_a_number_or_text(rate: Any) -> None:
    assert sound_of("L16", rate).rate_hz == 16_000


@pytest.mark.parametrize(
    "rate", [None, True, float("inf"), float("nan"), "1e9", "9" * 5000, [], {}]
)
def test_a_rate_that_is_none_is_a_violation_and_nothing_else(rate: Any) -> None:
    with pytest.raises(Violation, match="allowed: 8000"):
        sound_of("L16", rate)
