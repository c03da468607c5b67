"""Calls by Twilio's REST API, which SignalWire imitates below another path."""

from __future__ import annotations

import base64
from xml.etree import ElementTree as ET

from ...protocol.call_start import CallStart
from .addresses import Addresses
from .carrier_http import CarrierHttp, Told
from .control import CallOut, CarrierRefused, checked_destination, checked_id
from .numbers import is_sip

TWILIO_URL = "https://api.twilio.com"
OVER = 404, 20404
"""The status and the code of a call that is over, and is kept no more."""
NOT_IN_PROGRESS = 21220
EVENTS = ("initiated", "ringing", "answered", "completed")


class TwilioControl:
    """`root` is the path in front of the API's own."""

    def __init__(
        self,
        http: CarrierHttp,
        addresses: Addresses,
        *,
        account: str,
        token: str,
        root: str = "",
    ) -> None:
        self._http = http
        self._addresses = addresses
        self._calls = f"{root}/2010-04-01/Accounts/{account}/Calls"
        credentials = base64.b64encode(f"{account}:{token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}"}

    async def hang_up(self, call: CallStart) -> None:
        told = await self._update(call, ("Status", "completed"), again=True)
        if not told.is_good and not _over(told) and told.body.get("code") != NOT_IN_PROGRESS:
            raise self._http.refused(told, "end the call")

    async def transfer(self, call: CallStart, to: str) -> None:
        told = await self._update(call, ("Twiml", dial_twiml(checked_destination(to))))
        if told.is_good:
            return
        if _over(told) or told.body.get("code") == NOT_IN_PROGRESS:
            raise CarrierRefused("the call is over, so it cannot be transferred")
        raise self._http.refused(told, "transfer the call")

    async def send_digits(self, call: CallStart, digits: str) -> None:
        raise CarrierRefused(
            f"{self._http.service} cannot dial within a call while its sound is here: that would "
            "end the stream"
        )

    async def dial(self, out: CallOut) -> str:
        service = self._http.service
        status = self._addresses.status(service)
        form = [
            ("To", out.to),
            ("From", out.from_),
            ("Url", self._addresses.answer(service, out.agent, out.parameters)),
            ("Method", "POST"),
            ("StatusCallback", status),
            ("StatusCallbackMethod", "POST"),
            *(("StatusCallbackEvent", event) for event in EVENTS),
        ]
        if out.detect_machine:
            form += [
                ("MachineDetection", "DetectMessageEnd"),
                ("AsyncAmd", "true"),
                ("AsyncAmdStatusCallback", status),
                ("AsyncAmdStatusCallbackMethod", "POST"),
            ]
        told = await self._http.ask("POST", f"{self._calls}.json", headers=self._headers, form=form)
        call_id = told.body.get("sid")
        if not told.is_good:
            raise self._http.refused(told, "make the call")
        if not isinstance(call_id, str) or not call_id:
            raise CarrierRefused(f"{service} answered without the id of the call")
        return call_id

    async def _update(self, call: CallStart, *form: tuple[str, str], again: bool = False) -> Told:
        path = f"{self._calls}/{checked_id(call)}.json"
        return await self._http.ask("POST", path, headers=self._headers, form=form, again=again)


def dial_twiml(to: str) -> str:
    """The instruction to put a caller through to a destination that was checked."""
    root = ET.Element("Response")
    ET.SubElement(ET.SubElement(root, "Dial"), "Sip" if is_sip(to) else "Number").text = to
    return ET.tostring(root, encoding="unicode")


def _over(told: Told) -> bool:
    return (told.status, told.body.get("code")) == OVER
