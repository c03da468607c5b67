"""The services' APIs, by a server on loopback that misbehaves: what is asked, what is believed."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import pytest
import trio

from parley.protocol.call_start import CallStart
from parley.server.telephone import carrier_http
from parley.server.telephone.control import (
    CallControl,
    CallOut,
    CarrierRefused,
)
from support.llm_server import Behaviour, LLMServer, Wire, open_llm_server, stall_before_headers
from support.telephone import PUBLIC, DoorServer, door

KEYS: dict[str, object] = {
    "parley_public_url": PUBLIC,
    "parley_twilio_account_sid": "AC1",
    "parley_twilio_auth_token": "tw-s3cret",
    "parley_signalwire_project_id": "P1",
    "parley_signalwire_api_token": "sw-s3cret",
    "parley_signalwire_signing_key": "sw-sign",
    "parley_telnyx_api_key": "tx-s3cret",
    "parley_telnyx_connection_id": "conn-1",
    "parley_telnyx_stream_token": "tx-stream",
    "parley_plivo_auth_id": "MA1",
    "parley_plivo_auth_token": "pl-s3cret",
    "parley_vonage_application_id": "app-1",
    "parley_vonage_signature_secret": "vo-s3cret",
}
REST = ("twilio", "signalwire", "telnyx", "plivo", "vonage")
SECRETS = ("tw-s3cret", "sw-s3cret", "tx-s3cret", "pl-s3cret", "vo-s3cret")


def some_call(service: str, call_id: str = "id-1") -> CallStart:
    return CallStart(service=service, call_id=call_id, stream_id="s")


def reply(status: int, body: object = None, raw: bytes | None = None) -> Behaviour:
    data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\n"
    return (f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data,)


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = generate_private_key(65537, 2048)
    path = tmp_path_factory.mktemp("vonage") / "private.key"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem)
    return path


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_http, "AGAIN_AFTER_S", 0.01)
    monkeypatch.setattr(carrier_http, "ATTEMPT_S", 2.0)


@asynccontextmanager
async def carrier(key_file: Path, **more: object) -> AsyncIterator[tuple[LLMServer, DoorServer]]:
    async with open_llm_server() as api:
        base = api.base_url.removesuffix("/v1")
        urls = {f"parley_{name}_base_url": base for name in REST}
        files = {"parley_vonage_private_key_file": str(key_file)}
        server = door("sales", **{**KEYS, **urls, **files, **more})
        api.default = reply(200, {})
        try:
            yield api, server
        finally:
            await server.door.aclose()


def control(server: DoorServer, service: str) -> CallControl:
    found = server.door.control(service)
    assert found is not None
    return found


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


# What is asked

HANG_UP: dict[str, tuple[str, str, object]] = {
    "twilio": ("POST", "/2010-04-01/Accounts/AC1/Calls/id-1.json", {"Status": "completed"}),
    "signalwire": (
        "POST",
        "/api/laml/2010-04-01/Accounts/P1/Calls/id-1.json",
        {"Status": "completed"},
    ),
    "telnyx": ("POST", "/v2/calls/id-1/actions/hangup", None),
    "plivo": ("DELETE", "/v1/Account/MA1/Call/id-1/", None),
    "vonage": ("PUT", "/v1/calls/id-1", {"action": "hangup"}),
}


def told(request: Any) -> object:
    return request.body if request.body is not None else dict(parse_qsl(request.raw.decode()))


@pytest.mark.parametrize("service", REST)
async def test_a_call_is_ended_as_the_service_wants_it(service: str, key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        call = some_call(service)
        await control(server, service).hang_up(call)
    (request,) = api.requests
    method, path, body = HANG_UP[service]
    assert (request.method, request.path) == (method, path)
    if body is not None:
        assert told(request) == body
    authorization = request.headers["authorization"]
    match service:
        case "twilio":
            assert authorization == basic("AC1", "tw-s3cret")
        case "signalwire":
            assert authorization == basic("P1", "sw-s3cret")
        case "plivo":
            assert authorization == basic("MA1", "pl-s3cret")
        case "telnyx":
            assert authorization == "Bearer tx-s3cret"
            assert len(request.body["command_id"]) == 32
        case "vonage":
            assert authorization.startswith("Bearer ey")


OVER: dict[str, Behaviour] = {
    "twilio": reply(404, {"code": 20404, "message": "not found"}),
    "signalwire": reply(404, {"code": 20404}),
    "telnyx": reply(422, {"errors": [{"code": "90018", "title": "Call has already ended"}]}),
    "plivo": reply(404, {"error": "call not found"}),
    "vonage": reply(404, {"title": "Not Found"}),
}


@pytest.mark.parametrize("service", REST)
async def test_a_call_that_is_over_already_was_ended(service: str, key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        api.script(OVER[service])
        await control(server, service).hang_up(some_call(service))
        assert len(api.requests) == 1
        api.script(OVER[service])
        with pytest.raises(CarrierRefused, match="over"):
            await control(server, service).transfer(some_call(service), "+4930123")


async def test_a_call_of_twilio_that_is_not_in_progress_was_ended(key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        api.script(reply(400, {"code": 21220, "message": "Call is not in-progress"}))
        await control(server, "twilio").hang_up(some_call("twilio"))


@pytest.mark.parametrize("service", REST)
@pytest.mark.parametrize("first", ["500", "reset", "closed", "hangs"])
async def test_ending_a_call_is_tried_once_more(
    service: str, first: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier_http, "ATTEMPT_S", 0.3)
    behaviours: dict[str, Behaviour] = {
        "500": reply(503, {"message": "busy"}),
        "reset": (Wire.RST,),
        "closed": (Wire.FIN,),
        "hangs": stall_before_headers(),
    }
    async with carrier(key_file) as (api, server):
        api.script(behaviours[first])
        await control(server, service).hang_up(some_call(service))
        assert len(api.requests) == 2
        if service == "telnyx":
            first_id, second_id = (request.body["command_id"] for request in api.requests)
            assert first_id == second_id


@pytest.mark.parametrize("service", REST)
async def test_what_a_service_will_not_do_is_said_without_secrets(
    service: str, key_file: Path
) -> None:
    told_all = " and ".join(SECRETS)
    bad: list[tuple[Behaviour, str]] = [
        (reply(401, {"message": told_all}), "check PARLEY_"),
        (reply(403), "check PARLEY_"),
        (reply(429), "too often"),
        (reply(400, {"message": f"bad {told_all}"}), "400: bad"),
        (reply(400, {"errors": [{"detail": "no such thing"}]}), "no such thing"),
        (reply(400, raw=b"<html>"), "400"),
        (reply(400, {"errors": "odd", "message": 3}), "400"),
    ]
    async with carrier(key_file) as (api, server):
        for behaviour, words in bad:
            api.script(behaviour)
            with pytest.raises(CarrierRefused, match=words) as caught:
                await control(server, service).hang_up(some_call(service))
            own = {"twilio": "tw", "signalwire": "sw", "telnyx": "tx", "plivo": "pl"}
            assert f"{own.get(service, 'none')}-s3cret" not in str(caught.value)
        api.default = reply(500, {"message": "boom"})
        with pytest.raises(CarrierRefused, match="500"):
            await control(server, service).hang_up(some_call(service))


async def test_a_service_that_is_not_there_is_named(key_file: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    async with carrier(key_file, parley_twilio_base_url=nowhere) as (_, server):
        with pytest.raises(CarrierRefused, match=r"twilio cannot be reached at 127\.0\.0\.1"):
            await control(server, "twilio").hang_up(some_call("twilio"))


async def test_an_endless_answer_is_not_read_to_its_end(key_file: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
    async with carrier(key_file) as (api, server):
        api.script((head, *(b"x" * 60_000 for _ in range(40)), Wire.STALL))
        with trio.fail_after(5):
            await control(server, "twilio").hang_up(some_call("twilio"))


@pytest.mark.parametrize("call_id", ["", "..", "a/../b", "a?x=1", "a b", "x" * 300])
@pytest.mark.parametrize("service", REST)
async def test_an_id_that_is_no_id_is_not_asked_for(
    service: str, call_id: str, key_file: Path
) -> None:
    async with carrier(key_file) as (api, server):
        with pytest.raises(CarrierRefused, match="no usable id"):
            await control(server, service).hang_up(some_call(service, call_id))
        assert api.requests == []


async def test_telnyx_ids_stand_in_the_path(key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        await control(server, "telnyx").hang_up(some_call("telnyx", "v3:2EC-70C_x"))
        assert api.requests[0].path == "/v2/calls/v3:2EC-70C_x/actions/hangup"


# Transfers and digits


@pytest.mark.parametrize("service", REST)
async def test_a_call_is_transferred_to_a_number(service: str, key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        await control(server, service).transfer(some_call(service), "+49 30 123")
        (request,) = api.requests
        body: Any = told(request)
        match service:
            case "twilio" | "signalwire":
                assert ET.fromstring(body["Twiml"]).findtext("./Dial/Number") == "+4930123"
            case "telnyx":
                assert (request.path, body["to"]) == (
                    "/v2/calls/id-1/actions/transfer",
                    "+4930123",
                )
            case "plivo":
                assert body["legs"] == "aleg"
                assert body["aleg_url"] == f"{PUBLIC}/telephone/plivo/transfer?to=%2B4930123"
            case "vonage":
                (action,) = body["destination"]["ncco"]
                assert action["endpoint"] == [{"type": "phone", "number": "4930123"}]


@pytest.mark.parametrize("service", REST)
async def test_a_call_is_transferred_to_an_address(service: str, key_file: Path) -> None:
    to = "sip:a&b@sip.example.org"
    async with carrier(key_file) as (api, server):
        await control(server, service).transfer(some_call(service), to)
        body: Any = told(api.requests[0])
        if service in ("twilio", "signalwire"):
            assert ET.fromstring(body["Twiml"]).findtext("./Dial/Sip") == to
        if service == "vonage":
            (action,) = body["destination"]["ncco"]
            assert action["endpoint"] == [{"type": "sip", "uri": to}]


@pytest.mark.parametrize("to", ["", "110", "</Number>", "help", "sip:<x>@y"])
@pytest.mark.parametrize("service", REST)
async def test_nothing_else_is_dialed(service: str, to: str, key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        with pytest.raises(CarrierRefused, match="no number"):
            await control(server, service).transfer(some_call(service), to)
        assert api.requests == []


async def test_digits_are_sent_where_the_service_can(key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        for service in ("telnyx", "plivo", "vonage"):
            await control(server, service).send_digits(some_call(service), "12w#")
        assert [request.path for request in api.requests] == [
            "/v2/calls/id-1/actions/send_dtmf",
            "/v1/Account/MA1/Call/id-1/DTMF/",
            "/v1/calls/id-1/dtmf",
        ]
        assert [request.body["digits"] for request in api.requests] == ["12w#", "12w#", "12p#"]
        for service in ("twilio", "signalwire", "exotel"):
            with pytest.raises(CarrierRefused, match="dial within"):
                await control(server, service).send_digits(some_call(service), "1")
        with pytest.raises(CarrierRefused, match="cannot be dialed"):
            await control(server, "telnyx").send_digits(some_call("telnyx"), "1; drop")


# Calls that are made

OUT = CallOut(
    to="+4930123",
    from_="+4940456",
    agent="sales",
    parameters={"name": "Ada L"},
    detect_machine=True,
)
MADE: dict[str, object] = {
    "twilio": {"sid": "CA9"},
    "signalwire": {"sid": "CA9"},
    "telnyx": {"data": {"call_control_id": "CA9"}},
    "plivo": {"request_uuid": "CA9"},
    "vonage": {"uuid": "CA9"},
}
ANSWER = "/answer/sales?name=Ada+L"


def _of_twilio(body: Any, service: str) -> None:
    assert body["To"] == "+4930123"
    assert body["From"] == "+4940456"
    assert body["Url"] == f"{PUBLIC}/telephone/{service}{ANSWER}"
    assert body["StatusCallback"] == f"{PUBLIC}/telephone/{service}/status"
    assert body["MachineDetection"] == "DetectMessageEnd"
    assert body["AsyncAmd"] == "true"
    assert body["AsyncAmdStatusCallback"] == body["StatusCallback"]


def _of_telnyx(body: Any, service: str) -> None:
    assert (body["to"], body["from"], body["connection_id"]) == ("+4930123", "+4940456", "conn-1")
    assert body["stream_url"].startswith("wss://voice.example.org/telephone/telnyx/sales/call-")
    assert body["stream_url"].endswith("?name=Ada+L")
    assert body["stream_bidirectional_mode"] == "rtp"
    assert body["stream_auth_token"] == "tx-stream"
    assert body["answering_machine_detection"] == "premium"
    assert body["webhook_url"] == f"{PUBLIC}/telephone/telnyx/status"


def _of_plivo(body: Any, service: str) -> None:
    assert (body["to"], body["from"]) == ("4930123", "4940456")
    assert body["answer_url"] == f"{PUBLIC}/telephone/plivo{ANSWER}"
    assert body["machine_detection"] == "true"


def _of_vonage(body: Any, service: str) -> None:
    assert body["to"] == [{"type": "phone", "number": "4930123"}]
    assert body["answer_url"] == [f"{PUBLIC}/telephone/vonage{ANSWER}"]
    assert body["advanced_machine_detection"]["behavior"] == "continue"


LOOK: dict[str, Callable[[Any, str], None]] = {
    "twilio": _of_twilio,
    "signalwire": _of_twilio,
    "telnyx": _of_telnyx,
    "plivo": _of_plivo,
    "vonage": _of_vonage,
}


@pytest.mark.parametrize("service", REST)
async def test_a_call_is_made(service: str, key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        api.script(reply(201, MADE[service]))
        assert await control(server, service).dial(OUT) == "CA9"
        (request,) = api.requests
        LOOK[service](told(request), service)


@pytest.mark.parametrize("service", REST)
async def test_a_call_is_not_made_twice(service: str, key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        api.script(reply(500))
        with pytest.raises(CarrierRefused):
            await control(server, service).dial(OUT)
        for odd in (reply(201, {}), reply(201, raw=b"{"), reply(200, ["a"]), reply(200, raw=b"")):
            api.script(odd)
            with pytest.raises(CarrierRefused, match="without the id"):
                await control(server, service).dial(OUT)
        assert len(api.requests) == 5


async def test_telnyx_needs_an_application_to_call(key_file: Path) -> None:
    async with carrier(key_file, parley_telnyx_connection_id=None) as (_, server):
        with pytest.raises(CarrierRefused, match="PARLEY_TELNYX_CONNECTION_ID"):
            await control(server, "telnyx").dial(OUT)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nx\n", None])
async def test_a_key_of_vonage_that_cannot_be_used_is_named(
    content: bytes | None, key_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    async with carrier(key_file, parley_vonage_private_key_file=str(path)) as (_, server):
        with pytest.raises(CarrierRefused, match="PARLEY_VONAGE_PRIVATE_KEY_FILE"):
            await control(server, "vonage").hang_up(some_call("vonage"))


async def test_exotel_ends_a_call_by_closing(key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        await control(server, "exotel").hang_up(some_call("exotel"))
        with pytest.raises(CarrierRefused, match="transfer"):
            await control(server, "exotel").transfer(some_call("exotel"), "+4930123")
        assert api.requests == []


async def test_without_keys_nothing_can_be_asked() -> None:
    server = door()
    assert [name for name in REST if server.door.control(name)] == []
    assert server.door.control("asterisk") is None


async def test_after_the_servers_end_nobody_is_asked(key_file: Path) -> None:
    async with carrier(key_file) as (api, server):
        await server.door.aclose()
        with pytest.raises(CarrierRefused, match="stopping"):
            await control(server, "twilio").hang_up(some_call("twilio"))
        assert api.requests == []
