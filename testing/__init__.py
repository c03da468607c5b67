"""Whole sessions in memory: scripted engines, a client, and cancelling at every step."""

from ..client.in_memory import InMemoryClient
from .cancelling import Attempt, cancelled_at, every_step
from .sessions import LOUD, open_session, silence, speech

__all__ = [
    "LOUD",
    "Attempt",
    "InMemoryClient",
    "cancelled_at",
    "every_step",
    "open_session",
    "silence",
    "speech",
]
