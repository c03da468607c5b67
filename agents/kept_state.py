"""An agent's own state of a call, as values that JSON can hold, and made of those again.

Dataclasses, msgspec structs, Pydantic models, and dictionaries and lists of such can be kept. What
the state was made as says what it is to be again: whoever changes its class between two servers
gets a fresh one where the old does not fit.
"""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from pydantic import BaseModel, ValidationError

MAX_BYTES = 100_000
"""Of one call's state. It is written again whenever it has changed."""


class CannotKeep(Exception):
    """Why a state cannot be kept, in words that show nothing of it."""


def kept_state(state: Any) -> Any:
    """As JSON values. Raises CannotKeep."""
    try:
        if isinstance(state, BaseModel):
            values = state.model_dump(mode="json")
        else:
            values = msgspec.to_builtins(state, str_keys=True)
        size = len(msgspec.json.encode(values))
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        # Not the error's own words: they may hold what is in the state.
        kind = type(state).__name__
        raise CannotKeep(f"a {kind} is not made of values that JSON can hold") from None
    if size > MAX_BYTES:
        raise CannotKeep(f"the state has {size} bytes as JSON; {MAX_BYTES} are kept")
    return values


def restored_state(values: Any, fresh: Any) -> Any:
    """The state that `values` were made of. `fresh` is a new one, which says what it is; it is what
    the call gets where the values do not fit."""
    if values is None:
        return fresh
    try:
        if isinstance(fresh, BaseModel):
            return type(fresh).model_validate(values)
        if fresh is None:
            return values
        return msgspec.convert(values, type=type(fresh), strict=False)
    except (msgspec.MsgspecError, ValidationError, TypeError):
        structlog.get_logger().warning("agent_state_not_restored", kind=type(fresh).__name__)
        return fresh
