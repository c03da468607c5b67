"""Why Valkey or Redis did not do something, in words of our own.

A server's words are never passed on: an old one repeats the command that it did not know, and with
that the password; one that is no such server may say anything.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from socket import gaierror

from coredis.exceptions import (
    AuthenticationFailureError,
    AuthenticationRequiredError,
    AuthorizationError,
    BusyLoadingError,
    InvalidResponse,
    MovedError,
    ProtocolError,
    ReadOnlyError,
    ResponseError,
    UnknownCommandError,
    WrongTypeError,
)
from coredis.exceptions import ConnectionError as ConnectionFailed

NO_REDIS = "it answers something that is not Redis' protocol"
OLD = "it is older than Redis 6, which is needed"
FULL = "its memory is full"

_TYPES: tuple[tuple[type[BaseException], str], ...] = (
    (AuthenticationRequiredError, "it asks for a password: put it into PARLEY_STORE_URL"),
    (AuthenticationFailureError, "it does not take the user or the password"),
    (AuthorizationError, "its user may not do what is needed: see docs/CLUSTER.md"),
    (UnknownCommandError, OLD),
    (ProtocolError, OLD),
    (BusyLoadingError, "it is still reading its data"),
    (ReadOnlyError, "it is a replica and takes nothing: name the primary"),
    (MovedError, "it is a part of a Redis Cluster: name a server that is by itself"),
    (WrongTypeError, "another program keeps something under this name"),
    (InvalidResponse, NO_REDIS),
)

_BEGINNINGS = (
    ("OOM ", FULL),
    ("MISCONF", "it cannot write to its disk, and takes nothing"),
    ("CLUSTERDOWN", "it is a part of a Redis Cluster: name a server that is by itself"),
    ("DB index is out of range", "it has no database of this number"),
    ("invalid DB index", "it has no database of this number"),
    ("value is not a valid float", "what is kept there is no sum"),
)


def why_not(error: BaseException) -> str:
    """One line, for an error of a call or of an attempt to connect."""
    for cause in _causes(error):
        for kind, words in _TYPES:
            if isinstance(cause, kind):
                return words
        match cause:
            case ssl.SSLCertVerificationError():
                return f"its certificate is refused: {cause.verify_message.rstrip('.')}"
            case ssl.SSLError():
                return "it does not speak TLS: write redis:// where it has none"
            case gaierror():
                return "nobody knows its name"
            case TimeoutError():
                return "it does not answer in time"
            case ResponseError():
                return _of_response(str(cause))
            case OSError() if cause.errno:
                return f"it cannot be reached ({os.strerror(cause.errno)})"
            case OSError():
                return "it cannot be reached"
            case ValueError() | AssertionError() | LookupError() | TypeError():
                return NO_REDIS
    return "the connection was lost"


def _of_response(text: str) -> str:
    for beginning, words in _BEGINNINGS:
        if text.startswith(beginning):
            return words
    return "it refuses the command"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The innermost first: what wraps it says less."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        if isinstance(current, BaseExceptionGroup):
            chain.extend(current.exceptions)
        current = current.__cause__ or current.__context__
    yield from (
        one
        for one in reversed(chain)
        if not isinstance(one, ConnectionFailed | BaseExceptionGroup)
        or isinstance(one, ProtocolError | BusyLoadingError)
    )
