"""The door's routes: instructions, callbacks, calls that are made, and what people are told."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, quote
from xml.etree import ElementTree as ET

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from parley.config import TELEPHONE_SERVICES
from parley.protocol.call_start import CallStart
from parley.server.telephone.answers import Places
from parley.server.telephone.control import CarrierRefused
from parley.server.telephone.outbound import REMEMBERED, CallState
from parley.server.telephone.statuses import CallStatus
from support.llm_server import Behaviour, LLMServer, open_llm_server
from support.telephone import PUBLIC, TWILIO, Answer, DoorServer, basic, door, twilio_form

FORM = {"CallSid": "CA1", "From": "+4930123", "To": "+4940456", "AccountSid": "AC1"}
ANSWER = "/telephone/twilio/answer"
STATUS = "/telephone/twilio/status"


async def answered(server: DoorServer, target: str, **form: str) -> Answer:
    return await server.ask("POST", target, *twilio_form(target, {**FORM, **form}))


def stream_of(answer: Answer) -> ET.Element:
    stream = ET.fromstring(answer.body).find("./Connect/Stream")
    assert stream is not None
    return stream


def parameters(stream: ET.Element) -> dict[str | None, str | None]:
    return {it.get("name"): it.get("value") for it in stream}


# Instructions


async def test_a_number_is_connected_by_nothing_but_its_address() -> None:
    stream = stream_of(await answered(door(**TWILIO), ANSWER))
    assert stream.get("url") == "wss://voice.example.org/telephone/twilio"
    assert stream.get("statusCallback") == f"{PUBLIC}{STATUS}"
    assert parameters(stream) == {"caller": "+4930123", "called": "+4940456"}


async def test_an_agent_and_parameters_stand_in_the_address() -> None:
    server = door("sales", "front-desk", **TWILIO)
    target = f"{ANSWER}/sales?lang=de&name=A%26B"
    stream = stream_of(await answered(server, target))
    assert stream.get("url") == "wss://voice.example.org/telephone/twilio/sales"
    assert parameters(stream)["name"] == "A&B"
    assert parameters(stream)["lang"] == "de"
    desk = stream_of(await answered(server, f"{ANSWER}/front-desk"))
    assert desk.get("url") == "wss://voice.example.org/telephone/twilio/front-desk"


async def test_an_address_with_a_path_is_kept() -> None:
    server = door(**{**TWILIO, "parley_public_url": "http://127.0.0.1:8084/parley/"})
    headers, body = twilio_form(ANSWER, FORM)
    assert (await server.ask("POST", ANSWER, headers, body)).status == 403
    server = door(parley_public_url="http://127.0.0.1:8084/parley/", parley_telephone_open="twilio")
    stream = stream_of(await server.ask("POST", ANSWER, headers, body))
    assert stream.get("url", "").startswith("ws://127.0.0.1:8084/parley/telephone/twilio")


@pytest.mark.parametrize("agent", ["nobody", "..", "%2e%2e", "a%2Fb", "key-x", quote("<x>")])
async def test_an_agent_that_there_is_not_is_refused(agent: str) -> None:
    server = door("sales", **TWILIO)
    answer = await answered(server, f"{ANSWER}/{agent}")
    assert answer.status in (403, 404)


async def test_without_a_public_address_the_setting_is_named() -> None:
    answer = await door().ask("POST", ANSWER, host="127.0.0.1")
    assert answer.status == 503
    assert "PARLEY_PUBLIC_URL" in answer.error


async def test_a_request_that_nobody_signed_is_refused_before_anything_else() -> None:
    server = door("sales", **TWILIO)
    for target in (ANSWER, f"{ANSWER}/nobody", STATUS):
        assert (await server.ask("POST", target, body=b"x")).status == 403
        assert (await server.ask("GET", target)).status == 403
    assert server.told == []


async def test_a_body_is_bounded() -> None:
    server = door(**TWILIO)
    answer = await server.ask("POST", STATUS, {"Content-Type": "text/plain"}, b"x" * 70_000)
    assert answer.status == 413


async def test_a_get_is_signed_over_its_address() -> None:
    from parley.server.telephone.signatures import twilio_signature

    target = f"{ANSWER}?lang=de&CallSid=CA1&From=%2B49"
    server = door(**TWILIO)
    headers = {"X-Twilio-Signature": twilio_signature("s3cret", PUBLIC + target)}
    stream = stream_of(await server.ask("GET", target, headers))
    assert parameters(stream) == {"lang": "de", "caller": "+49"}
    assert (await server.ask("GET", target + "&x=1", headers)).status == 403


OPEN: dict[str, object] = {
    "parley_public_url": PUBLIC,
    "parley_telephone_open": ",".join(TELEPHONE_SERVICES),
}


@pytest.mark.parametrize("service", TELEPHONE_SERVICES)
async def test_every_service_has_an_answer_that_leads_to_a_stream(service: str) -> None:
    """The stream in it is let in, where it needs a ticket by that."""
    server = door("sales", **OPEN)
    answer = await server.ask("POST", f"/telephone/{service}/answer/sales?lang=de")
    assert answer.status == 200
    text = answer.body.decode()
    assert f"wss://voice.example.org/telephone/{service}/sales" in text
    if service not in ("twilio", "asterisk", "freeswitch", "genesys"):
        start = text.index(f"/telephone/{service}/sales/call-")
        path = text[start:].split('"')[0].split("<")[0].split("?")[0]
        assert (await server.upgrade(path)).status == 101
    else:
        assert "/call-" not in text
    if service in ("telnyx", "exotel"):
        assert "?lang=de" in text


async def test_jambonz_is_told_the_password_that_it_has_to_show() -> None:
    server = door(parley_public_url=PUBLIC, parley_telephone_password="pw")
    body = json.dumps({"call_sid": "c", "from": "+49", "to": "+50"}).encode()
    (verb,) = (await server.ask("POST", "/telephone/jambonz/answer", basic(), body)).json
    assert verb["wsAuth"] == {"username": "parley", "password": "pw"}
    assert verb["url"] == "wss://voice.example.org/telephone/jambonz"
    assert (await server.ask("POST", "/telephone/jambonz/answer", {}, body)).status == 403


async def test_no_log_has_what_lets_somebody_in() -> None:
    token = "t0ken-of-one-s-own"
    server = door(**TWILIO, parley_telephone_stream_token=token, parley_telephone_password="pw1234")
    with capture_logs() as logs:
        for target in (f"{ANSWER}/key-{token}", f"/telephone/jambonz/answer/key-{token}"):
            assert (await server.ask("POST", target)).status == 200
        assert (await server.upgrade(f"/telephone/twilio/key-{token}")).status == 101
        assert (await server.upgrade(f"/telephone/twilio/x/y/key-{token}")).status == 404
    assert logs
    assert token not in repr(logs)
    assert "pw1234" not in repr(logs)
    assert "pw1234" not in repr(Places(stream="", status="", password="pw1234"))


async def test_plivo_is_told_whom_to_dial() -> None:
    server = door(**OPEN)
    answer = await server.ask("POST", "/telephone/plivo/transfer?to=%2B4930123")
    assert ET.fromstring(answer.body).findtext("./Dial/Number") == "4930123"
    sip = await server.ask("POST", "/telephone/plivo/transfer?to=sip%3Aa%26b%40sip.example.org")
    assert ET.fromstring(sip.body).findtext("./Dial/User") == "sip:a&b@sip.example.org"
    for wrong in ("", "?to=", "?to=%3CNumber%3E"):
        assert (await server.ask("POST", f"/telephone/plivo/transfer{wrong}")).status == 400


# Telnyx' Call Control


class Telnyx:
    """Telnyx' key, and webhooks that it signs."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.public = base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def webhook(self, now_s: int, value: object) -> tuple[Mapping[str, str], bytes]:
        body = json.dumps(value).encode()
        signature = self._key.sign(f"{now_s}|".encode() + body)
        return {
            "Content-Type": "application/json",
            "telnyx-timestamp": str(now_s),
            "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
        }, body


def json_reply(status: int, value: object) -> Behaviour:
    body = json.dumps(value).encode()
    return (f"HTTP/1.1 {status} Told\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body,)


@asynccontextmanager
async def api(**settings: object) -> AsyncIterator[tuple[LLMServer, DoorServer]]:
    async with open_llm_server() as service:
        base = service.base_url.removesuffix("/v1")
        urls = {f"parley_{name}_base_url": base for name in ("twilio", "telnyx")}
        server = door("sales", **{**TWILIO, **urls, **settings})
        service.default = json_reply(201, {"sid": "CA9", "data": {"call_control_id": "v3:9"}})
        try:
            yield service, server
        finally:
            await server.door.aclose()


def event(name: str, **payload: object) -> object:
    return {"data": {"event_type": name, "payload": {"call_control_id": "v3:1", **payload}}}


async def test_a_call_of_call_control_is_answered_and_connected() -> None:
    telnyx = Telnyx()
    keys = {"parley_telnyx_api_key": "k", "parley_telnyx_public_key": telnyx.public}
    async with api(**keys) as (service, server):
        now_s = server.door.gate.now_s()
        target = "/telephone/telnyx/answer/sales?lang=de"
        incoming = event("call.initiated", direction="incoming", state="parked")
        answer = await server.ask("POST", target, *telnyx.webhook(now_s, incoming))
        assert answer.status == 204
        (request,) = service.requests
        assert request.path == "/v2/calls/v3:1/actions/answer"
        assert request.body["stream_bidirectional_mode"] == "rtp"
        url = request.body["stream_url"]
        assert url.startswith("wss://voice.example.org/telephone/telnyx/sales/call-")
        assert url.endswith("?lang=de")
        assert (await server.upgrade(url.removeprefix("wss://voice.example.org"))).status == 101
        for other in (event("call.answered"), event("call.initiated", direction="outgoing")):
            done = await server.ask("POST", target, *telnyx.webhook(now_s, other))
            assert done.status == 204
        assert len(service.requests) == 1
        assert [news.status for news in server.told] == ["dialing", "answered", "dialing"]
        elsewhere = event("call.initiated", direction="incoming", call_control_id="..")
        answer = await server.ask("POST", target, *telnyx.webhook(now_s, elsewhere))
        assert (answer.status, len(service.requests)) == (502, 1)
        service.default = json_reply(500, {})
        refused = await server.ask("POST", target, *telnyx.webhook(now_s, incoming))
        assert refused.status == 502


async def test_call_control_without_a_key_says_which() -> None:
    telnyx = Telnyx()
    async with api(parley_telnyx_public_key=telnyx.public) as (_, server):
        incoming = event("call.initiated", direction="incoming")
        now_s = server.door.gate.now_s()
        answer = await server.ask(
            "POST", "/telephone/telnyx/answer", *telnyx.webhook(now_s, incoming)
        )
        assert answer.status == 503
        assert "PARLEY_TELNYX_API_KEY" in answer.error


# Callbacks


async def test_what_a_service_tells_is_counted_logged_and_passed_on() -> None:
    server = door(**TWILIO)
    with capture_logs() as logs:
        assert (await answered(server, STATUS, CallStatus="ringing")).status == 204
    assert server.told == [
        CallStatus(service="twilio", call_id="CA1", status="ringing", detail="ringing")
    ]
    assert any(entry["event"] == "call_status" for entry in logs)
    assert "+4930123" not in str(logs)
    assert b"parley_call_statuses_total 1.0" in server.telemetry.exposition()


async def test_an_observer_that_raises_costs_nothing() -> None:
    server = door(**TWILIO)

    def broken(news: CallStatus) -> None:
        raise RuntimeError("a bug")

    server.door._on_status = broken
    assert (await answered(server, STATUS, CallStatus="ringing")).status == 204


async def test_what_one_process_is_told_reaches_the_call_of_another() -> None:
    """Of several workers any may get the callback."""
    asked, holder = door(**TWILIO), door(**TWILIO)

    async def tell_the_other(news: CallStatus) -> None:
        holder.door.told_elsewhere(news)

    asked.door.on_news = tell_the_other
    assert (await answered(asked, STATUS, CallStatus="ringing")).status == 204
    assert holder.told == asked.told
    assert b"parley_call_statuses_total 0.0" in holder.telemetry.exposition()


async def test_a_form_of_too_many_fields_is_refused() -> None:
    server = door(**OPEN)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = "&".join(f"a{number}=1" for number in range(300)).encode()
    for target in (STATUS, ANSWER):
        assert (await server.ask("POST", target, headers, body)).status == 400
        assert (await server.ask("POST", target, headers, b"\xff=1")).status == 400


# Calls that are made

TOKEN = {"Authorization": "Bearer call-t0ken"}
CALLING: dict[str, object] = {
    "parley_telephone_token": "call-t0ken",
    "parley_telephone_number": "+4940456",
}


async def make(server: DoorServer, value: object, headers: Mapping[str, str] = TOKEN) -> Answer:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return await server.ask("POST", "/telephone/calls", headers, body)


async def test_a_call_is_made_and_followed() -> None:
    async with api(**CALLING) as (service, server):
        made = await make(server, {"to": "+49 30 123", "agent": "sales", "parameters": {"n": "x"}})
        assert made.status == 202
        assert made.json == {"ok": True, "call_id": "CA9", "service": "twilio"}
        assert b"To=%2B4930123&From=%2B4940456" in service.requests[0].raw
        state = "/telephone/calls/CA9"
        assert (await server.ask("GET", state, TOKEN)).json["status"] == "dialing"
        for form in (
            {"CallStatus": "ringing"},
            {"CallStatus": "in-progress"},
            {"AnsweredBy": "machine_end_beep"},
            {"StreamEvent": "stream-started"},
        ):
            await answered(server, STATUS, CallSid="CA9", **form)
        assert (await server.ask("GET", state, TOKEN)).json == {
            "ok": True,
            "call_id": "CA9",
            "service": "twilio",
            "status": "answered",
            "answered_by": "machine-ready",
            "over": False,
        }
        await answered(server, STATUS, CallSid="CA9", CallStatus="completed")
        await answered(server, STATUS, CallSid="CA9", CallStatus="ringing")
        ended = (await server.ask("GET", state, TOKEN)).json
        assert (ended["status"], ended["over"]) == ("ended", True)


async def test_as_many_parameters_as_may_be_given_arrive() -> None:
    async with api(**CALLING) as (service, server):
        given = {f"a{number}": "x" for number in range(19)}
        made = await make(server, {"to": "+4930123", "parameters": given})
        assert made.status == 202
        url = parse_qs(service.requests[0].raw.decode())["Url"][0]
        stream = stream_of(await answered(server, url.removeprefix(PUBLIC)))
        assert parameters(stream) == {
            **given,
            "direction": "outbound",
            "caller": FORM["From"],
            "called": FORM["To"],
        }


async def test_plivo_may_call_a_call_otherwise_than_when_it_was_asked_for_it() -> None:
    server = door(parley_public_url=PUBLIC, parley_telephone_open="plivo", **CALLING)
    server.door._outbound._remember(CallState(call_id="asked-for", service="plivo"))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"CallUUID=other&RequestUUID=asked-for&Event=Ring&CallStatus=ringing"
    await server.ask("POST", "/telephone/plivo/status", form, body)
    state = await server.ask("GET", "/telephone/calls/asked-for", TOKEN)
    assert state.json["status"] == "ringing"


@pytest.mark.parametrize(
    ("value", "status", "words"),
    [
        (b"no json", 400, "JSON"),
        ([], 400, "object"),
        ({}, 400, "to"),
        ({"to": "110"}, 400, "no number"),
        ({"to": "+4930123", "from": "me"}, 400, "no number"),
        ({"to": "+4930123", "agent": "nobody"}, 404, "no agent"),
        ({"to": "+4930123", "agent": "../x"}, 404, "no agent"),
        ({"to": "+4930123", "service": "pigeon"}, 400, "pigeon"),
        ({"to": "+4930123", "service": "plivo"}, 503, "PARLEY_PLIVO_AUTH_ID"),
        ({"to": "+4930123", "parameters": {"From": "x"}}, 400, "parameter"),
        ({"to": "+4930123", "parameters": {"a": "x" * 401}}, 400, "parameter"),
        ({"to": "+4930123", "parameters": {f"a{n}": "x" for n in range(20)}}, 400, "19"),
        ({"to": "+4930123", "parameters": {"a": 1}}, 400, "str"),
        (b"x" * 40_000, 413, "bytes"),
    ],
)
async def test_what_cannot_be_called_is_refused_in_words(
    value: Any, status: int, words: str
) -> None:
    async with api(**CALLING) as (service, server):
        answer = await make(server, value)
        assert answer.status == status
        assert words in answer.error
        assert service.requests == []


async def test_calls_are_made_for_who_has_the_token_alone() -> None:
    async with api(**CALLING) as (service, server):
        good = {"to": "+4930123"}
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "call-t0ken"},
            basic("x", "call-t0ken"),
        ):
            assert (await make(server, good, headers)).status == 401
            assert (await server.ask("GET", "/telephone/calls/CA9", headers)).status == 401
        assert service.requests == []


async def test_without_a_token_nobody_may_call() -> None:
    answer = await make(door(**TWILIO), {"to": "+4930123"}, {"Authorization": "Bearer "})
    assert answer.status == 403
    assert "PARLEY_TELEPHONE_TOKEN" in answer.error


async def test_what_is_missing_for_a_call_is_named() -> None:
    token = {"parley_telephone_token": "call-t0ken"}
    to = {"to": "+4930123", "from": "+4940456"}
    assert "PARLEY_TELEPHONE_NUMBER" in (await make(door(**TWILIO, **token), {"to": "+491"})).error
    assert "PARLEY_TWILIO_" in (await make(door(parley_public_url=PUBLIC, **token), to)).error
    bare = {name: value for name, value in TWILIO.items() if name != "parley_public_url"}
    assert "PARLEY_PUBLIC_URL" in (await make(door(**bare, **token), to)).error


async def test_what_the_service_will_not_do_is_told() -> None:
    async with api(**CALLING) as (service, server):
        service.script(json_reply(400, {"code": 21211, "message": "invalid 'To' number"}))
        answer = await make(server, {"to": "+4930123"})
        assert answer.status == 502
        assert "invalid 'To' number" in answer.error
        assert (await server.ask("GET", "/telephone/calls/CA9", TOKEN)).status == 404


async def test_the_newest_calls_are_remembered() -> None:
    async with api(**CALLING) as (_, server):
        for number in range(REMEMBERED + 1):
            server.door._outbound._remember(CallState(call_id=f"c{number}", service="twilio"))
        assert (await server.ask("GET", "/telephone/calls/c0", TOKEN)).status == 404
        assert (await server.ask("GET", "/telephone/calls/c1", TOKEN)).status == 200


# For people


async def test_it_is_told_what_to_paste_where_and_no_secret() -> None:
    server = door("sales", **TWILIO, **CALLING)
    answer = await server.ask("GET", "/telephone")
    services = answer.json["services"]
    assert list(services) == list(TELEPHONE_SERVICES)
    assert services["twilio"] == {
        "known_by": "PARLEY_TWILIO_AUTH_TOKEN",
        "set_up": True,
        "makes_calls": True,
        "stream": "wss://voice.example.org/telephone/twilio",
        "answer": f"{PUBLIC}{ANSWER}",
        "status": f"{PUBLIC}{STATUS}",
    }
    assert services["vonage"]["set_up"] is False
    assert b"s3cret" not in answer.body
    assert b"t0ken" not in answer.body
    assert b"AC1" not in answer.body


async def test_a_service_that_has_no_secret_may_be_known_by_the_token() -> None:
    server = door(**TWILIO, parley_telephone_stream_token="t0ken-of-one-s-own")
    services = (await server.ask("GET", "/telephone")).json["services"]
    assert services["twilio"]["known_by"] == "PARLEY_TWILIO_AUTH_TOKEN"
    assert services["plivo"]["known_by"] == "PARLEY_TELEPHONE_STREAM_TOKEN"
    assert services["plivo"]["set_up"] is True


async def test_it_is_told_that_the_address_is_missing() -> None:
    answer = (await door().ask("GET", "/telephone")).json
    assert "PARLEY_PUBLIC_URL" in answer["missing"]
    assert "stream" not in answer["services"]["twilio"]


async def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from parley.server.telephone import overview

    telnyx = Telnyx()
    monkeypatch.setattr(overview, "find_spec", lambda name: None)
    for name in ("cryptography.exceptions", "cryptography.hazmat.primitives.asymmetric.rsa"):
        monkeypatch.setitem(sys.modules, name, None)
    keys = {
        "parley_telnyx_public_key": telnyx.public,
        "parley_vonage_application_id": "a",
        "parley_vonage_private_key_file": "/nowhere",
    }
    with capture_logs() as logs:
        server = door(parley_public_url=PUBLIC, **keys)
    assert {entry["service"] for entry in logs} == {"telnyx", "vonage"}
    webhook = telnyx.webhook(server.door.gate.now_s(), event("call.answered"))
    refused = await server.ask("POST", "/telephone/telnyx/status", *webhook)
    assert refused.status == 403
    assert ".[telephone]" in refused.error
    vonage = server.door.control("vonage")
    assert vonage is not None
    with pytest.raises(CarrierRefused, match="cryptography"):
        await vonage.hang_up(CallStart(service="vonage", call_id="id-1"))
    services = (await server.ask("GET", "/telephone")).json["services"]
    assert ".[telephone]" in services["telnyx"]["missing"]
    assert "missing" not in services["twilio"]
