"""Older and newer names of a session in one event, and what is no object where one is wanted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parley.protocol.commands import TellClient
from parley.protocol.events import SessionOpened
from parley.protocol.realtime.beta import moved
from parley.protocol.realtime.codec import RealtimeCodec


def older_codec() -> RealtimeCodec:
    codec = RealtimeCodec(lambda: 0, {"beta": "realtime=v1"})
    codec.encode(SessionOpened(session_id="12345678"))
    return codec


def told(codec: RealtimeCodec, event: dict[str, Any]) -> dict[str, Any]:
    """What the client is told of its event."""
    answer = codec.decode(json.dumps(event))[-1]
    assert isinstance(answer, TellClient)
    (frame,) = codec.encode(answer.event)
    message: dict[str, Any] = json.loads(frame)
    return message


@pytest.mark.parametrize("wrong", ["x", 5, [], True])
@pytest.mark.parametrize("place", ["session.audio", "session.audio.input"])
def test_what_is_no_object_is_named_beside_older_names(place: str, wrong: object) -> None:
    audio = wrong if place == "session.audio" else {"input": wrong}
    for session in (
        {"audio": audio, "turn_detection": None},
        {"turn_detection": None, "audio": audio},
    ):
        error = told(older_codec(), {"type": "session.update", "session": session})["error"]
        assert (error["param"], error["code"]) == (place, "invalid_type")


@pytest.mark.parametrize("wrong", ["x", 5, {"output": "x"}])
def test_so_it_is_in_a_response(wrong: object) -> None:
    event = {"type": "response.create", "response": {"audio": wrong, "voice": "marin"}}
    assert told(older_codec(), event)["type"] == "error"


@pytest.mark.parametrize("nothing", [None, {}, {"output": None}])
def test_older_names_and_newer_ones_that_say_nothing(nothing: object) -> None:
    for session in ({"voice": "marin", "audio": nothing}, {"audio": nothing, "voice": "marin"}):
        assert moved(session)["audio"]["output"]["voice"] == "marin"


def test_both_are_kept_in_whatever_order_they_stand_and_newer_ones_win() -> None:
    newer = {"input": {"noise_reduction": None}, "output": {"voice": "cedar"}}
    for session in (
        {"voice": "marin", "speed": 1.5, "audio": newer},
        {"audio": newer, "speed": 1.5, "voice": "marin"},
    ):
        assert moved(session) == {
            "audio": {
                "input": {"noise_reduction": None},
                "output": {"voice": "cedar", "speed": 1.5},
            }
        }
    assert newer["output"] == {"voice": "cedar"}, "what the client sent was changed"
