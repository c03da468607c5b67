"""The telephone's dialects by name."""

from __future__ import annotations

OVER_WEBSOCKETS = (
    "twilio",
    "telnyx",
    "plivo",
    "exotel",
    "signalwire",
    "vonage",
    "asterisk",
    "jambonz",
    "freeswitch",
    "genesys",
)
"""Those whose services bring calls over a WebSocket, as their paths below /telephone name them."""

TELEPHONE = frozenset((*OVER_WEBSOCKETS, "audiosocket"))
