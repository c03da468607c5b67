"""The profile of the telephone's dialects: what a session is like on a line."""

from __future__ import annotations

from types import MappingProxyType

import msgspec

from ..codes import Breach
from ..dialect import Choices, Profile
from .sound import CODINGS, RATES_HZ

MAX_MESSAGE_BYTES = 256 * 1024
"""A piece of 20 ms is 400 bytes, of 100 ms as L16 6 KB."""

MAX_AUDIO_BYTES = 128 * 1024

PIECE_MS = 100
"""Reply audio leaves in pieces of this length, each as frames of 20 ms."""

LEAD_MS = 300
"""What the carrier has left to play when the network hiccups. An interruption wastes it."""


SOUND_OPTIONS = MappingProxyType({"coding": CODINGS, "rate": tuple(map(str, RATES_HZ))})
"""What the start of a call says of its sound: a session's dialect is chosen by it."""


def telephone_profile(name: str, **different: object) -> Profile:
    """The profile of a service; `different` is what it does another way."""
    profile = Profile(
        name=name,
        rates_hz=frozenset(RATES_HZ),
        needs_start=True,
        start_resets=False,
        completes_on_stop=False,
        max_audio_bytes=MAX_AUDIO_BYTES,
        max_message_bytes=MAX_MESSAGE_BYTES,
        reply_rate_hz=RATES_HZ[0],
        reply_frame_ms=PIECE_MS,
        short_phrases=False,
        reply_lead_ms=LEAD_MS,
        final_on_stop=False,
        fatal=frozenset(),
        # A service reads no complaint: what is wrong is counted and left out.
        ignored=frozenset(Breach),
        telephone=True,
        at_sound="clear",
        tells_cleared=True,
    )
    return msgspec.structs.replace(profile, **different) if different else profile


def at_rate(profile: Profile, choices: Choices) -> Profile:
    """A service's profile on a line of the rate that was chosen, or the one that it has by
    itself."""
    rate_hz = int(choices.get("rate") or profile.reply_rate_hz or RATES_HZ[0])
    return msgspec.structs.replace(profile, reply_rate_hz=rate_hz)
