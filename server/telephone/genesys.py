"""How Genesys proves that a connection is its own: a key, and a signature over the request.

The signature is an HTTP message signature as the reference implementation of AudioHook makes it
(an early draft of RFC 9421): lines of `"name": value`, HMAC-SHA256, at most ten seconds old. Pure
but for the moment, which is handed in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .asked import Asked, NotSigned
from .signatures import same

KEY = "X-API-KEY"
COVERED = frozenset(
    {
        "@request-target",
        "@authority",
        "audiohook-organization-id",
        "audiohook-session-id",
        "audiohook-correlation-id",
        "x-api-key",
    }
)
"""What must be signed, at least."""
AGE_S = 10
SKEW_S = 5
"""How far ahead of ours their clock may be."""
NONCE_CHARS = 22
"""At least: 128 bits in base64."""
LINE_CHARS = 4096

_INPUT = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=(\(([^()]*)\)((?:;[^,]*)?))\s*(?:,|\Z)")
_SIGNATURE = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):\s*(?:,|\Z)")
_COMPONENT = re.compile(r'"([^"\\]+)"')
_PARAMETER = re.compile(r';\s*([a-z][a-z0-9_.*-]*)=(?:"([^"\\]*)"|(-?[0-9]{1,15}))')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signature:
    covered: tuple[str, ...]
    parameters: dict[str, str]
    line: str
    """Its parameters as they were sent, which are signed too."""
    signature: bytes


def genesys(
    asked: Asked,
    public_url: str | None,
    *,
    api_key: str,
    client_secret: str | None,
    now_s: int,
) -> str:
    """The key, and the signature where a client secret is set. Says the nonce of the signature,
    so that a second use can be noticed; nothing where there is none."""
    key = asked.header(KEY)
    if not same(key, api_key):
        raise NotSigned(f"{KEY} is not PARLEY_GENESYS_API_KEY")
    if client_secret is None:
        return ""
    signed = _parsed(asked.header("Signature-Input"), asked.header("Signature"))
    if missing := COVERED - set(signed.covered):
        raise NotSigned(f"not signed: {', '.join(sorted(missing))}")
    _check_parameters(signed.parameters, key, now_s)
    try:
        secret = base64.b64decode(client_secret, validate=True)
    except (binascii.Error, ValueError):
        raise NotSigned("PARLEY_GENESYS_CLIENT_SECRET is not base64") from None
    lines = [_text(asked, signed, authority) for authority in _authorities(asked, public_url)]
    right = [hmac.new(secret, text.encode(), hashlib.sha256).digest() for text in lines]
    if not any(hmac.compare_digest(signed.signature, one) for one in right):
        raise NotSigned("the signature is not right: check PARLEY_GENESYS_CLIENT_SECRET")
    return signed.parameters["nonce"]


def _parsed(told_input: str, told_signature: str) -> _Signature:
    """The first signature of a request."""
    given = _INPUT.match(told_input[:LINE_CHARS])
    made = dict(_SIGNATURE.findall(told_signature[:LINE_CHARS]))
    if given is None or given[1] not in made:
        raise NotSigned("Signature-Input and Signature are malformed")
    parameters = {name: text or number for name, text, number in _PARAMETER.findall(given[4])}
    try:
        signature = base64.b64decode(made[given[1]], validate=True)
    except (binascii.Error, ValueError):
        raise NotSigned("Signature is malformed") from None
    return _Signature(
        covered=tuple(_COMPONENT.findall(given[3])),
        parameters=parameters,
        line=given[2].rstrip(),
        signature=signature,
    )


def _check_parameters(parameters: dict[str, str], key: str, now_s: int) -> None:
    created, expires = parameters.get("created", ""), parameters.get("expires", "")
    if not created.isdecimal() or not -SKEW_S <= now_s - int(created) <= AGE_S:
        raise NotSigned("the signature is not of the last ten seconds")
    if expires and (not expires.isdecimal() or now_s > int(expires)):
        raise NotSigned("the signature is over")
    if parameters.get("alg", "hmac-sha256") != "hmac-sha256":
        raise NotSigned("the signature is not made by hmac-sha256")
    if len(parameters.get("nonce", "")) < NONCE_CHARS:
        raise NotSigned("the signature has no nonce, or a short one")
    if not same(parameters.get("keyid", ""), key):
        raise NotSigned("the signature is of another key")


def _authorities(asked: Asked, public_url: str | None) -> list[str]:
    """The host as the service was given it. Without the setting it is the request's own word, and
    the signature then says nothing of the host."""
    told = urlsplit(public_url).netloc if public_url else asked.header("Host")
    return list(dict.fromkeys((told.lower(), re.sub(r":(443|80)\Z", "", told.lower()))))


def _text(asked: Asked, signed: _Signature, authority: str) -> str:
    lines = [f'"{name}": {_value(asked, name, authority)}' for name in signed.covered]
    return "\n".join((*lines, f'"@signature-params": {signed.line}'))


def _value(asked: Asked, name: str, authority: str) -> str:
    if name == "@request-target":
        return asked.target
    return authority if name == "@authority" else asked.header(name)
