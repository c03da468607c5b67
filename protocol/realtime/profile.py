"""What is particular about dialect D, beside its spelling."""

from __future__ import annotations

from ..dialect import Profile
from .session_config import G711_RATE_HZ, PCM_RATE_HZ

MODEL = "parley"
"""What the model is called where the address names none."""

REPLY_FRAME_MS = 80
REPLY_LEAD_MS = 240
"""So far ahead of its playback reply audio is sent: enough for a network, and little to throw away
where somebody interrupts."""

MAX_MESSAGE_BYTES = 24 * 1024 * 1024
"""An append of 15 MiB is 20 MiB of base64, and one of 16 MiB is refused and not hung up on."""

PROFILE = Profile(
    name="realtime",
    rates_hz=frozenset({PCM_RATE_HZ, G711_RATE_HZ}),
    needs_start=False,
    start_resets=False,
    completes_on_stop=False,
    max_audio_bytes=MAX_MESSAGE_BYTES,
    max_message_bytes=MAX_MESSAGE_BYTES,
    reply_rate_hz=PCM_RATE_HZ,
    reply_frame_ms=REPLY_FRAME_MS,
    by_items=True,
    short_phrases=False,
    reply_lead_ms=REPLY_LEAD_MS,
    final_on_stop=False,
    fatal=frozenset(),
    ignored=frozenset(),
)
