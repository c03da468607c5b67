"""What services tell of a call by their callbacks, in words that are the same for all.

Pure. `status` is one of STATUSES, or empty where only something else is told; `answered_by` is one
of ANSWERED_BY, or empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from .asked import Asked
from .calls_in import NAMES, OTHER, fields_of, json_of

STATUSES = (
    *("dialing", "ringing", "answered", "ended", "busy", "no-answer", "failed", "canceled"),
    *("stream-started", "stream-stopped", "stream-failed"),
)
OVER = frozenset({"ended", "busy", "no-answer", "failed", "canceled"})
ANSWERED_BY = ("human", "machine", "machine-ready", "fax", "unknown")
"""`machine-ready`: the greeting of a voicemail is over, and what is said now is recorded."""


class CallStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of news. `detail` is the service's own word, `request_id` what it called a call
    when it was asked to make it, where it has another id for that."""

    service: str
    call_id: str
    request_id: str = ""
    status: str = ""
    answered_by: str = ""
    detail: str = ""


_WORDS: Mapping[str, str] = {
    # Twilio and who imitates it, jambonz, Exotel
    "queued": "dialing",
    "initiated": "dialing",
    "trying": "dialing",
    "ringing": "ringing",
    "early-media": "ringing",
    "in-progress": "answered",
    "answered": "answered",
    "completed": "ended",
    "busy": "busy",
    "no-answer": "no-answer",
    "failed": "failed",
    "canceled": "canceled",
    "cancelled": "canceled",
    "stream-started": "stream-started",
    "stream-stopped": "stream-stopped",
    "stream-error": "stream-failed",
    # Vonage
    "started": "dialing",
    "timeout": "no-answer",
    "unanswered": "no-answer",
    "rejected": "busy",
    "disconnected": "stream-stopped",
    # Plivo
    "ring": "ringing",
    "startapp": "answered",
    "hangup": "ended",
    "cancel": "canceled",
    "startstream": "stream-started",
    "stopstream": "stream-stopped",
    "failedstream": "stream-failed",
    "droppedstream": "stream-failed",
    # Telnyx
    "call.initiated": "dialing",
    "call.answered": "answered",
    "call.hangup": "ended",
    "streaming.started": "stream-started",
    "streaming.stopped": "stream-stopped",
    "streaming.failed": "stream-failed",
}

_ANSWERED: Mapping[str, str] = {
    "human": "human",
    "human_residence": "human",
    "human_business": "human",
    "machine": "machine",
    "machine_start": "machine",
    "machine_end_beep": "machine-ready",
    "machine_end_silence": "machine-ready",
    "machine_end_other": "machine-ready",
    "fax": "fax",
    "fax_detected": "fax",
    "unknown": "unknown",
    "not_sure": "unknown",
    "silence": "unknown",
}

_TELNYX_CAUSES: Mapping[str, str] = {
    "user_busy": "busy",
    "call_rejected": "busy",
    "timeout": "no-answer",
    "no_answer": "no-answer",
    "originator_cancel": "canceled",
}
"""Causes of a hang-up that say more than that the call is over."""


def call_status(service: str, asked: Asked) -> CallStatus:
    """What a callback tells. What is not known is told by `detail` alone. Raises BadRequest (400)
    for a body that cannot be read."""
    return _READERS.get(service, _plain)(service, asked)


def _plain(service: str, asked: Asked) -> CallStatus:
    """Fields with Twilio's names, or jambonz', in a form, in JSON, or in the address."""
    fields = _fields(asked)
    names = NAMES.get(service, OTHER)
    detail = _first(fields, "StreamEvent", "CallStatus", "call_status", "Status", "AnsweredBy")
    answered_by = fields.get("AnsweredBy", "")
    return CallStatus(
        service=service,
        call_id=_first(fields, *names.call_id),
        status=_WORDS.get(detail.lower(), ""),
        answered_by=_answered_by(answered_by),
        detail=detail,
    )


def _plivo(service: str, asked: Asked) -> CallStatus:
    fields = _fields(asked)
    detail = _first(fields, "Event", "CallStatus", "Machine")
    cause = fields.get("CallStatus", "").lower()
    status = _WORDS.get(detail.lower(), "")
    if status == "ended" and cause in ("busy", "failed", "timeout", "no-answer", "cancel"):
        status = _WORDS[cause]
    answered_by = ""
    if "Machine" in fields:
        answered_by = "machine" if fields["Machine"].lower() == "true" else "human"
    return CallStatus(
        service=service,
        call_id=_first(fields, "CallUUID", "RequestUUID"),
        request_id=fields.get("RequestUUID", ""),
        status=status,
        answered_by=answered_by,
        detail=detail,
    )


def _vonage(service: str, asked: Asked) -> CallStatus:
    fields = _fields(asked)
    detail = fields.get("status", "").lower()
    answered_by = _answered_by(detail)
    if answered_by == "machine" and fields.get("sub_state") == "beep_start":
        answered_by = "machine-ready"
    return CallStatus(
        service=service,
        call_id=_first(fields, "uuid", "call_uuid"),
        status=_WORDS.get(detail, ""),
        answered_by=answered_by,
        detail=detail,
    )


def _telnyx(service: str, asked: Asked) -> CallStatus:
    """An event of Call Control; TeXML's callbacks have Twilio's names."""
    data = json_of(asked).get("data")
    if not isinstance(data, dict):
        return _plain(service, asked)
    event, payload = str(data.get("event_type", "")), data.get("payload")
    payload = payload if isinstance(payload, dict) else {}
    status, answered_by = _WORDS.get(event, ""), ""
    if event == "call.hangup":
        status = _TELNYX_CAUSES.get(str(payload.get("hangup_cause", "")), status)
    if event in ("call.machine.detection.ended", "call.machine.premium.detection.ended"):
        answered_by = _answered_by(str(payload.get("result", "")))
    if event in ("call.machine.greeting.ended", "call.machine.premium.greeting.ended"):
        answered_by = "machine-ready"
    return CallStatus(
        service=service,
        call_id=str(payload.get("call_control_id", "")),
        status=status,
        answered_by=answered_by,
        detail=event,
    )


def _answered_by(word: str) -> str:
    return _ANSWERED.get(word.lower(), "")


def _fields(asked: Asked) -> dict[str, str]:
    return {**dict(asked.query), **fields_of(asked)}


def _first(fields: Mapping[str, str], *names: str) -> str:
    return next((fields[name] for name in names if fields.get(name)), "")


_READERS: Mapping[str, Callable[[str, Asked], CallStatus]] = {
    "plivo": _plivo,
    "vonage": _vonage,
    "telnyx": _telnyx,
}
