"""Proofs that are no signature over an address: Telnyx', Vonage's, and a name with a password.

Pure but for the moment, which is handed in. Each function says what matched, or raises NotSigned.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec

from .asked import Asked, NotSigned
from .signatures import same

TELNYX_TOKEN = "x-telnyx-streaming-auth-token"
TELNYX_SIGNATURE = "telnyx-signature-ed25519"
TELNYX_TIMESTAMP = "telnyx-timestamp"
TELNYX_AGE_S = 300
"""How far a webhook's moment may be from ours: what Telnyx' own library allows."""
VONAGE_AGE_S = 300
VONAGE_SKEW_S = 60
"""How far Vonage's clock may be ahead, or behind."""
MISSING = "it takes the package cryptography: pip install '.[telephone]' in the checkout"


# Telnyx


def telnyx_stream(asked: Asked, *, token: str) -> str:
    if not same(asked.header(TELNYX_TOKEN), token):
        raise NotSigned(f"{TELNYX_TOKEN} is not PARLEY_TELNYX_STREAM_TOKEN")
    return TELNYX_TOKEN


def telnyx_webhook(asked: Asked, *, public_key: str, now_s: int) -> str:
    """An Ed25519 signature over `timestamp|body`, by a key of Telnyx' own."""
    signature = _base64(asked.header(TELNYX_SIGNATURE), 64, TELNYX_SIGNATURE)
    timestamp = asked.header(TELNYX_TIMESTAMP)
    if not timestamp.isdecimal() or abs(now_s - int(timestamp[:15])) > TELNYX_AGE_S:
        raise NotSigned(f"{TELNYX_TIMESTAMP} is not a moment of the last five minutes")
    key = _base64(public_key, 32, "PARLEY_TELNYX_PUBLIC_KEY")
    _verify_ed25519(key, signature, timestamp.encode() + b"|" + asked.body)
    return TELNYX_SIGNATURE


def _verify_ed25519(key: bytes, signature: bytes, signed: bytes) -> None:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise NotSigned(f"Telnyx' signature cannot be checked: {MISSING}") from None
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        raise NotSigned(f"{TELNYX_SIGNATURE} is not right") from None


def _base64(text: str, length: int, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != length:
        raise NotSigned(f"{what} is malformed")
    return data


# Vonage


class _Claims(msgspec.Struct):
    iat: int | float
    exp: int | float | None = None
    nbf: int | float | None = None
    payload_hash: str | None = None
    application_id: str | None = None


class _JwtHead(msgspec.Struct):
    alg: str


def vonage(asked: Asked, *, secret: str, now_s: int, application_id: str | None = None) -> str:
    """A JWT in `Authorization`, signed by the account's secret (HS256, and nothing else)."""
    scheme, _, token = asked.header("Authorization").partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        raise NotSigned("Authorization holds no signed token")
    if _decoded(parts[0], _JwtHead).alg != "HS256":
        raise NotSigned("the token is not signed by HS256")
    signed = f"{parts[0]}.{parts[1]}".encode("ascii", "replace")
    right = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    if not hmac.compare_digest(_base64url(parts[2]), right):
        raise NotSigned("the token's signature is not right: check PARLEY_VONAGE_SIGNATURE_SECRET")
    _check_claims(_decoded(parts[1], _Claims), asked, now_s, application_id)
    return "Authorization"


def _check_claims(claims: _Claims, asked: Asked, now_s: int, application_id: str | None) -> None:
    """Raises NotSigned for a token that is old, or of another request."""
    over = claims.exp if claims.exp is not None else claims.iat + VONAGE_AGE_S
    begins = max(claims.iat, claims.nbf or 0)
    if now_s > over + VONAGE_SKEW_S or now_s < begins - VONAGE_SKEW_S:
        raise NotSigned("the token is not of now")
    told = claims.payload_hash
    if told and asked.body and not any(same(told, one) for one in _body_hashes(asked.body)):
        raise NotSigned("the token is of another body")
    if claims.application_id and application_id and claims.application_id != application_id:
        raise NotSigned("the token is of another application than PARLEY_VONAGE_APPLICATION_ID")


def _body_hashes(body: bytes) -> list[str]:
    """The body's hash, and that of the same JSON without white space, which Vonage documents."""
    hashes = [hashlib.sha256(body).hexdigest()]
    try:
        compact = msgspec.json.encode(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return hashes
    return [*hashes, hashlib.sha256(compact).hexdigest()]


def _decoded(part: str, shape: type[Any]) -> Any:
    try:
        return msgspec.json.decode(_base64url(part), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotSigned("Authorization holds no signed token") from None


def _base64url(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise NotSigned("Authorization holds no signed token") from None


# A name and a password


def basic(asked: Asked, *, user: str, password: str) -> str:
    """HTTP's Basic authentication (RFC 7617)."""
    scheme, _, encoded = asked.header("Authorization").partition(" ")
    if scheme.lower() != "basic":
        raise NotSigned("Authorization holds no name and password")
    try:
        told = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise NotSigned("Authorization holds no name and password") from None
    name, _, secret = told.partition(b":")
    right = hmac.compare_digest(name, user.encode())
    if not hmac.compare_digest(secret, password.encode()) or not right:
        raise NotSigned("the name or the password is not right")
    return "Authorization"
