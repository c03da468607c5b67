"""Settings: one frozen object, validated once at start, sliced to whoever needs a part.

`load_settings` reads the sources and raises SettingsError with every problem at once. The
variables are in variables.py; docs/CONFIGURATION.md is their reference. `wished` lays a client's
wishes over them, for one session.
"""

from __future__ import annotations

from .kinds import Phrases
from .load import SettingsError, load_settings
from .settings import Settings
from .slices import (
    Answering,
    Backpressure,
    Fallback,
    Framing,
    Hearing,
    Observing,
    Recording,
    Serving,
    Speaking,
    Transcribing,
    Turning,
)
from .wishes import BadWish, VoiceSetting, wished

__all__ = [
    "Answering",
    "Backpressure",
    "BadWish",
    "Fallback",
    "Framing",
    "Hearing",
    "Observing",
    "Phrases",
    "Recording",
    "Serving",
    "Settings",
    "SettingsError",
    "Speaking",
    "Transcribing",
    "Turning",
    "VoiceSetting",
    "load_settings",
    "wished",
]
