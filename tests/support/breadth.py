"""How much is tried: `make test` has a few of each kind, `make test-all` sets PARLEY_TEST_ALL and
takes twice as long. A variable of its own makes one kind as broad as somebody wants.
"""

from __future__ import annotations

import os

ALL = bool(os.environ.get("PARLEY_TEST_ALL"))


def breadth(variable: str, few: int, whole: int) -> int:
    """How many are tried: what `variable` says, `whole` for all of the suite, else `few`."""
    given = os.environ.get(variable)
    return int(given) if given else whole if ALL else few
