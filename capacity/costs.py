"""What each part of a call costs on one machine, as a file keeps it.

`parley bench costs` writes such a file for the machine it runs on; `costs.json` beside this module
is ours. It has the outline of every result of `parley bench`; each of its rows is one figure. A
figure that a file lacks is taken from ours, and told apart in the plan.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, TypeAlias, get_args

from .figures import MEANINGS

Sure: TypeAlias = Literal["measured", "extrapolated", "assumed"]
"""How a figure is known: by a measurement of it, by a calculation from measurements of something
else, or not at all."""

LARGEST = 1e12
LARGEST_BYTES = 5_000_000


class BadCosts(ValueError):
    """A file that holds no costs. The text is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`by` says how it was found (a command, or where it is taken from), `where` on which machine
    and when."""

    value: float
    sure: Sure
    by: str
    where: str


@dataclass(frozen=True, slots=True)
class Costs:
    figures: Mapping[str, Figure]
    where: str
    """The machine of most of them, and the date."""

    def __getitem__(self, name: str) -> float:
        return self.figure(name).value

    def figure(self, name: str) -> Figure:
        """Raises BadCosts where there is no such figure."""
        try:
            return self.figures[name]
        except KeyError:
            raise BadCosts(f"no cost of {name!r} is known") from None

    def over(self, others: Costs) -> Costs:
        """These, and the others' where these lack one."""
        return Costs({**others.figures, **self.figures}, self.where)


def our_costs() -> Costs:
    """Those of the machine on which Parley was measured."""
    file = resources.files(__package__) / "costs.json"
    return costs_in(file.read_text("utf-8"), "costs.json")


def costs_in(text: str, name: str) -> Costs:
    """The costs in a file's text; `name` is the file's, for errors. Raises BadCosts."""
    if len(text) > LARGEST_BYTES:
        raise BadCosts(f"{name}: is too large for a file of costs")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCosts(f"{name}: is not JSON ({error})") from None
    if not isinstance(data, dict) or data.get("bench") != "costs":
        raise BadCosts(f"{name}: is no file of costs; `parley bench costs` writes one")
    rows = data.get("rows")
    if not isinstance(rows, list) or not rows:
        raise BadCosts(f"{name}: holds no figures")
    where = _where(data)
    return Costs(dict(_figure(row, name, where) for row in rows), where)


def _where(data: Mapping[str, Any]) -> str:
    machine = data.get("environment")
    machine = machine if isinstance(machine, dict) else {}
    cores, day = machine.get("cores"), str(data.get("when", "at an unknown time"))[:10]
    return f"{machine.get('cpu', 'an unknown machine')}, {cores} cores, {day}"


def _figure(row: object, name: str, where: str) -> tuple[str, Figure]:
    if not isinstance(row, dict):
        raise BadCosts(f"{name}: a row is no figure: {row!r:.60}")
    figure = row.get("figure")
    if not isinstance(figure, str) or figure not in MEANINGS:
        raise BadCosts(f"{name}: {figure!r:.60} is no figure of a plan")
    unit, value, sure = row.get("unit"), row.get("value"), row.get("sure", "measured")
    if unit != MEANINGS[figure].unit:
        raise BadCosts(f"{name}: {figure} is in {MEANINGS[figure].unit}, not in {unit!r:.20}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCosts(f"{name}: {figure} is no number: {value!r:.40}")
    if not math.isfinite(value) or not 0 <= value <= LARGEST:
        raise BadCosts(f"{name}: {figure} cannot be {value:g}")
    if sure not in get_args(Sure):
        raise BadCosts(f"{name}: {figure} is one of {', '.join(get_args(Sure))}, not {sure!r:.20}")
    return figure, Figure(
        value=float(value),
        sure=sure,
        by=str(row.get("by", "")),
        where=str(row.get("where") or where),
    )
