"""Calls by Vonage's Voice API, which wants a token signed by the application's private key."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import trio

from ...protocol.call_start import CallStart
from .addresses import Addresses
from .carrier_http import CarrierHttp, Told
from .control import (
    CallOut,
    CarrierRefused,
    checked_destination,
    checked_digits,
    checked_id,
)
from .numbers import is_sip
from .tokens import MISSING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

VONAGE_URL = "https://api.nexmo.com"
TOKEN_S = 300


class VonageControl:
    def __init__(
        self,
        http: CarrierHttp,
        addresses: Addresses,
        *,
        application_id: str,
        private_key_file: str,
        now_s: Callable[[], int],
    ) -> None:
        self._http = http
        self._addresses = addresses
        self._application_id = application_id
        self._key_file = private_key_file
        self._key: RSAPrivateKey | None = None
        self._now_s = now_s

    async def hang_up(self, call: CallStart) -> None:
        told = await self._put(f"/v1/calls/{checked_id(call)}", {"action": "hangup"}, again=True)
        if not told.is_good and told.status != 404:
            raise self._http.refused(told, "end the call")

    async def transfer(self, call: CallStart, to: str) -> None:
        ncco = [{"action": "connect", "endpoint": [_endpoint(checked_destination(to))]}]
        body = {"action": "transfer", "destination": {"type": "ncco", "ncco": ncco}}
        told = await self._put(f"/v1/calls/{checked_id(call)}", body)
        if told.status == 404:
            raise CarrierRefused("the call is over, so it cannot be transferred")
        if not told.is_good:
            raise self._http.refused(told, "transfer the call")

    async def send_digits(self, call: CallStart, digits: str) -> None:
        body = {"digits": checked_digits(digits).replace("w", "p").replace("W", "pp")}
        told = await self._put(f"/v1/calls/{checked_id(call)}/dtmf", body)
        if not told.is_good:
            raise self._http.refused(told, "dial within the call")

    async def dial(self, out: CallOut) -> str:
        body: dict[str, object] = {
            "to": [_endpoint(out.to)],
            "from": {"type": "phone", "number": out.from_.removeprefix("+")},
            "answer_url": [self._addresses.answer("vonage", out.agent, out.parameters)],
            "answer_method": "POST",
            "event_url": [self._addresses.status("vonage")],
            "event_method": "POST",
        }
        if out.detect_machine:
            body["advanced_machine_detection"] = {"behavior": "continue", "mode": "detect_beep"}
        headers = await self._headers()
        told = await self._http.ask("POST", "/v1/calls", headers=headers, json=body)
        call_id = told.body.get("uuid")
        if not told.is_good:
            raise self._http.refused(told, "make the call")
        if not isinstance(call_id, str) or not call_id:
            raise CarrierRefused("vonage answered without the id of the call")
        return call_id

    async def _put(self, path: str, body: object, *, again: bool = False) -> Told:
        headers = await self._headers()
        return await self._http.ask("PUT", path, headers=headers, json=body, again=again)

    async def _headers(self) -> dict[str, str]:
        if self._key is None:
            self._key = await trio.to_thread.run_sync(load_key, self._key_file)
        now_s = self._now_s()
        claims = {
            "application_id": self._application_id,
            "iat": now_s,
            "exp": now_s + TOKEN_S,
            "jti": str(uuid4()),
        }
        return {"Authorization": f"Bearer {signed_token(self._key, claims)}"}


def load_key(path: str) -> RSAPrivateKey:
    """Raises CarrierRefused where the file holds no key."""
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise CarrierRefused(f"Vonage cannot be asked: {MISSING}") from None
    try:
        key = load_pem_private_key(Path(path).expanduser().read_bytes(), password=None)
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
        raise CarrierRefused(f"PARLEY_VONAGE_PRIVATE_KEY_FILE {why}") from None
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise CarrierRefused("PARLEY_VONAGE_PRIVATE_KEY_FILE holds no RSA key without a password")
    return key


def signed_token(key: RSAPrivateKey, claims: object) -> str:
    """A JSON web token, signed by RS256."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    head = _base64url(msgspec.json.encode({"alg": "RS256", "typ": "JWT"}))
    signed = f"{head}.{_base64url(msgspec.json.encode(claims))}"
    return f"{signed}.{_base64url(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _endpoint(to: str) -> dict[str, str]:
    if is_sip(to):
        return {"type": "sip", "uri": to}
    return {"type": "phone", "number": to.removeprefix("+")}
