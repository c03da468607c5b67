"""Signatures over the address of a request: Twilio's, SignalWire's and Plivo's.

Pure. Each function says what matched, or raises NotSigned. The address that is signed is the one
that the service was given, so it is made from PARLEY_PUBLIC_URL and not from the request's Host.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .asked import Asked, NotSigned, public_urls, values_of

TWILIO = "X-Twilio-Signature"
TWILIO_SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
"""Sent where webhook rules sign with a shared key: `key=…,algorithm=HMAC_SHA256`."""
TWILIO_HASHES: Mapping[str, Callable[..., Any]] = {
    "HMAC_SHA1": hashlib.sha1,
    "HMAC_SHA256": hashlib.sha256,
}
SIGNALWIRE = "X-SignalWire-Signature"
PLIVO = "X-Plivo-Signature-V3"
PLIVO_NONCE = "X-Plivo-Signature-V3-Nonce"
PLIVO_SUFFIX = "/websocket"
"""Plivo's own library for streams appends it to the address before it checks."""


def same(told: str, right: str) -> bool:
    """Whether two texts are equal, in a time that tells nothing."""
    return hmac.compare_digest(told.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


# Twilio


def twilio(
    asked: Asked,
    *,
    public_url: str | None,
    auth_token: str | None,
    shared_key: str | None = None,
) -> str:
    """The signature of Twilio, by the account's auth token or by a shared key."""
    told = asked.header(TWILIO)
    settings = asked.headers.get(TWILIO_SETTINGS.lower(), "")
    algorithm = _twilio_algorithm(settings)
    if algorithm not in TWILIO_HASHES:
        raise NotSigned(f"{TWILIO_SETTINGS} names an algorithm that is not known here")
    key = shared_key if settings else auth_token
    if key is None:
        name = "PARLEY_TWILIO_SHARED_KEY" if settings else "PARLEY_TWILIO_AUTH_TOKEN"
        raise NotSigned(f"the request is signed by a key that is not set: {name}")
    return _twilio_match(asked, public_url, told, key, algorithm)


def signalwire(asked: Asked, *, public_url: str | None, signing_key: str) -> str:
    """SignalWire signs as Twilio does, by a key of its own and under either header."""
    name = SIGNALWIRE if SIGNALWIRE.lower() in asked.headers else TWILIO
    return _twilio_match(asked, public_url, asked.header(name), signing_key, "HMAC_SHA1")


def _twilio_algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"


def _twilio_match(asked: Asked, public_url: str | None, told: str, key: str, algorithm: str) -> str:
    rest = _twilio_body(asked)
    secure = (public_url or "").startswith("https")
    scheme = ("ws" if asked.stream else "http") + ("s" if secure else "")

    def signature(url: str) -> str:
        return twilio_signature(key, url + rest, algorithm)

    return _match(public_urls(public_url, asked.target, (scheme,)), signature, (told,))


def twilio_signature(key: str, text: str, algorithm: str = "HMAC_SHA1") -> str:
    """The signature over an address, with what Twilio appends to it."""
    made = hmac.new(key.encode(), text.encode("utf-8", "replace"), TWILIO_HASHES[algorithm])
    return base64.b64encode(made.digest()).decode()


def _twilio_body(asked: Asked) -> str:
    """What is signed behind the address: a form's fields by name, each value once. The hash of any
    other body is in the address. Raises NotSigned for a body that nothing covers."""
    fields = values_of(asked.form)
    if asked.is_form:
        return "".join(
            name + value for name in sorted(fields) for value in sorted(set(fields[name]))
        )
    if asked.body:
        told = values_of(asked.query).get("bodySHA256", [""])[0]
        if not same(told.lower(), hashlib.sha256(asked.body).hexdigest()):
            raise NotSigned("the body is not the one that bodySHA256 in the address tells of")
    return ""


# Plivo


def plivo(asked: Asked, *, public_url: str | None, auth_token: str) -> str:
    """Plivo's third signature. It may have signed the address of a stream as https, or as http."""
    told = [one.strip() for one in asked.header(PLIVO).split(",") if one.strip()]
    nonce = asked.header(PLIVO_NONCE)
    if asked.body and not (asked.is_form and asked.method == "POST"):
        raise NotSigned("the body is not a form, and the signature covers no other")
    path, _, _ = asked.target.partition("?")
    targets = (path, path + PLIVO_SUFFIX) if asked.stream else (path,)
    schemes = ("wss", "https", "http", "ws") if asked.stream else ("https", "http")
    urls = [url for target in targets for url in public_urls(public_url, target, schemes)]

    def signature(url: str) -> str:
        return plivo_signature(auth_token, _plivo_text(asked, url), nonce)

    return _match(urls, signature, told)


def plivo_signature(auth_token: str, text: str, nonce: str) -> str:
    made = hmac.new(auth_token.encode(), f"{text}.{nonce}".encode("utf-8", "replace"), "sha256")
    return base64.b64encode(made.digest()).decode()


def _plivo_text(asked: Asked, url: str) -> str:
    """The address with its query sorted, and behind it a form's fields, sorted too."""
    query = _joined(values_of(asked.query), "=", "&")
    form = _joined(values_of(asked.form), "", "") if asked.method == "POST" else ""
    if not form:
        return f"{url}?{query}" if query else url
    return f"{url}?{query}.{form}" if query else f"{url}?{form}"


def _joined(fields: Mapping[str, list[str]], equals: str, between: str) -> str:
    return between.join(
        f"{name}{equals}{value}" for name in sorted(fields) for value in sorted(fields[name])
    )


def _match(urls: Iterable[str], signature: Callable[[str], str], told: Iterable[str]) -> str:
    """The address whose signature was told. All are tried, whichever matches."""
    told, found = tuple(told), []
    for url in urls:
        right = signature(url)
        if any(same(one, right) for one in told):
            found.append(url)
    if not found:
        raise NotSigned(
            "the signature is not right: check the secret, and that PARLEY_PUBLIC_URL is what the "
            "service was given"
        )
    return found[0]
