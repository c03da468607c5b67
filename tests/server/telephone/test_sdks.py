"""The services' own libraries as counterparts: what they sign is known here, and what is made here
they take. Without a network, and without what an earlier run installed, these tests are skipped."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from parley.server.telephone.answers import Places, answer
from parley.server.telephone.asked import FORM, Asked, NotSigned
from parley.server.telephone.calls_in import CallIn
from parley.server.telephone.control_twilio import dial_twiml
from parley.server.telephone.control_vonage import signed_token
from parley.server.telephone.signatures import (
    plivo,
    plivo_signature,
    twilio,
    twilio_signature,
)
from parley.server.telephone.tokens import telnyx_webhook, vonage
from support.stock_clients import CLIENTS, carriers_python

PUBLIC = "https://voice.example.org"
FORMS: tuple[dict[str, list[str]], ...] = (
    {},
    {"CallSid": ["CA1"], "From": ["+4930123"]},
    {"B": ["2", "1", "2"], "A": [""], "a": ["ü & é = +"]},
)
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask() -> Ask:
    python = carriers_python()

    def all_of(requests: Sequence[dict[str, Any]]) -> list[Any]:
        done = subprocess.run(
            [python, str(CLIENTS / "carrier_sdks.py")],
            input="\n".join(map(json.dumps, requests)),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

    return all_of


def encoded(form: dict[str, list[str]]) -> bytes:
    return urlencode([(name, value) for name, values in form.items() for value in values]).encode()


@pytest.mark.parametrize("algorithm", ["HMAC_SHA1", "HMAC_SHA256"])
def test_what_twilios_library_signs_is_twilios(ask: Ask, algorithm: str) -> None:
    cases = [
        (target, form)
        for target in ("/telephone/twilio/answer", "/telephone/twilio/answer?a=%20b&c=1")
        for form in FORMS
    ]
    common = {"do": "twilio_sign", "key": "s3cret", "algorithm": algorithm}
    signatures = ask([{**common, "url": PUBLIC + target, "form": form} for target, form in cases])
    settings = f"key=k,algorithm={algorithm}"
    for (target, form), signature in zip(cases, signatures, strict=True):
        headers = {
            "x-twilio-signature": signature,
            "content-type": FORM,
            "x-twilio-webhooks-signature-settings": settings,
        }
        it = Asked(method="POST", target=target, headers=headers, body=encoded(form))
        assert twilio(it, public_url=PUBLIC, auth_token=None, shared_key="s3cret")
        with pytest.raises(NotSigned):
            twilio(it, public_url=PUBLIC, auth_token=None, shared_key="another")


def test_twilios_library_takes_what_is_signed_here(ask: Ask) -> None:
    url = "wss://voice.example.org/telephone/twilio"
    body = '{"a": 1}'
    hashed = f"{PUBLIC}/status?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    common = {"do": "twilio_check", "key": "k"}
    assert ask(
        [
            {**common, "url": url, "signature": twilio_signature("k", url)},
            {**common, "url": f"{url}:", "signature": "no"},
            {**common, "url": hashed, "body": body, "signature": twilio_signature("k", hashed)},
        ]
    ) == [True, False, True]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_plivos_library_signs_is_plivos(ask: Ask, method: str) -> None:
    targets = ("/telephone/plivo/answer", "/telephone/plivo/answer?b=2&a=1&a=0&c=%20x")
    forms = FORMS if method == "POST" else FORMS[:1]
    cases = [(target, form) for target in targets for form in forms]
    common = {"do": "plivo_sign", "key": "s3cret", "method": method, "nonce": "n0nce"}
    signatures = ask([{**common, "url": PUBLIC + target, "form": form} for target, form in cases])
    for (target, form), signature in zip(cases, signatures, strict=True):
        headers = {
            "x-plivo-signature-v3": f"no,{signature}",
            "x-plivo-signature-v3-nonce": "n0nce",
            "content-type": FORM,
        }
        it = Asked(method=method, target=target, headers=headers, body=encoded(form))
        assert plivo(it, public_url=PUBLIC, auth_token="s3cret") == PUBLIC + target.split("?")[0]


def test_plivos_library_takes_what_is_signed_here(ask: Ask) -> None:
    url = f"{PUBLIC}/telephone/plivo"
    common = {"do": "plivo_check", "key": "k", "method": "GET", "url": url, "nonce": "1"}
    right = plivo_signature("k", url, "1")
    assert ask([{**common, "signature": f"x,{right}"}, {**common, "signature": "x"}]) == [
        True,
        False,
    ]


def test_what_telnyx_library_would_take_is_telnyx(ask: Ask) -> None:
    seed = base64.b64encode(secrets.token_bytes(32)).decode()
    body = '{"data":{"event_type":"call.initiated","ü":1}}'
    key, signature = ask(
        [
            {"do": "telnyx_keys", "seed": seed},
            {"do": "telnyx_sign", "seed": seed, "timestamp": "1700000000", "body": body},
        ]
    )
    headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": "1700000000"}
    it = Asked(method="POST", target="/", headers=headers, body=body.encode())
    assert telnyx_webhook(it, public_key=key, now_s=1_700_000_001)


def test_what_vonage_signs_is_vonages_and_no_other_algorithm_is(ask: Ask) -> None:
    claims = {"iat": 1_700_000_000, "exp": 1_700_000_300, "jti": "j", "application_id": "a"}
    common = {"do": "vonage_sign", "key": "k" * 64, "claims": claims}
    good, other = ask([common, {**common, "algorithm": "HS512"}])
    assert vonage(
        Asked(method="GET", target="/", headers={"authorization": f"Bearer {good}"}),
        secret="k" * 64,
        now_s=1_700_000_010,
    )
    with pytest.raises(NotSigned, match="HS256"):
        vonage(
            Asked(method="GET", target="/", headers={"authorization": f"Bearer {other}"}),
            secret="k" * 64,
            now_s=1_700_000_010,
        )


def test_a_token_for_vonages_api_is_one(ask: Ask) -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = {"application_id": "a", "iat": 1_700_000_000, "exp": 1_700_000_300, "jti": "ü"}
    token = signed_token(key, claims)
    assert ask([{"do": "jwt_check", "token": token, "key": public.decode()}]) == [claims]


def test_twiml_is_what_twilios_library_writes(ask: Ask) -> None:
    parameters = {"lang": "de", "odd": "<a&\"b'é>"}
    places = Places(stream="wss://v.example.org/telephone/twilio", status="https://v.example.org/s")
    stream, number, sip = ask(
        [
            {
                "do": "stream_twiml",
                "url": places.stream,
                "status": places.status,
                "parameters": parameters,
            },
            {"do": "dial_twiml", "to": "+4930123"},
            {"do": "dial_twiml", "to": "sip:a@sip.example.org"},
        ]
    )
    ours = answer(CallIn(service="twilio", parameters=parameters), places).body.decode()
    assert ET.canonicalize(ours) == ET.canonicalize(stream)
    assert ET.canonicalize(dial_twiml("+4930123")) == ET.canonicalize(number)
    assert ET.canonicalize(dial_twiml("sip:a@sip.example.org")) == ET.canonicalize(sip)
