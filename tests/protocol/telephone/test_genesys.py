"""Genesys AudioHook: its envelope, its numbers, its answers, and how a call is handed over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parley.protocol import events
from parley.protocol.codes import Breach, Violation
from parley.protocol.commands import Audio, EndSession, Ping, Remark
from parley.protocol.telephone.genesys import GenesysArrival
from support.binary_lines import Line, complaints, given, orders

ID = "e160e428-53e2-487c-977d-96989bf5c99d"


def told(kind: str, seq: int, **parameters: Any) -> str:
    envelope = {"version": "2", "id": ID, "seq": seq, "serverseq": 1, "position": "PT1.0S"}
    return json.dumps({**envelope, "type": kind, "parameters": parameters})


def sent(line: Line, event: events.Outbound) -> list[dict[str, Any]]:
    frames = line.codec.encode(event)
    return [json.loads(frame) for frame in frames if isinstance(frame, str)]


def test_each_side_counts_its_own_messages_and_tells_the_others() -> None:
    line = Line("genesys")
    assert line.codec.decode(told("ping", 2, rtt="PT0.1S")) == [Ping()]
    (pong,) = sent(line, events.Pong())
    assert (pong["type"], pong["seq"], pong["clientseq"], pong["id"]) == ("pong", 2, 2, ID)
    assert line.codec.decode(told("update", 3, language="de")) == [Ping()]
    (updated,) = sent(line, events.Pong())
    assert (updated["type"], updated["seq"], updated["clientseq"]) == ("updated", 3, 3)
    assert sent(line, events.Pong()) == []


def test_a_number_that_is_not_the_next_one_is_counted() -> None:
    line = Line("genesys")
    remark = Remark(breach=Breach.SEQUENCE_JUMP)
    assert line.codec.decode(told("playback_started", 7)) == [remark]
    assert line.codec.decode(told("playback_completed", 8)) == []


def test_barge_in_stops_the_playback() -> None:
    line = Line("genesys")
    wishes = line.tells(line.audio(200), line.audio(100))
    assert len(given(wishes)) == 2400
    assert orders(line.tells(events.ReplyHeld())) == []
    barged = line.tells(events.BargeIn(seq=1))
    assert (orders(barged), complaints(barged)) == (["clear"], [])


def test_what_genesys_lost_is_silence() -> None:
    line = Line("genesys")
    lost = line.codec.decode(told("discarded", 2, start="PT1S", discarded="PT0.5S"))
    assert lost == [Audio(bytes(8000))]
    assert line.codec.decode(told("discarded", 3, discarded="P1D")) == []
    (most,) = line.codec.decode(told("resumed", 4, discarded="PT90000S"))
    assert most == Audio(bytes(160_000))


def test_a_close_is_answered() -> None:
    line = Line("genesys")
    assert line.codec.decode(told("close", 2, reason="end")) == [EndSession()]
    (closed,) = sent(line, events.Closing(code=1000, reason="bye"))
    assert (closed["type"], closed["clientseq"]) == ("closed", 2)


@pytest.mark.parametrize(
    ("to", "variables"),
    [("", {"action": "finished"}), ("+1555", {"action": "transfer", "to": "+1555"})],
)
def test_a_call_that_ends_here_goes_back_to_the_flow(to: str, variables: dict[str, str]) -> None:
    line = Line("genesys")
    if to:
        assert line.codec.encode(events.TransferTold(to=to)) == []
    (over,) = sent(line, events.Closing(code=1000, reason="bye"))
    assert over["type"] == "disconnect"
    assert over["parameters"]["reason"] == "completed"
    assert over["parameters"]["outputVariables"] == variables


def opened(media: Any) -> str:
    return json.dumps({"type": "open", "id": ID, "seq": 1, "parameters": {"media": media}})


BOTH = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}


def test_the_sound_of_the_caller_alone_is_chosen() -> None:
    alone = {**BOTH, "format": "L16", "channels": ["external"]}
    start = GenesysArrival().read(opened([BOTH, alone]))
    assert start is not None
    assert start.choices == {"coding": "l16", "rate": "8000", "stream": ID}


@pytest.mark.parametrize("media", [[BOTH], [], None, "PCMU", [{}], [[]]])
def test_without_it_the_call_is_refused(media: Any) -> None:
    with pytest.raises(Violation, match="external channel alone"):
        GenesysArrival().read(opened(media))
