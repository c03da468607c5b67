"""A simulated carrier: each telephone service's side of the wire, by its document, with a network
and the ear of a caller. No service was called to make it.

    async with carrier_socket("ws://127.0.0.1:8084/telephone/twilio") as socket:
        carrier = Carrier(socket, wire_of("twilio"), Network(delay_ms=60, jitter_ms=80))
        await carrier.run()
"""

from __future__ import annotations

from .carrier import Carrier, Network
from .ear import Ear, Heard
from .json_wire import JsonWire
from .over_socket import carrier_socket
from .wire import Call, NoWire, Wire, wire_of

__all__ = [
    "Call",
    "Carrier",
    "Ear",
    "Heard",
    "JsonWire",
    "Network",
    "NoWire",
    "Wire",
    "carrier_socket",
    "wire_of",
]
