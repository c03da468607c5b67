"""Settings: one frozen object, validated once at start, sliced to whoever needs a part.

`load_settings` reads the sources and raises SettingsError with every problem at once. The
variables are in variables.py; docs/CONFIGURATION.md is their reference. `wished` lays a client's
wishes over them, for one session.
"""

from __future__ import annotations

from .base_urls import keys_of, urls_of
from .kinds import Phrases
from .limits import Limits
from .load import SettingsError, load_settings
from .mcp_servers import McpServer, mcp_server
from .settings import Settings
from .slices import (
    Acting,
    Admitting,
    Answering,
    Backpressure,
    Carriers,
    Fallback,
    Framing,
    Hearing,
    Observing,
    Recording,
    Serving,
    Silence,
    Speaking,
    Telephone,
    Transcribing,
    Turning,
)
from .telephone_kinds import E164, TELEPHONE_SERVICES
from .wishes import BadWish, VoiceSetting, wished

__all__ = [
    "E164",
    "TELEPHONE_SERVICES",
    "Acting",
    "Admitting",
    "Answering",
    "Backpressure",
    "BadWish",
    "Carriers",
    "Fallback",
    "Framing",
    "Hearing",
    "Limits",
    "McpServer",
    "Observing",
    "Phrases",
    "Recording",
    "Serving",
    "Settings",
    "SettingsError",
    "Silence",
    "Speaking",
    "Telephone",
    "Transcribing",
    "Turning",
    "VoiceSetting",
    "keys_of",
    "load_settings",
    "mcp_server",
    "urls_of",
    "wished",
]
