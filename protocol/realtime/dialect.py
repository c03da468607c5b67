"""Where dialect D is served, and what its address may choose."""

from __future__ import annotations

from ..dialect import Dialect
from .codec import RealtimeCodec
from .profile import PROFILE

DIALECT = Dialect(
    profile=PROFILE,
    codec=RealtimeCodec,
    paths=("/v1/realtime", "/realtime"),
    texts=("model", "intent"),
    headers={"openai-beta": "beta"},
    subprotocol="realtime",
)
