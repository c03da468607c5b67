"""Signatures over addresses and bodies. The vectors were made by the services' own libraries, but
for Genesys', which is its documentation's; test_sdks.py asks the libraries again."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.server.telephone.asked import FORM, Asked, NotSigned
from parley.server.telephone.genesys import genesys
from parley.server.telephone.signatures import plivo, signalwire, twilio
from parley.server.telephone.tokens import basic, telnyx_stream, telnyx_webhook, vonage

PUBLIC = "https://voice.example.org"
NOW = 1_700_000_000


def asked(
    target: str,
    headers: Mapping[str, str] = {},
    *,
    method: str = "GET",
    body: str = "",
    form: bool = False,
    stream: bool = False,
) -> Asked:
    more = {"content-type": FORM} if form else {}
    names = {name.lower(): value for name, value in headers.items()}
    return Asked(
        method=method, target=target, headers={**names, **more}, body=body.encode(), stream=stream
    )


# Twilio

STREAM = "/telephone/twilio/sales"
OF_STREAM = "U17TdyCklLKTnqMgEHDG231H6Iw="
WITH_PORT = "DIsafGjMFQIPsIyWzLS4VA3FLMM="
BY_SHARED_KEY = "t7swJtQ8gP6aAKSZzhAPP0a4sAO9oecRCFmxwOQOF1A="
SHARED = {"X-Twilio-Webhooks-Signature-Settings": "key=k1,algorithm=HMAC_SHA256"}


def by_twilio(it: Asked, public_url: str | None = PUBLIC) -> str:
    return twilio(it, public_url=public_url, auth_token="12345", shared_key="12345")


def signed(signature: str, **more: str) -> dict[str, str]:
    return {"X-Twilio-Signature": signature, **more}


@pytest.mark.parametrize("public", [PUBLIC, f"{PUBLIC}:443", f"{PUBLIC}:8443"])
@pytest.mark.parametrize("signature", [OF_STREAM, WITH_PORT])
def test_a_stream_of_twilio_is_known_with_a_port_and_without(public: str, signature: str) -> None:
    it = asked(STREAM, signed(signature), stream=True)
    assert by_twilio(it, public).startswith("wss://voice.example.org")


def test_a_stream_is_signed_as_wss_and_never_as_https() -> None:
    with pytest.raises(NotSigned, match="PARLEY_PUBLIC_URL"):
        by_twilio(asked(STREAM, signed(OF_STREAM)))


def test_the_host_that_counts_is_that_of_the_setting() -> None:
    headers = signed(OF_STREAM, Host="voice.example.org")
    with pytest.raises(NotSigned, match="is not right"):
        by_twilio(asked(STREAM, headers, stream=True), "https://other.example.org")


def test_without_a_public_address_nothing_that_is_signed_over_one_is_known() -> None:
    with pytest.raises(NotSigned, match="PARLEY_PUBLIC_URL is not set"):
        by_twilio(asked(STREAM, signed(OF_STREAM), stream=True), None)


def test_a_shared_key_signs_by_sha_256() -> None:
    assert by_twilio(asked(STREAM, signed(BY_SHARED_KEY, **SHARED), stream=True))
    with pytest.raises(NotSigned):
        by_twilio(asked(STREAM, signed(OF_STREAM, **SHARED), stream=True))


def test_a_key_that_is_not_set_is_named() -> None:
    it = asked(STREAM, signed(BY_SHARED_KEY, **SHARED), stream=True)
    with pytest.raises(NotSigned, match="PARLEY_TWILIO_SHARED_KEY"):
        twilio(it, public_url=PUBLIC, auth_token="12345")
    it = asked(STREAM, signed(OF_STREAM), stream=True)
    with pytest.raises(NotSigned, match="PARLEY_TWILIO_AUTH_TOKEN"):
        twilio(it, public_url=PUBLIC, auth_token=None, shared_key="12345")


def test_an_algorithm_that_is_not_known_is_refused() -> None:
    odd = {"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=NONE"}
    with pytest.raises(NotSigned, match="algorithm"):
        by_twilio(asked(STREAM, signed("", **odd) | {"X-Twilio-Signature": "x"}, stream=True))


ANSWER = "/telephone/twilio/answer?lang=de"
FIELDS = "CallSid=CA1&From=%2B4930123&To=%2B4940456&Many=b&Many=a&Many=b&Empty="
OF_FORM = "th5jRPTA071r5YRovxJpDjwp2qk="


def test_a_form_is_signed_by_names_and_values_each_once() -> None:
    it = asked(ANSWER, signed(OF_FORM), method="POST", body=FIELDS, form=True)
    assert by_twilio(it) == f"{PUBLIC}{ANSWER}"


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        (ANSWER, FIELDS.replace("CA1", "CA2")),
        (ANSWER, FIELDS + "&More=1"),
        (ANSWER, FIELDS.replace("&Empty=", "")),
        (ANSWER.replace("de", "en"), FIELDS),
        ("/telephone/twilio/answer", FIELDS),
    ],
)
def test_another_form_or_address_is_not_what_was_signed(target: str, fields: str) -> None:
    with pytest.raises(NotSigned):
        by_twilio(asked(target, signed(OF_FORM), method="POST", body=fields, form=True))


JSON = '{"a": 1}'
JSON_TARGET = (
    "/telephone/twilio/status?bodySHA256="
    "f9d86028c6e0d64e225186f96acb69338b2c59764df79162107f5c4bb34d1310"
)


def test_another_body_is_known_by_its_hash_in_the_address() -> None:
    good = signed("rU8qFZl2XphWvQ/SAxw6B/0KVbA=")
    assert by_twilio(asked(JSON_TARGET, good, method="POST", body=JSON))
    with pytest.raises(NotSigned, match="bodySHA256"):
        by_twilio(asked(JSON_TARGET, good, method="POST", body='{"a": 2}'))
    with pytest.raises(NotSigned, match="bodySHA256"):
        by_twilio(asked(ANSWER, signed(OF_FORM), method="POST", body=JSON))


def test_a_form_that_cannot_be_read_is_not_signed() -> None:
    it = Asked(
        method="POST", target="/", headers={"x-twilio-signature": "x", "content-type": FORM},
        body=b"\xff=\xfe",
    )  # fmt: skip
    with pytest.raises(NotSigned, match="UTF-8"):
        by_twilio(it)
    many = "&".join(f"a{number}=1" for number in range(300))
    with pytest.raises(NotSigned, match="fields"):
        by_twilio(asked("/", signed("x"), method="POST", body=many, form=True))


@given(signature=st.text(max_size=40))
def test_nothing_else_is_a_signature(signature: str) -> None:
    with pytest.raises(NotSigned):
        by_twilio(asked(STREAM, signed(signature), stream=True))


def test_signalwire_signs_alike_by_a_key_and_a_header_of_its_own() -> None:
    for name in ("X-SignalWire-Signature", "X-Twilio-Signature"):
        it = asked(STREAM, {name: OF_STREAM}, stream=True)
        assert signalwire(it, public_url=PUBLIC, signing_key="12345")
        with pytest.raises(NotSigned):
            signalwire(it, public_url=PUBLIC, signing_key="12346")


# Plivo

NONCE = {"X-Plivo-Signature-V3-Nonce": "12345"}
PLIVO_FORM = "CallUUID=u1&From=4930123"
PLIVO: list[tuple[Asked, str]] = [
    (
        asked("/telephone/plivo?b=2&a=1"),
        "SvX3DzbKjIliTh7gFzksP+HWa1qbLfnzRz0uEbJK744=",
    ),
    (
        asked("/telephone/plivo", stream=True),
        "L/0ec3kraiSLD+pXWenthUfoTFJEZOGZvIcTcFte2tE=",
    ),
    (
        asked("/telephone/plivo", stream=True),
        "bmbBFB0x3WKFCCVj78dRg9KC5f7fTzbEMs1EkSNRgyQ=",
    ),
    (
        asked("/telephone/plivo/answer", method="POST", body=PLIVO_FORM, form=True),
        "8/kssuxsXcAebDq5UFEXkI4c7aSE9jG884ks6tS8vpU=",
    ),
    (
        asked("/telephone/plivo/answer?lang=de", method="POST", body=PLIVO_FORM, form=True),
        "JOp9sSVwK3DI5pHiu0lViX4APYkfS7MC9jXLUHwnJrQ=",
    ),
]


def with_headers(it: Asked, headers: Mapping[str, str]) -> Asked:
    names = {name.lower(): value for name, value in headers.items()}
    return Asked(
        method=it.method, target=it.target, headers={**it.headers, **names}, body=it.body,
        stream=it.stream,
    )  # fmt: skip


def by_plivo(it: Asked, signature: str, token: str = "plivotoken") -> str:
    told = with_headers(it, {**NONCE, "X-Plivo-Signature-V3": signature})
    return plivo(told, public_url=PUBLIC, auth_token=token)


@pytest.mark.parametrize(("it", "signature"), PLIVO)
def test_a_request_of_plivo_is_known(it: Asked, signature: str) -> None:
    assert "voice.example.org" in by_plivo(it, signature)
    assert by_plivo(it, f"wrong=,{signature}, other=") == by_plivo(it, signature)
    with pytest.raises(NotSigned, match="is not right"):
        by_plivo(it, signature, "another")


def test_it_is_said_which_address_of_a_stream_plivo_signed() -> None:
    stream, by_wss = PLIVO[1]
    assert by_plivo(stream, by_wss) == "wss://voice.example.org/telephone/plivo"
    assert by_plivo(stream, PLIVO[2][1]) == "http://voice.example.org/telephone/plivo/websocket"


def test_plivo_signs_forms_and_no_other_bodies() -> None:
    with pytest.raises(NotSigned, match="not a form"):
        by_plivo(asked("/telephone/plivo?b=2&a=1", method="POST", body="{}"), PLIVO[0][1])


# Telnyx

TELNYX_KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
TELNYX = {
    "telnyx-signature-ed25519": "gFUFz3M0SRRrClGayW/1fBre6GcdCZK0Wql/WBsuZauIXN5nVv+ZLvPSJXYWvu0N"
    "ykmv6NaTfRperFz/bXvbCQ==",
    "telnyx-timestamp": str(NOW),
}


def by_telnyx(body: str = '{"data":{}}', now_s: int = NOW, **headers: str) -> str:
    told = {**TELNYX, **{name.replace("_", "-"): value for name, value in headers.items()}}
    it = asked("/telephone/telnyx/status", told, method="POST", body=body)
    return telnyx_webhook(it, public_key=TELNYX_KEY, now_s=now_s)


@pytest.mark.parametrize("now_s", [NOW, NOW + 300, NOW - 300])
def test_a_webhook_of_telnyx_is_known_for_five_minutes(now_s: int) -> None:
    assert by_telnyx(now_s=now_s)


@pytest.mark.parametrize("now_s", [NOW + 301, NOW - 301])
def test_an_old_webhook_is_not(now_s: int) -> None:
    with pytest.raises(NotSigned, match="five minutes"):
        by_telnyx(now_s=now_s)


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": '{"data":{} }'},
        {"telnyx_timestamp": str(NOW + 1)},
        {"telnyx_timestamp": "soon"},
        {"telnyx_timestamp": "9" * 5000},
        {"telnyx_signature_ed25519": base64.b64encode(bytes(64)).decode()},
        {"telnyx_signature_ed25519": "AAAA"},
        {"telnyx_signature_ed25519": "ä"},
    ],
)
def test_a_webhook_that_is_changed_is_not_telnyx(wrong: dict[str, str]) -> None:
    with pytest.raises(NotSigned):
        by_telnyx(**wrong)  # type: ignore[arg-type]


def test_a_stream_of_telnyx_has_its_token() -> None:
    token = {"x-telnyx-streaming-auth-token": "s3cret"}
    assert telnyx_stream(asked("/", token), token="s3cret")
    for wrong in ({}, {"x-telnyx-streaming-auth-token": "s3cre"}):
        with pytest.raises(NotSigned):
            telnyx_stream(asked("/", wrong), token="s3cret")


# Vonage

VONAGE_SECRET = "vonagesecret-of-at-least-32-bytes"
VONAGE_BODY = '{"uuid":"u-1","from":"4930123"}'
VONAGE_TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDMwMCwiaXNzIjoi"
    "Vm9uYWdlIiwiYXBwbGljYXRpb25faWQiOiJhcHAtMSIsInBheWxvYWRfaGFzaCI6IjU1ODgzOGE0OWYwNzAzYTQyZWU3Yj"
    "ZjMWRiZjU2ZWRlZWZhMWNiZDg3YWEyZGM1YzcyNTYxZmQ0MjA2MWVjM2IifQ.cU0bMQbAM7S0fjlsYuPfvmIMZR-wwVFbh"
    "mIWTF6xD6E"
)


def by_vonage(
    token: str = VONAGE_TOKEN,
    *,
    body: str = VONAGE_BODY,
    now_s: int = NOW + 5,
    secret: str = VONAGE_SECRET,
    application_id: str | None = "app-1",
    scheme: str = "Bearer",
) -> str:
    it = asked("/", {"Authorization": f"{scheme} {token}"}, method="POST", body=body)
    return vonage(it, secret=secret, now_s=now_s, application_id=application_id)


def test_a_token_of_vonage_is_known_also_with_white_space_in_its_body() -> None:
    assert by_vonage()
    assert by_vonage(body=VONAGE_BODY.replace(",", ", "))
    assert by_vonage(body="")
    assert by_vonage(scheme="bearer", application_id=None)


WRONG_VONAGE: list[dict[str, object]] = [
    {"secret": "another"},
    {"body": VONAGE_BODY.replace("u-1", "u-2")},
    {"body": "no json"},
    {"now_s": NOW + 361},
    {"now_s": NOW - 61},
    {"application_id": "app-2"},
    {"token": VONAGE_TOKEN + "A"},
    {"token": "a.b.c"},
    {"token": "a.b"},
    {"token": "ä.ö.ü"},
    {"token": ""},
    {"scheme": "Basic"},
]


@pytest.mark.parametrize("wrong", WRONG_VONAGE)
def test_what_is_wrong_with_a_token_is_found(wrong: dict[str, object]) -> None:
    with pytest.raises(NotSigned):
        by_vonage(**wrong)  # type: ignore[arg-type]


def test_a_token_that_nobody_signed_is_none() -> None:
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    claims = VONAGE_TOKEN.split(".")[1]
    for last in ("", VONAGE_TOKEN.split(".")[2]):
        with pytest.raises(NotSigned, match="HS256"):
            by_vonage(f"{head}.{claims}.{last}")


# A name and a password


def by_basic(told: str, scheme: str = "Basic") -> str:
    encoded = base64.b64encode(told.encode()).decode()
    it = asked("/", {"Authorization": f"{scheme} {encoded}"})
    return basic(it, user="parley", password="p:ss")


def test_a_password_may_have_colons() -> None:
    assert by_basic("parley:p:ss")


@pytest.mark.parametrize("told", ["parley:p", "p:p:ss", "parley", "", "parley:", "pärley:p:ss"])
def test_another_name_or_password_is_refused(told: str) -> None:
    with pytest.raises(NotSigned):
        by_basic(told)


def test_another_scheme_is_no_password() -> None:
    with pytest.raises(NotSigned):
        by_basic("parley:p:ss", "Bearer")
    with pytest.raises(NotSigned):
        basic(asked("/", {"Authorization": "Basic !"}), user="a", password="b")
    with pytest.raises(NotSigned, match="missing"):
        basic(asked("/"), user="a", password="b")


# Genesys: the example of its documentation

GENESYS_KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
GENESYS_SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
GENESYS_AT = 1_641_013_200
GENESYS_INPUT = (
    'sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
    '"audiohook-correlation-id" "x-api-key");keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";'
    'nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";created=1641013200;expires=3282026430'
)
GENESYS = {
    "Host": "audiohook.example.com",
    "X-API-KEY": GENESYS_KEY,
    "Audiohook-Organization-Id": "d7934305-0972-4844-938e-9060eef73d05",
    "Audiohook-Session-Id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "Audiohook-Correlation-Id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "Signature-Input": GENESYS_INPUT,
    "Signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
}


def by_genesys(
    headers: Mapping[str, str] = GENESYS,
    *,
    now_s: int = GENESYS_AT,
    public_url: str | None = "https://audiohook.example.com",
    target: str = "/api/v1/voicebiometrics/ws",
    secret: str | None = GENESYS_SECRET,
) -> str:
    it = asked(target, headers, stream=True)
    return genesys(it, public_url, api_key=GENESYS_KEY, client_secret=secret, now_s=now_s)


@pytest.mark.parametrize("now_s", [GENESYS_AT, GENESYS_AT + 10, GENESYS_AT - 5])
def test_a_connection_of_genesys_is_known_for_ten_seconds(now_s: int) -> None:
    assert by_genesys(now_s=now_s) == "VGhpc0lzQVVuaXF1ZU5vbmNl"
    assert by_genesys(now_s=now_s, public_url=None)


def test_without_a_client_secret_the_key_is_enough() -> None:
    assert by_genesys({"X-API-KEY": GENESYS_KEY}, secret=None) == ""


def resigned(lines: str) -> dict[str, str]:
    """The example's headers with another input, signed for it."""
    covered = [part.strip('"') for part in lines.partition("(")[2].partition(")")[0].split()]
    values = {
        "@request-target": "/api/v1/voicebiometrics/ws",
        "@authority": "audiohook.example.com",
    }
    headers = {name.lower(): value for name, value in GENESYS.items()}
    text = "".join(f'"{name}": {values.get(name) or headers[name]}\n' for name in covered)
    text += f'"@signature-params": {lines.partition("=")[2]}'
    made = hmac.new(base64.b64decode(GENESYS_SECRET), text.encode(), hashlib.sha256).digest()
    return GENESYS | {
        "Signature-Input": lines,
        "Signature": f"sig1=:{base64.b64encode(made).decode()}:",
    }


def test_the_helper_signs_as_the_documentation_does() -> None:
    assert resigned(GENESYS_INPUT)["Signature"] == GENESYS["Signature"]


WRONG_GENESYS: list[Callable[[], str]] = [
    lambda: by_genesys(now_s=GENESYS_AT + 11),
    lambda: by_genesys(now_s=GENESYS_AT - 6),
    lambda: by_genesys(target="/api/v1/other"),
    lambda: by_genesys(public_url="https://other.example.com"),
    lambda: by_genesys(GENESYS | {"Audiohook-Session-Id": "another"}),
    lambda: by_genesys(GENESYS | {"X-API-KEY": "another"}),
    lambda: by_genesys(GENESYS | {"Signature": "sig2=:AAAA:"}),
    lambda: by_genesys(GENESYS | {"Signature": "sig1=:A:"}),
    lambda: by_genesys(GENESYS | {"Signature-Input": "x" * 100_000}),
    lambda: by_genesys(GENESYS | {"Signature-Input": "sig1=(" * 1000}),
    lambda: by_genesys({"X-API-KEY": GENESYS_KEY}),
    lambda: by_genesys(secret="no base64!"),
    lambda: by_genesys(resigned(GENESYS_INPUT.replace(' "x-api-key"', ""))),
    lambda: by_genesys(resigned(GENESYS_INPUT.replace("VGhpc0lzQVVuaXF1ZU5vbmNl", "short"))),
    lambda: by_genesys(resigned(GENESYS_INPUT.replace("hmac-sha256", "rsa"))),
    lambda: by_genesys(resigned(GENESYS_INPUT.replace("3282026430", "1641013100"))),
    lambda: by_genesys(resigned(GENESYS_INPUT.replace("keyid=", "keyed="))),
    lambda: by_genesys(resigned(GENESYS_INPUT.replace("created=1641013200;", ""))),
]


@pytest.mark.parametrize("wrong", WRONG_GENESYS)
def test_what_is_wrong_with_a_connection_of_genesys_is_found(wrong: Callable[[], str]) -> None:
    with pytest.raises(NotSigned):
        wrong()
