"""A simulated carrier: each telephone service's side of the wire, by its document, with a network
and the ear of a caller. No service was called to make it.

    line = Line(server_end, TWILIO.dialect.arrival())
    carrier = Carrier(client_end, TwilioWire(), network=Network(delay_ms=60, jitter_ms=80))
"""

from __future__ import annotations

from .carrier import Carrier, Network
from .ear import Ear, Heard
from .json_wire import JsonWire
from .wire import Call, Wire, wire_of

__all__ = ["Call", "Carrier", "Ear", "Heard", "JsonWire", "Network", "Wire", "wire_of"]
