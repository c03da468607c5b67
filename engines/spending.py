"""What engines' work costs, told to whoever pays for it.

Whoever is let in through a door has shares of what it may use (server/access). The engines and the
actors that drive them do not know whom they work for; they say what was used, and it is told to
the one whose task this is, if anybody is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from enum import Enum
from typing import TypeAlias


class Unit(Enum):
    """What is used. The value is how it is called in words."""

    AUDIO = "seconds of audio"
    """Speech that was transcribed."""
    CHARACTERS = "characters spoken"
    REQUESTS = "requests to paid services"
    """Requests to recognizers, models and voices that are not on this machine."""


Spender: TypeAlias = Callable[[Unit, float], None]


def _nobody(unit: Unit, amount: float) -> None:
    pass


_spender: ContextVar[Spender] = ContextVar("parley_spender", default=_nobody)


def spent(unit: Unit, amount: float) -> None:
    """Say that it was used. Never raises, never waits."""
    _spender.get()(unit, amount)


def spend_for(spender: Spender) -> None:
    """From now on what the current task uses, and the tasks that it begins, is told to this one."""
    _spender.set(spender)
