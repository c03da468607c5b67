"""The instructions that a service asks for when a call comes in: connect it to this server.

Pure: a call and addresses in, an answer out. XML for Twilio, SignalWire, Telnyx and Plivo, JSON for
Vonage, jambonz and Exotel. What the others need is written in a configuration, so they are answered
with lines to paste (`hints.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

import msgspec

from ..http.responses import JSON, Response
from .calls_in import CallIn
from .hints import HINTS

XML = "text/xml; charset=utf-8"
PLIVO_HEADERS_CHARS = 512
VONAGE_HEADERS_BYTES = 512
"""What the services take of parameters, in all."""

_PLAIN = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a service finds this server. `user` and `password` are what it has to show; None where
    it has none."""

    stream: str
    status: str
    user: str = ""
    password: str | None = field(default=None, repr=False)


Answering = Callable[[CallIn, Places], Response]


def answer(call: CallIn, places: Places) -> Response:
    """The instructions for one call."""
    return ANSWERS[call.service](call, places)


# XML


def twiml(call: CallIn, places: Places) -> Response:
    """TwiML: Twilio's, and SignalWire's cXML. The query of the address would be dropped, so the
    parameters stand beside it."""
    root = ET.Element("Response")
    stream = ET.SubElement(
        ET.SubElement(root, "Connect"),
        "Stream",
        url=places.stream,
        statusCallback=places.status,
        statusCallbackMethod="POST",
    )
    for name, value in call.told.items():
        ET.SubElement(stream, "Parameter", name=name, value=value)
    return xml(root)


def texml(call: CallIn, places: Places) -> Response:
    """TeXML. Without `bidirectionalMode` Telnyx would take MP3 and nothing else, and the caller
    would hear nothing."""
    root = ET.Element("Response")
    ET.SubElement(
        ET.SubElement(root, "Connect"),
        "Stream",
        url=places.stream,
        track="inbound_track",
        codec="PCMU",
        bidirectionalMode="rtp",
        bidirectionalCodec="PCMU",
        bidirectionalSamplingRate="8000",
        statusCallback=places.status,
        statusCallbackMethod="POST",
    )
    return xml(root)


def plivo_xml(call: CallIn, places: Places) -> Response:
    """Plivo's XML. Without `keepCallAlive` Plivo would go on behind the stream at once; nothing is
    there, so the call would end."""
    root = ET.Element("Response")
    stream = ET.SubElement(
        root,
        "Stream",
        bidirectional="true",
        keepCallAlive="true",
        contentType="audio/x-mulaw;rate=8000",
        statusCallbackUrl=places.status,
        statusCallbackMethod="POST",
    )
    headers = plivo_headers(call.told)
    if headers:
        stream.set("extraHeaders", headers)
    stream.text = places.stream
    return xml(root)


def plivo_headers(parameters: Mapping[str, str]) -> str:
    """`name=value` with commas between them: letters and digits alone, so a number goes without its
    plus, and what has other characters is left out."""
    pairs: list[str] = []
    for name, value in parameters.items():
        value = value.removeprefix("+")
        pair = f"{name}={value}"
        if _PLAIN.fullmatch(name) and _PLAIN.fullmatch(value):
            if len(",".join((*pairs, pair))) > PLIVO_HEADERS_CHARS:
                break
            pairs.append(pair)
    return ",".join(pairs)


def xml(root: ET.Element) -> Response:
    body = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(200, {"Content-Type": XML, "Cache-Control": "no-store"}, body)


# JSON


def ncco(call: CallIn, places: Places) -> Response:
    """Vonage's call control object. Its headers may have 512 bytes, so later parameters may be
    left out."""
    headers: dict[str, str] = {}
    for name, value in {"call_id": call.call_id, **call.told}.items():
        if value and len(msgspec.json.encode({**headers, name: value})) <= VONAGE_HEADERS_BYTES:
            headers[name] = value
    endpoint = {
        "type": "websocket",
        "uri": places.stream,
        "content-type": "audio/l16;rate=16000",
        "headers": headers,
        "authorization": {"type": "vonage"},
    }
    action = {"action": "connect", "eventUrl": [places.status], "endpoint": [endpoint]}
    return _json([action])


def jambonz_verbs(call: CallIn, places: Places) -> Response:
    """jambonz' verbs. `streaming` is off by default there, and the caller would hear nothing."""
    listen: dict[str, object] = {
        "verb": "listen",
        "url": places.stream,
        "sampleRate": 16_000,
        "mixType": "mono",
        "passDtmf": True,
        "bidirectionalAudio": {"enabled": True, "streaming": True, "sampleRate": 16_000},
        "metadata": call.told,
    }
    if places.password is not None:
        listen["wsAuth"] = {"username": places.user, "password": places.password}
    return _json([listen])


def exotel_url(call: CallIn, places: Places) -> Response:
    """What the Voicebot applet asks for where its address is an https one."""
    return _json({"url": places.stream})


def _json(value: object) -> Response:
    headers = {"Content-Type": JSON, "Cache-Control": "no-store"}
    return Response(200, headers, msgspec.json.encode(value))


ANSWERS: Mapping[str, Answering] = {
    "twilio": twiml,
    "signalwire": twiml,
    "telnyx": texml,
    "plivo": plivo_xml,
    "vonage": ncco,
    "jambonz": jambonz_verbs,
    "exotel": exotel_url,
    **{
        name: lambda call, places, hint=hint: hint(places.stream)  # type: ignore[misc]
        for name, hint in HINTS.items()
    },
}
IN_ADDRESS = frozenset({"telnyx", "exotel"})
"""Services that carry parameters in the address of the stream."""
