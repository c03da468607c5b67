"""Calls by Telnyx' Call Control API."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import quote

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
from .tickets import RINGING_S

TELNYX_URL = "https://api.telnyx.com"
OVER = "90018"
"""The code of a call that has ended already; its status is 422."""

STREAM: Mapping[str, object] = {
    "stream_track": "inbound_track",
    "stream_codec": "PCMU",
    "stream_bidirectional_mode": "rtp",
    "stream_bidirectional_codec": "PCMU",
    "stream_bidirectional_target_legs": "self",
}
"""Sound as it is on most lines. Without the mode Telnyx would take MP3, and nothing else."""


class TelnyxControl:
    def __init__(
        self,
        http: CarrierHttp,
        addresses: Addresses,
        *,
        api_key: str,
        connection_id: str | None,
        stream_token: str | None,
    ) -> None:
        self._http = http
        self._addresses = addresses
        self._connection_id = connection_id
        self._stream_token = stream_token
        self._headers = {"Authorization": f"Bearer {api_key}"}

    async def hang_up(self, call: CallStart) -> None:
        told = await self._action(checked_id(call), "hangup", {})
        if not told.is_good and not _over(told):
            raise self._http.refused(told, "end the call")

    async def transfer(self, call: CallStart, to: str) -> None:
        body = {"to": checked_destination(to)}
        told = await self._action(checked_id(call), "transfer", body)
        if _over(told):
            raise CarrierRefused("the call is over, so it cannot be transferred")
        if not told.is_good:
            raise self._http.refused(told, "transfer the call")

    async def send_digits(self, call: CallStart, digits: str) -> None:
        body = {"digits": checked_digits(digits)}
        told = await self._action(checked_id(call), "send_dtmf", body)
        if not told.is_good:
            raise self._http.refused(told, "dial within the call")

    async def answer(self, call_id: str, agent: str, parameters: Mapping[str, str]) -> None:
        """Pick up a call that Call Control has told of, and connect it."""
        stream = self._addresses.stream("telnyx", agent, parameters=parameters)
        told = await self._action(call_id, "answer", {"stream_url": stream, **STREAM})
        if not told.is_good and not _over(told):
            raise self._http.refused(told, "answer the call")

    async def dial(self, out: CallOut) -> str:
        if self._connection_id is None:
            raise CarrierRefused(
                "telnyx makes calls by an application: set PARLEY_TELNYX_CONNECTION_ID"
            )
        body: dict[str, object] = {
            "connection_id": self._connection_id,
            "to": out.to,
            "from": out.from_,
            "stream_url": self._addresses.stream(
                "telnyx", out.agent, for_s=RINGING_S, parameters=out.parameters
            ),
            **STREAM,
            "webhook_url": self._addresses.status("telnyx"),
            "webhook_url_method": "POST",
        }
        if self._stream_token is not None:
            body["stream_auth_token"] = self._stream_token
        if out.detect_machine:
            body["answering_machine_detection"] = "premium"
        told = await self._http.ask("POST", "/v2/calls", headers=self._headers, json=body)
        if not told.is_good:
            raise self._http.refused(told, "make the call")
        data = told.body.get("data")
        call_id = data.get("call_control_id") if isinstance(data, dict) else None
        if not isinstance(call_id, str) or not call_id:
            raise CarrierRefused("telnyx answered without the id of the call")
        return call_id

    async def _action(self, call_id: str, action: str, body: Mapping[str, object]) -> Told:
        """A command. Its id makes the second attempt of a command that arrived do nothing."""
        path = f"/v2/calls/{quote(call_id, safe=':')}/actions/{action}"
        command = {**body, "command_id": secrets.token_hex(16)}
        return await self._http.ask("POST", path, headers=self._headers, json=command, again=True)


def _over(told: Told) -> bool:
    errors = told.body.get("errors")
    found = errors if isinstance(errors, list) else []
    return told.status == 422 and any(
        isinstance(error, dict) and str(error.get("code")) == OVER for error in found
    )
