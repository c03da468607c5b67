"""Calls by Plivo's API."""

from __future__ import annotations

import base64
from xml.etree import ElementTree as ET

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

PLIVO_URL = "https://api.plivo.com"


class PlivoControl:
    def __init__(
        self, http: CarrierHttp, addresses: Addresses, *, auth_id: str, auth_token: str
    ) -> None:
        self._http = http
        self._addresses = addresses
        self._calls = f"/v1/Account/{auth_id}/Call"
        credentials = base64.b64encode(f"{auth_id}:{auth_token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}"}

    async def hang_up(self, call: CallStart) -> None:
        path = f"{self._calls}/{checked_id(call)}/"
        told = await self._http.ask("DELETE", path, headers=self._headers, again=True)
        if not told.is_good and told.status != 404:
            raise self._http.refused(told, "end the call")

    async def transfer(self, call: CallStart, to: str) -> None:
        """Plivo then asks this server for instructions, which say whom to dial."""
        url = self._addresses.transfer("plivo", checked_destination(to))
        body = {"legs": "aleg", "aleg_url": url, "aleg_method": "POST"}
        told = await self._post(f"{self._calls}/{checked_id(call)}/", body)
        if told.status == 404:
            raise CarrierRefused("the call is over, so it cannot be transferred")
        if not told.is_good:
            raise self._http.refused(told, "transfer the call")

    async def send_digits(self, call: CallStart, digits: str) -> None:
        body = {"digits": checked_digits(digits)}
        told = await self._post(f"{self._calls}/{checked_id(call)}/DTMF/", body)
        if not told.is_good:
            raise self._http.refused(told, "dial within the call")

    async def dial(self, out: CallOut) -> str:
        status = self._addresses.status("plivo")
        body: dict[str, object] = {
            "to": out.to.removeprefix("+"),
            "from": out.from_.removeprefix("+"),
            "answer_url": self._addresses.answer("plivo", out.agent, out.parameters),
            "answer_method": "POST",
            "ring_url": status,
            "hangup_url": status,
        }
        if out.detect_machine:
            body |= {"machine_detection": "true", "machine_detection_url": status}
        told = await self._post(f"{self._calls}/", body)
        call_id = told.body.get("request_uuid")
        if not told.is_good:
            raise self._http.refused(told, "make the call")
        if not isinstance(call_id, str) or not call_id:
            raise CarrierRefused("plivo answered without the id of the call")
        return call_id

    async def _post(self, path: str, body: object) -> Told:
        return await self._http.ask("POST", path, headers=self._headers, json=body)


def dial_xml(to: str) -> ET.Element:
    """The instruction to put a caller through to a destination that was checked."""
    root = ET.Element("Response")
    dial = ET.SubElement(root, "Dial")
    sip = is_sip(to)
    ET.SubElement(dial, "User" if sip else "Number").text = to if sip else to.removeprefix("+")
    return root
