"""WebSocket close codes (RFC 6455, 7.4.1), as far as Parley sends or sees them."""

from __future__ import annotations

NORMAL = 1000
GOING_AWAY = 1001
ABNORMAL = 1006
"""Never sent: the connection was lost without a close frame."""
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011

ENDED_BY_CLIENT = "the client ended the session"
ENDED_BY_SERVER = "the server ended the session"
"""The reason where the peer said goodbye, or hung up."""
