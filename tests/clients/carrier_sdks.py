"""Telephone services' own libraries, asked by lines of JSON on standard input.

    python carrier_sdks.py < requests

Each line is an object with `do` and what that takes; each is answered with a line of JSON.
"""

# mypy: ignore-errors

import base64
import json
import sys
from typing import Any

import jwt
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey
from plivo.utils.signature_v3 import (
    construct_get_url,
    construct_post_url,
    get_signature_v3,
    validate_v3_signature,
)
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Connect, Dial, Stream, VoiceResponse
from vonage_jwt import verify_signature

Asked = dict[str, Any]


class Form(dict[str, Any]):
    """A form whose names may have several values, as web frameworks hand them out."""

    def getlist(self, name: str) -> Any:
        return self[name]


def twilio_sign(asked: Asked) -> Any:
    validator = RequestValidator(asked["key"])
    params = Form(asked.get("form") or {})
    return validator.compute_signature(asked["url"], params, asked.get("algorithm"))


def twilio_check(asked: Asked) -> Any:
    params = asked["body"] if "body" in asked else Form(asked.get("form") or {})
    validator = RequestValidator(asked["key"])
    return validator.validate(asked["url"], params, asked["signature"], asked.get("algorithm"))


def plivo_sign(asked: Asked) -> Any:
    make = construct_get_url if asked["method"] == "GET" else construct_post_url
    text = make(asked["url"], asked.get("form") or {}).decode()
    return get_signature_v3(asked["key"].encode(), text, asked["nonce"]).decode()


def plivo_check(asked: Asked) -> Any:
    return validate_v3_signature(
        asked["method"],
        asked["url"],
        asked["nonce"],
        asked["key"],
        asked["signature"],
        asked.get("form") or {},
    )


def telnyx_keys(asked: Asked) -> Any:
    key = SigningKey(base64.b64decode(asked["seed"]))
    return base64.b64encode(bytes(key.verify_key)).decode()


def telnyx_sign(asked: Asked) -> Any:
    """What `telnyx.webhooks.unwrap` checks: the moment, a bar, the body."""
    key = SigningKey(base64.b64decode(asked["seed"]))
    signed = key.sign(f"{asked['timestamp']}|{asked['body']}".encode())
    return base64.b64encode(signed.signature).decode()


def telnyx_check(asked: Asked) -> Any:
    key = VerifyKey(base64.b64decode(asked["public_key"]))
    signed = f"{asked['timestamp']}|{asked['body']}".encode()
    try:
        key.verify(signed, base64.b64decode(asked["signature"]))
    except BadSignatureError:
        return False
    return True


def vonage_sign(asked: Asked) -> Any:
    return jwt.encode(asked["claims"], asked["key"], algorithm=asked.get("algorithm", "HS256"))


def vonage_check(asked: Asked) -> Any:
    return verify_signature(asked["token"], asked["key"])


def jwt_check(asked: Asked) -> Any:
    return jwt.decode(
        asked["token"], asked["key"], algorithms=["RS256"], options={"verify_exp": False}
    )


def stream_twiml(asked: Asked) -> Any:
    stream = Stream(
        url=asked["url"],
        status_callback=asked["status"],
        status_callback_method="POST",
    )
    for name, value in asked["parameters"].items():
        stream.parameter(name=name, value=value)
    connect = Connect()
    connect.append(stream)
    response = VoiceResponse()
    response.append(connect)
    return str(response)


def dial_twiml(asked: Asked) -> Any:
    dial = Dial()
    (dial.sip if asked["to"].startswith("sip") else dial.number)(asked["to"])
    response = VoiceResponse()
    response.append(dial)
    return str(response)


for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(globals()[asked["do"]](asked)), flush=True)
