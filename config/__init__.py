"""Settings: one frozen object, validated once at start, sliced to whoever needs a part.

`load_settings` reads the sources and raises SettingsError with every problem at once. The
variables are in variables.py; docs/CONFIGURATION.md is their reference. `wished` lays a client's
wishes over them, for one session.
"""

from __future__ import annotations

from .kinds import Phrases
from .load import SettingsError, load_settings
from .mcp_servers import McpServer, mcp_server
from .settings import Settings
from .slices import (
    Acting,
    Answering,
    Backpressure,
    Fallback,
    Framing,
    Hearing,
    Observing,
    Recording,
    Serving,
    Silence,
    Speaking,
    Transcribing,
    Turning,
)
from .wishes import BadWish, VoiceSetting, wished

__all__ = [
    "Acting",
    "Answering",
    "Backpressure",
    "BadWish",
    "Fallback",
    "Framing",
    "Hearing",
    "McpServer",
    "Observing",
    "Phrases",
    "Recording",
    "Serving",
    "Settings",
    "SettingsError",
    "Silence",
    "Speaking",
    "Transcribing",
    "Turning",
    "VoiceSetting",
    "load_settings",
    "mcp_server",
    "wished",
]
