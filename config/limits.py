"""How much one token, or one address, may use of a server."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one token or address; 0 is no limit. The names are those in a file of tokens."""

    sessions: int = 0
    """Conversations at once."""
    handshakes_per_s: float = 0
    """Requests and WebSockets that are begun, on average; twice as many at once."""
    bytes_per_s: int = 0
    """What is read of all its connections together. Nothing is lost: who sends more has to wait."""
    audio_s_per_hour: float = 0
    """Seconds of speech that are transcribed."""
    characters_per_hour: int = 0
    """Characters that a voice speaks."""
    requests_per_hour: int = 0
    """Requests to recognizers, models and voices that are services with a price."""

    @property
    def any(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))
