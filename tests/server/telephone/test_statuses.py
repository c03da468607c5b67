"""What services tell of calls, each in its own words, read into the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from parley.server.http.head import BadRequest
from parley.server.telephone.asked import FORM, Asked
from parley.server.telephone.statuses import ANSWERED_BY, STATUSES, CallStatus, call_status


def form(**fields: str) -> Asked:
    headers = {"content-type": FORM}
    return Asked(method="POST", target="/", headers=headers, body=urlencode(fields).encode())


def as_json(value: Any) -> Asked:
    return Asked(method="POST", target="/", body=json.dumps(value).encode())


def telnyx(event: str, **payload: object) -> Asked:
    data = {"event_type": event, "payload": {"call_control_id": "c", **payload}}
    return as_json({"data": data})


TOLD: list[tuple[str, Asked, str, str]] = [
    ("twilio", form(CallSid="c", CallStatus="initiated"), "dialing", ""),
    ("twilio", form(CallSid="c", CallStatus="ringing"), "ringing", ""),
    ("twilio", form(CallSid="c", CallStatus="in-progress"), "answered", ""),
    ("twilio", form(CallSid="c", CallStatus="completed", AnsweredBy="human"), "ended", "human"),
    ("twilio", form(CallSid="c", CallStatus="no-answer"), "no-answer", ""),
    ("twilio", form(CallSid="c", CallStatus="busy"), "busy", ""),
    ("twilio", form(CallSid="c", CallStatus="canceled"), "canceled", ""),
    ("twilio", form(CallSid="c", AnsweredBy="machine_start"), "", "machine"),
    ("twilio", form(CallSid="c", AnsweredBy="machine_end_beep"), "", "machine-ready"),
    ("twilio", form(CallSid="c", AnsweredBy="machine_end_other"), "", "machine-ready"),
    ("twilio", form(CallSid="c", AnsweredBy="fax"), "", "fax"),
    ("twilio", form(CallSid="c", AnsweredBy="unknown"), "", "unknown"),
    ("twilio", form(CallSid="c", StreamEvent="stream-started", StreamSid="m"),
     "stream-started", ""),
    ("twilio", form(CallSid="c", StreamEvent="stream-error"), "stream-failed", ""),
    ("twilio", form(CallSid="c", CallStatus="something-new"), "", ""),
    ("signalwire", form(CallSid="c", CallStatus="failed"), "failed", ""),
    ("telnyx", form(CallSid="c", CallStatus="completed"), "ended", ""),
    ("telnyx", telnyx("call.initiated"), "dialing", ""),
    ("telnyx", telnyx("call.answered"), "answered", ""),
    ("telnyx", telnyx("call.hangup", hangup_cause="normal_clearing"), "ended", ""),
    ("telnyx", telnyx("call.hangup", hangup_cause="user_busy"), "busy", ""),
    ("telnyx", telnyx("call.hangup", hangup_cause="timeout"), "no-answer", ""),
    ("telnyx", telnyx("call.machine.detection.ended", result="human"), "", "human"),
    ("telnyx", telnyx("call.machine.premium.detection.ended", result="human_business"),
     "", "human"),
    ("telnyx", telnyx("call.machine.premium.detection.ended", result="machine"), "", "machine"),
    ("telnyx", telnyx("call.machine.premium.greeting.ended", result="beep_detected"),
     "", "machine-ready"),
    ("telnyx", telnyx("call.machine.detection.ended", result="not_sure"), "", "unknown"),
    ("telnyx", telnyx("streaming.failed"), "stream-failed", ""),
    ("plivo", form(CallUUID="c", Event="Ring", CallStatus="ringing"), "ringing", ""),
    ("plivo", form(CallUUID="c", Event="Hangup", CallStatus="completed"), "ended", ""),
    ("plivo", form(CallUUID="c", Event="Hangup", CallStatus="busy"), "busy", ""),
    ("plivo", form(RequestUUID="c", Event="Hangup", CallStatus="timeout"), "no-answer", ""),
    ("plivo", form(CallUUID="c", Event="MachineDetection", Machine="true"), "", "machine"),
    ("plivo", form(CallUUID="c", Machine="false"), "", "human"),
    ("plivo", form(CallUUID="c", Event="StartStream", StreamID="s"), "stream-started", ""),
    ("exotel", form(CallSid="c", Status="completed"), "ended", ""),
    ("vonage", as_json({"uuid": "c", "status": "started"}), "dialing", ""),
    ("vonage", as_json({"uuid": "c", "status": "answered"}), "answered", ""),
    ("vonage", as_json({"uuid": "c", "status": "unanswered"}), "no-answer", ""),
    ("vonage", as_json({"uuid": "c", "status": "human"}), "", "human"),
    ("vonage", as_json({"uuid": "c", "status": "machine"}), "", "machine"),
    ("vonage", as_json({"uuid": "c", "status": "machine", "sub_state": "beep_start"}),
     "", "machine-ready"),
    ("jambonz", as_json({"call_sid": "c", "call_status": "in-progress"}), "answered", ""),
    ("jambonz", as_json({"call_sid": "c", "call_status": "no-answer"}), "no-answer", ""),
]  # fmt: skip


@pytest.mark.parametrize(("service", "it", "status", "answered_by"), TOLD)
def test_a_callback_is_read(service: str, it: Asked, status: str, answered_by: str) -> None:
    news = call_status(service, it)
    assert (news.service, news.call_id) == (service, "c")
    assert (news.status, news.answered_by) == (status, answered_by)
    assert news.status in ("", *STATUSES)
    assert news.answered_by in ("", *ANSWERED_BY)
    assert news.detail


ODD: Mapping[str, Asked] = {
    "nothing": Asked(method="POST", target="/"),
    "data that is a list": as_json({"data": [1]}),
    "a payload that is a word": as_json({"data": {"event_type": "call.hangup", "payload": "x"}}),
    "values that are lists": as_json({"uuid": ["c"], "status": {"a": 1}, "call_sid": None}),
}


@pytest.mark.parametrize("service", ["twilio", "telnyx", "plivo", "vonage", "jambonz", "genesys"])
@pytest.mark.parametrize("odd", ODD)
def test_odd_callbacks_tell_nothing_and_break_nothing(service: str, odd: str) -> None:
    news = call_status(service, ODD[odd])
    assert isinstance(news, CallStatus)
    assert news.call_id == ""


@pytest.mark.parametrize("service", ["twilio", "telnyx", "plivo", "vonage"])
def test_a_body_that_cannot_be_read_is_refused(service: str) -> None:
    with pytest.raises(BadRequest):
        call_status(service, Asked(method="POST", target="/", body=b"\xff\xfe"))
