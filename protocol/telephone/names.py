"""The telephone's dialects by name."""

from __future__ import annotations

TELEPHONE = frozenset(
    {
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
        "audiosocket",
    }
)
