"""How an engine fails. The blame is in the type: an engine failed, not the peer and not Parley.

Actors catch these, and only these. Whatever else leaves an engine is a bug and crashes its actor.
"""

from __future__ import annotations

import traceback


class EngineFailure(Exception):
    """An engine could not do what it was asked.

    `retryable` says whether the same call may succeed when it is made again: true for a lost
    worker or a server's 503, false for a refused key. `retry_after_s` is how long the service wants
    to be left alone before that; None: it did not say.
    """

    def __init__(
        self, message: str, *, retryable: bool = True, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class EngineTimeout(EngineFailure):
    """The engine made no progress within its deadline."""


class LaneLost(EngineFailure):
    """The worker process that held the call, or the state it needs, is gone."""


class EngineUnreachable(EngineFailure):
    """No connection to the service that does it."""


class ServiceBusy(EngineFailure):
    """A service that is well was asked too often, or has too much to do: it says so itself (429, or
    how long it wants to be left alone)."""


class EngineBusy(EngineFailure):
    """There is no room for this now; later there will be. Asking again at once does not help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class EngineUnavailable(EngineFailure):
    """The engine cannot be used at all here: a model, a library or a key is missing."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class Unsayable(EngineFailure):
    """A voice cannot read what it was given: it is in another writing than its language's."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message, retryable=retryable)


class ModelProblem(EngineUnavailable):
    """A model cannot be used or had. One line: what is wrong, and what to do about it."""


MAX_PLACES = 12
"""Of a group of errors."""


def place_of(error: BaseException) -> str:
    """The type of an error and where it was raised, without a word of its own: "KeyError at
    agents/call.py:20 in ask". Of a group, those of all that is in it."""
    if isinstance(error, BaseExceptionGroup):
        inner = [place_of(one) for one in error.exceptions[:MAX_PLACES]]
        return f"{type(error).__name__} of {'; '.join(inner)}"
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} at {short_path(last.filename)}:{last.lineno} in {last.name}"


def short_path(path: str) -> str:
    """The last parts of a file's path, which is enough to find it."""
    return "/".join(path.split("/")[-3:])
