"""The instructions that services are given, read as the services read them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.server.http.head import BadRequest
from parley.server.telephone.answers import ANSWERS, Places, answer, plivo_headers
from parley.server.telephone.asked import FORM, Asked
from parley.server.telephone.calls_in import CallIn, call_in
from parley.server.telephone.numbers import BadNumber, destination, is_call_id

PLACES = Places(
    stream="wss://voice.example.org/telephone/x?a=1&b=2",
    status="https://voice.example.org/telephone/x/status",
)
CALL: dict[str, Any] = {"caller": "+4930123", "called": "+4940456", "call_id": "id-1"}


def read(service: str, parameters: dict[str, str] | None = None, **more: object) -> ET.Element:
    call = CallIn(service=service, parameters=parameters or {}, **CALL)
    response = answer(call, PLACES)
    assert response.headers["Content-Type"].startswith("text/xml")
    return ET.fromstring(response.body)


@pytest.mark.parametrize("service", ["twilio", "signalwire"])
def test_twiml_connects_a_stream_with_parameters(service: str) -> None:
    stream = read(service, {"lang": "de"}).find("./Connect/Stream")
    assert stream is not None
    assert stream.attrib == {
        "url": PLACES.stream,
        "statusCallback": PLACES.status,
        "statusCallbackMethod": "POST",
    }
    assert {it.get("name"): it.get("value") for it in stream} == {
        "lang": "de",
        "caller": "+4930123",
        "called": "+4940456",
    }


def test_texml_asks_for_sound_both_ways() -> None:
    stream = read("telnyx").find("./Connect/Stream")
    assert stream is not None
    assert stream.get("bidirectionalMode") == "rtp"
    assert stream.get("bidirectionalCodec") == "PCMU"
    assert stream.get("track") == "inbound_track"
    assert stream.get("url") == PLACES.stream


def test_plivos_xml_keeps_the_call() -> None:
    stream = read("plivo", {"lang": "de", "odd": "a b", "o_d": "1"}).find("./Stream")
    assert stream is not None
    assert stream.text == PLACES.stream
    assert stream.get("bidirectional") == stream.get("keepCallAlive") == "true"
    assert stream.get("contentType") == "audio/x-mulaw;rate=8000"
    assert stream.get("extraHeaders") == "lang=de,caller=4930123,called=4940456"


def test_plivos_headers_are_bounded() -> None:
    assert plivo_headers({}) == ""
    made = plivo_headers({f"name{number}": "x" * 100 for number in range(20)})
    assert 400 < len(made) <= 512


def test_vonages_object_has_headers_of_a_bounded_size() -> None:
    parameters = {"lang": "de", "long": "x" * 600, "more": "ü"}
    (action,) = json.loads(
        answer(CallIn(service="vonage", parameters=parameters, **CALL), PLACES).body
    )
    (endpoint,) = action["endpoint"]
    assert action["action"] == "connect"
    assert action["eventUrl"] == [PLACES.status]
    assert endpoint["uri"] == PLACES.stream
    assert endpoint["content-type"] == "audio/l16;rate=16000"
    assert endpoint["headers"] == {
        "call_id": "id-1",
        "lang": "de",
        "more": "ü",
        "caller": "+4930123",
        "called": "+4940456",
    }


def test_jambonz_is_asked_for_sound_both_ways_and_for_a_password() -> None:
    call = CallIn(service="jambonz", **CALL)
    (verb,) = json.loads(answer(call, PLACES).body)
    assert verb["bidirectionalAudio"] == {"enabled": True, "streaming": True, "sampleRate": 16000}
    assert verb["metadata"] == {"caller": "+4930123", "called": "+4940456"}
    assert "wsAuth" not in verb
    places = Places(stream="wss://h", status="https://h", user="u", password="p")
    (verb,) = json.loads(answer(call, places).body)
    assert verb["wsAuth"] == {"username": "u", "password": "p"}


def test_exotel_is_told_the_address() -> None:
    assert json.loads(answer(CallIn(service="exotel"), PLACES).body) == {"url": PLACES.stream}


@pytest.mark.parametrize("service", ["asterisk", "freeswitch", "genesys"])
def test_what_is_configured_is_given_lines_to_paste(service: str) -> None:
    response = answer(CallIn(service=service), PLACES)
    assert response.headers["Content-Type"].startswith("text/plain")
    assert PLACES.stream in unescape(response.body.decode())
    if service == "freeswitch":
        ET.fromstring(response.body[: response.body.index(b"</extension>")] + b"</extension>")


@given(name=st.text(max_size=64), value=st.text(max_size=400))
def test_whatever_a_parameter_holds_the_answer_can_be_read(name: str, value: str) -> None:
    from urllib.parse import urlencode

    surrogates = any("\ud800" <= character <= "\udfff" for character in name + value)
    if surrogates:
        return
    it = Asked(method="POST", target=f"/telephone/x/answer?{urlencode({'p' + name: value})}")
    for service in ANSWERS:
        try:
            call = call_in(service, "", it)
        except BadRequest:
            continue
        response = answer(call, PLACES)
        if response.headers["Content-Type"].startswith("text/xml"):
            root = ET.fromstring(response.body)
            (url,) = [e.get("url") or e.text for e in root.iter("Stream")]
            assert url == PLACES.stream


# What services tell of a call


def form(target: str, body: str) -> Asked:
    headers = {"content-type": FORM}
    return Asked(method="POST", target=target, headers=headers, body=body.encode())


def as_json(target: str, body: str) -> Asked:
    return Asked(method="POST", target=target, body=body.encode())


@pytest.mark.parametrize(
    ("service", "it"),
    [
        ("twilio", form("/?lang=de", "CallSid=id-1&From=%2B49&To=%2B50&Direction=inbound")),
        ("signalwire", form("/?lang=de", "CallSid=id-1&From=%2B49&To=%2B50")),
        ("telnyx", form("/?lang=de", "CallSid=id-1&From=%2B49&To=%2B50")),
        ("telnyx", Asked(method="GET", target="/?lang=de&CallSid=id-1&From=%2B49&To=%2B50")),
        ("plivo", form("/?lang=de", "CallUUID=id-1&From=%2B49&To=%2B50&Event=StartApp")),
        (
            "exotel",
            Asked(method="GET", target="/?CallSid=id-1&CallFrom=%2B49&CallTo=%2B50&lang=de"),
        ),
        ("vonage", as_json("/?lang=de", '{"uuid":"id-1","from":"+49","to":"+50"}')),
        ("vonage", Asked(method="GET", target="/?lang=de&uuid=id-1&from=%2B49&to=%2B50")),
        ("jambonz", as_json("/?lang=de", '{"call_sid":"id-1","from":"+49","to":"+50","n":[1]}')),
    ],
)
def test_a_call_is_read_from_each_services_request(service: str, it: Asked) -> None:
    call = call_in(service, "sales", it)
    assert (call.call_id, call.caller, call.called) == ("id-1", "+49", "+50")
    assert call.parameters == {"lang": "de"}
    assert call.told == {"lang": "de", "caller": "+49", "called": "+50"}


@pytest.mark.parametrize(
    "it",
    [
        as_json("/", "no json"),
        as_json("/", "[1]"),
        as_json("/", "[" * 100_000),
        Asked(method="GET", target="/?" + "&".join(f"a{n}=1" for n in range(21))),
        Asked(method="GET", target=f"/?{'a' * 65}=1"),
        Asked(method="GET", target=f"/?a={'1' * 401}"),
        Asked(method="GET", target="/?=1"),
    ],
)
def test_a_request_that_cannot_be_is_refused(it: Asked) -> None:
    with pytest.raises(BadRequest):
        call_in("twilio", "", it)


def test_a_parameter_of_twilio_survives_the_addresses_quoting() -> None:
    it = Asked(method="GET", target="/?say=a%26b%3D%22c%22&say=last")
    assert call_in("twilio", "", it).parameters == {"say": "last"}
    parts = urlsplit("https://h/?" + "say=a%26b")
    assert parse_qs(parts.query) == {"say": ["a&b"]}


# Where calls may go


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("+4930123456", "+4930123456"),
        (" +49 30 123-456 ", "+4930123456"),
        ("+1.555.0100", "+15550100"),
        ("sip:help@sip.example.org", "sip:help@sip.example.org"),
        ("sips:1000@203.0.113.1:5061;transport=tls", "sips:1000@203.0.113.1:5061;transport=tls"),
    ],
)
def test_a_number_or_an_address_is_a_destination(text: str, found: str) -> None:
    assert destination(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "110", "030 123456", "+49 (0)30 123", "+0123", "+4930123456789012", "+49x", "++49"),
        *("sip:", "sip:a@b<c", "sip:a b@c", "sip:a@b\nX", "tel:+49", "https://h", "+٤٩٣٠١٢٣"),
        *("</Number><Number>+49", "sip:a@b&quot;", "sip:" + "a" * 500 + "@b"),
    ],
)
def test_nothing_else_is(text: str) -> None:
    with pytest.raises(BadNumber):
        destination(text)


def test_an_id_can_stand_in_a_path_only_if_it_means_nothing_there() -> None:
    assert is_call_id("CA0123")
    assert is_call_id("v3:2EC-70CT_EjlUq3tDM0")
    for text in ("", "..", "a/b", "a?b", "a%2fb", "a b", "-a", "a" * 201, "ä"):
        assert not is_call_id(text)


def test_what_a_caller_shows_is_no_part_of_a_dialplan() -> None:
    """In Asterisk a number that is put into Dial as it came could end its option, or dial."""
    lines = answer(CallIn(service="asterisk", **CALL), PLACES).body.decode().splitlines()
    (dial,) = [line for line in lines if "Dial(" in line]
    assert "CALLERID" not in dial
    assert "EXTEN" not in dial
    assert " same => n,Set(CALLER=${FILTER(+0-9,${CALLERID(num)})})" in lines
    assert " same => n,Set(CALLED=${FILTER(+0-9,${EXTEN})})" in lines
