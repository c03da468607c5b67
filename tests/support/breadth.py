"""How much is tried: `make test` has a few of each kind, `make test-all` sets PARLEY_TEST_ALL and
takes over an hour. A variable of its own makes one kind as broad as somebody wants.

A test marked `long` is left out of `make test`; of one marked `few(n)` that many of its cases are
in it.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Iterable

import pytest

ALL = bool(os.environ.get("PARLEY_TEST_ALL"))


def breadth(variable: str, few: int, whole: int) -> int:
    """How many are tried: what `variable` says, `whole` for all of the suite, else `few`."""
    given = os.environ.get(variable)
    return int(given) if given else whole if ALL else few


def left_out(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """What is not of `make test`."""
    out, cases = set[pytest.Item](), defaultdict[str, list[pytest.Item]](list)
    for item in items:
        if item.get_closest_marker("long"):
            out.add(item)
        elif item.get_closest_marker("few"):
            cases[item.nodeid.partition("[")[0]].append(item)
    for name, of_one in cases.items():
        marker = of_one[0].get_closest_marker("few")
        assert marker is not None
        out.update(set(of_one) - set(_few(of_one, marker.args[0], random.Random(name))))
    return out


def _few(cases: list[pytest.Item], most: int, chance: random.Random) -> list[pytest.Item]:
    """So many of a test's cases that have as many different parameters as possible; by chance, but
    each time the same."""
    rest, chosen, seen = chance.sample(cases, len(cases)), list[pytest.Item](), set[str]()
    while rest and len(chosen) < most:
        best = max(rest, key=lambda item: len(_parameters(item) - seen))
        rest.remove(best)
        chosen.append(best)
        seen |= _parameters(best)
    return chosen


def _parameters(item: pytest.Item) -> set[str]:
    """Each by its place in the name between the brackets."""
    inside = item.nodeid.partition("[")[2].removesuffix("]")
    return {f"{place} {value}" for place, value in enumerate(inside.split("-"))}
