"""Who is let in, before the upgrade and before a webhook is believed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from parley.config import TELEPHONE_SERVICES
from parley.server.telephone.signatures import twilio_signature
from parley.server.telephone.tickets import CallPath, Tickets, call_path
from support.telephone import PUBLIC, TWILIO, DoorServer, basic, door, vonage_token

TOKEN = "a-token-in-the-path"
STREAM = "/telephone/twilio"


def signed(target: str = STREAM, key: str = "s3cret") -> dict[str, str]:
    return {"X-Twilio-Signature": twilio_signature(key, f"wss://voice.example.org{target}")}


async def test_a_stream_that_is_signed_is_let_in_and_another_is_not() -> None:
    server = door("sales", **TWILIO)
    assert (await server.upgrade(STREAM, signed())).status == 101
    assert (await server.upgrade(f"{STREAM}/sales", signed(f"{STREAM}/sales"))).status == 101
    for headers in ({}, signed(key="another"), signed(f"{STREAM}/sales")):
        with capture_logs() as logs:
            answer = await server.upgrade(STREAM, headers)
        assert answer.status == 403
        assert "s3cret" not in answer.error
        assert [entry["event"] for entry in logs if entry["event"] == "telephone_refused"]
    assert b"parley_calls_refused_total 3.0" in server.telemetry.exposition()


async def test_an_agent_that_there_is_not_takes_no_stream() -> None:
    server = door("sales", **TWILIO)
    other = f"{STREAM}/nobody"
    assert (await server.upgrade(other)).status == 403
    answer = await server.upgrade(other, signed(other))
    assert answer.status == 404
    assert "nobody" in answer.error


async def test_what_a_host_header_says_does_not_matter() -> None:
    forged = {"X-Twilio-Signature": twilio_signature("", "wss://evil.example.org/telephone/twilio")}
    server = door(**TWILIO)
    assert (await server.upgrade(STREAM, {**forged, "X-Forwarded-Host": "evil.example.org"})
    ).status == 403  # fmt: skip


@pytest.mark.parametrize("service", TELEPHONE_SERVICES)
async def test_a_service_without_a_secret_is_closed_and_the_setting_is_named(service: str) -> None:
    server = door(parley_public_url=PUBLIC)
    for answer in (
        await server.upgrade(f"/telephone/{service}"),
        await server.ask("POST", f"/telephone/{service}/status"),
        await server.ask("POST", f"/telephone/{service}/answer"),
    ):
        assert answer.status == 403
        assert f"PARLEY_TELEPHONE_OPEN={service}" in answer.error
    assert "set PARLEY_" in answer.error


@pytest.mark.parametrize("service", TELEPHONE_SERVICES)
async def test_on_loopback_without_a_public_address_it_is_open(service: str) -> None:
    assert (await door().upgrade(f"/telephone/{service}")).status == 101


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({"parley_public_url": PUBLIC}, {}),
        ({"parley_host": "0.0.0.0"}, {}),
        ({}, {"X-Forwarded-For": "203.0.113.1"}),
        ({}, {"Origin": "https://page.example.org"}),
        ({"parley_telephone_stream_token": TOKEN}, {}),
    ],
)
async def test_what_may_come_from_elsewhere_is_not_loopback(
    settings: dict[str, object], headers: dict[str, str]
) -> None:
    assert (await door(**settings).upgrade("/telephone/asterisk", headers)).status == 403


@pytest.mark.parametrize("host", ["127.evil.example.org", "voice.example.org", "localhost.evil"])
async def test_a_name_that_begins_like_loopback_is_not(host: str) -> None:
    answer = await door().ask("POST", "/telephone/asterisk/status", host=host)
    assert answer.status == 403


async def test_loopback_is_no_excuse_where_a_secret_is_set() -> None:
    server = door(parley_telephone_password="pw")
    assert (await server.upgrade("/telephone/asterisk")).status == 403
    assert (await server.upgrade("/telephone/twilio")).status == 101


async def test_a_setting_opens_a_service_that_has_no_secret() -> None:
    server = door(
        parley_public_url=PUBLIC,
        parley_telephone_open="asterisk,twilio",
        parley_twilio_auth_token="s3cret",
    )
    assert (await server.upgrade("/telephone/asterisk")).status == 101
    assert (await server.upgrade("/telephone/twilio")).status == 403
    assert (await server.upgrade("/telephone/freeswitch")).status == 403


@pytest.mark.parametrize("service", ["asterisk", "jambonz", "freeswitch", "exotel"])
async def test_a_name_and_a_password_let_in(service: str) -> None:
    server = door(parley_public_url=PUBLIC, parley_telephone_password="pw")
    assert (await server.upgrade(f"/telephone/{service}", basic())).status == 101
    assert (await server.upgrade(f"/telephone/{service}", basic(password="p"))).status == 403
    assert (await server.ask("POST", f"/telephone/{service}/status", basic())).status == 204


async def test_vonage_shows_a_token_at_the_stream_and_at_webhooks() -> None:
    server = door(parley_public_url=PUBLIC, parley_vonage_signature_secret="sig")
    token = vonage_token("sig", server.door.gate.now_s())
    assert (await server.upgrade("/telephone/vonage", token)).status == 101
    assert (await server.ask("POST", "/telephone/vonage/status", token)).status == 204
    assert (await server.upgrade("/telephone/vonage")).status == 403


async def test_telnyx_shows_its_token_at_the_stream() -> None:
    server = door(parley_public_url=PUBLIC, parley_telnyx_stream_token="tok")
    header = {"x-telnyx-streaming-auth-token": "tok"}
    assert (await server.upgrade("/telephone/telnyx", header)).status == 101
    assert (await server.upgrade("/telephone/telnyx")).status == 403
    assert (await server.ask("POST", "/telephone/telnyx/status", header)).status == 403


async def test_with_a_public_key_alone_telnyx_needs_a_ticket() -> None:
    server = door(parley_public_url=PUBLIC, parley_telnyx_public_key="A" * 44)
    answer = await server.upgrade("/telephone/telnyx")
    assert answer.status == 403
    assert "PARLEY_TELNYX_STREAM_TOKEN" in answer.error
    ticket = server.door.gate.ticket("telnyx", "")
    assert (await server.upgrade(f"/telephone/telnyx/{ticket}")).status == 101


async def test_genesys_may_show_its_key_alone() -> None:
    server = door(parley_public_url=PUBLIC, parley_genesys_api_key="key")
    assert (await server.upgrade("/telephone/genesys", {"X-API-KEY": "key"})).status == 101
    assert (await server.upgrade("/telephone/genesys", {"X-API-KEY": "kay"})).status == 403


# Tokens and tickets in the path


@pytest.mark.parametrize("service", TELEPHONE_SERVICES)
async def test_a_token_in_the_path_lets_any_service_in(service: str) -> None:
    server = door("sales", **TWILIO, parley_telephone_stream_token=TOKEN)
    for place in (f"/telephone/{service}", f"/telephone/{service}/sales"):
        assert (await server.upgrade(f"{place}/key-{TOKEN}")).status == 101
        assert (await server.upgrade(f"{place}/key-{TOKEN}x")).status == 403
        assert (await server.upgrade(f"{place}/key-")).status == 403
        assert (await server.upgrade(place)).status == 403


async def test_where_no_token_is_set_no_token_is_right() -> None:
    for settings in (TWILIO, {}):
        assert (await door(**settings).upgrade("/telephone/twilio/key-")).status == 403
        assert (await door(**settings).upgrade("/telephone/twilio/key-None")).status == 403


async def test_a_ticket_holds_for_its_service_its_agent_and_its_time() -> None:
    server = door("sales", "help", **TWILIO, parley_plivo_auth_token="x")
    gate, now = server.door.gate, [1_700_000_000]
    gate.now_s = lambda: now[0]
    ticket = gate.ticket("plivo", "sales")
    assert (await server.upgrade(f"/telephone/plivo/sales/{ticket}")).status == 101
    for other in (
        f"/telephone/plivo/help/{ticket}",
        f"/telephone/plivo/{ticket}",
        f"/telephone/twilio/sales/{ticket}",
        f"/telephone/plivo/sales/{ticket[:-1]}",
        f"/telephone/plivo/sales/{ticket.replace('call-6', 'call-7')}",
        f"/telephone/plivo/sales/{'call-' + 'f' * 12 + '-' + '0' * 32}",
    ):
        assert (await server.upgrade(other)).status == 403
    now[0] += 121
    assert (await server.upgrade(f"/telephone/plivo/sales/{ticket}")).status == 403


async def test_a_ticket_lets_in_streams_and_no_webhooks() -> None:
    server = door(**TWILIO, parley_plivo_auth_token="x")
    ticket = server.door.gate.ticket("plivo", "")
    answer = await server.ask("POST", f"/telephone/plivo/status/{ticket}")
    assert answer.status == 403


async def test_it_is_logged_that_a_ticket_held_and_a_signature_did_not() -> None:
    server = door(**TWILIO, parley_plivo_auth_token="x")
    path = f"/telephone/plivo/{server.door.gate.ticket('plivo', '')}"
    headers = {"X-Plivo-Signature-V3": "odd", "X-Plivo-Signature-V3-Nonce": "1"}
    with capture_logs() as logs:
        assert (await server.upgrade(path, headers)).status == 101
    assert "is not right" in next(
        entry["reason"] for entry in logs if entry["event"] == "telephone_signature_unused"
    )


def test_servers_with_the_same_secrets_take_each_others_tickets() -> None:
    path = CallPath(service="plivo", proof=Tickets(["a"]).make("plivo", "", now_s=100))
    assert Tickets(["a"]).holds(path, now_s=150)
    assert not Tickets(["b"]).holds(path, now_s=150)
    lone = Tickets([])
    path = CallPath(service="plivo", proof=lone.make("plivo", "", now_s=100))
    assert lone.holds(path, now_s=150)
    assert not Tickets([]).holds(path, now_s=150)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/telephone/twilio", ("twilio", "", "")),
        ("/telephone/twilio/sales", ("twilio", "sales", "")),
        ("/telephone/twilio/sales/key-x", ("twilio", "sales", "key-x")),
        ("/telephone/twilio/call-x", ("twilio", "", "call-x")),
        ("/telephone/twilio/a/b", None),
        ("/telephone/twilio/", None),
        ("/telephone//twilio", None),
        ("/telephone/twilio/a//key-x", None),
        ("/x/telephone/twilio", None),
        ("/telephone", None),
    ],
)
def test_a_path_is_taken_apart(path: str, found: tuple[str, str, str] | None) -> None:
    parts = call_path(path)
    assert (parts and (parts.service, parts.agent, parts.proof)) == found


def test_a_path_is_quoted_part_by_part() -> None:
    path = CallPath(service="twilio", agent="front desk/ü", proof="key-a")
    assert path.quoted == "/telephone/twilio/front%20desk%2F%C3%BC/key-a"


REFUSED: Mapping[str, str] = {
    "/telephone/twilio/../../etc": "GET",
    "/telephone/twilio/answer/../status": "POST",
    "/telephone/twilio/answer/%2e%2e%2fstatus": "POST",
    "/telephone/pigeon/answer": "POST",
    "/telephone/twilio/answer/": "POST",
}


@pytest.mark.parametrize("target", REFUSED)
async def test_odd_paths_lead_nowhere(target: str) -> None:
    server: DoorServer = door(parley_telephone_open="twilio", parley_public_url=PUBLIC)
    assert (await server.ask(REFUSED[target], target)).status in (404, 405)
