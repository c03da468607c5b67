"""`parley bench report`: result files as one page of HTML that needs nothing but itself.

No script, no font, no address: it can be mailed, committed, and read without a network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .page.figures import table
from .page.generic import generic
from .page.markup import Markup, el
from .page.sections import SECTIONS, headlines
from .page.style import STYLE
from .stored import Stored, load, result_files

TITLE = "Parley, measured"
LOAD = "load_1min"


def write_report(paths: Sequence[Path], out: Path) -> int:
    """The page of these results (files, or folders of them); returns how many there were.

    Raises NotAResult, and OSError where the page cannot be written.
    """
    results = [load(path) for path in result_files(paths)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(results), encoding="utf-8")
    return len(results)


def page(results: Sequence[Stored]) -> str:
    """The whole document. Benches in the order of SECTIONS, then those that are unknown."""
    order = list(SECTIONS)
    ordered = sorted(
        results,
        key=lambda r: (order.index(r.bench) if r.bench in order else len(order), r.bench, r.name),
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", TITLE),
        el("style", STYLE),
    )
    body = el(
        "main",
        el("header", el("h1", TITLE), el("p", _summary(ordered), class_="quiet")),
        _tiles(ordered),
        *(_section(result, ordered) for result in ordered),
        _environments(ordered),
    )
    return f"<!DOCTYPE html>\n{el('html', head, el('body', body), lang='en')}\n"


def _summary(results: Sequence[Stored]) -> str:
    days = sorted({day(result) for result in results})
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    machines = list(dict.fromkeys(_machine(result) for result in results))
    return f"{span} · {'; '.join(machines)}"


def _machine(result: Stored) -> str:
    at = result.environment
    return f"{at.get('cpu', 'unknown machine')}, {at.get('cores', '?')} cores"


def day(result: Stored) -> str:
    """The date, where there is one, as it was written."""
    return result.when[:10] if re.match(r"\d{4}-\d\d-\d\d", result.when) else result.when


def _tiles(results: Sequence[Stored]) -> Markup | None:
    tiles = [
        el("div", el("b", value), " ", el("span", unit), el("p", label), class_="tile")
        for result in results
        for value, unit, label in headlines(result)
    ]
    return el("div", *tiles, class_="tiles") if tiles else None


def _section(result: Stored, results: Sequence[Stored]) -> Markup:
    title, draw = SECTIONS.get(result.bench, (result.bench, generic))
    if sum(other.bench == result.bench for other in results) > 1:
        title = f"{title}: {result.name}"
    moment = result.when.replace("T", " ").replace("+00:00", " UTC")
    return el(
        "section",
        el("h2", title),
        _settings({"measured": moment, **result.parameters}),
        *(el("p", note, class_="quiet") for note in result.notes),
        el(
            "div",
            draw(result) or el("p", "Nothing was measured.", class_="quiet"),
            class_="figures",
        ),
    )


def _settings(parameters: dict[str, Any]) -> Markup:
    told = (
        el("div", el("dt", key.replace("_", " ")), el("dd", _short(value)))
        for key, value in parameters.items()
        if value is not None
    )
    return el("dl", *told, class_="settings")


def _short(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_short, value))
        case _:
            return str(value)[:200]


def _environments(results: Sequence[Stored]) -> Markup:
    """A column per environment; the load of the machine is told result by result."""
    groups: list[tuple[dict[str, Any], list[Stored]]] = []
    for result in results:
        facts = _facts(result)
        same = next((members for known, members in groups if known == facts), None)
        if same is None:
            groups.append((facts, [result]))
        else:
            same.append(result)
    keys = list(dict.fromkeys(key for facts, _ in groups for key in facts))
    rows = [[key, *(_short(facts.get(key, "-")) for facts, _ in groups)] for key in keys]
    loads = [
        ", ".join(f"{member.name} {member.environment.get(LOAD, '-')}" for member in members)
        for _, members in groups
    ]
    rows.append(["load before the end, 1 min", *loads])
    named = [", ".join(member.name for member in members) for _, members in groups]
    head = ["", *(named if len(groups) > 1 else ["all results"])]
    drawn = table(head, rows, texts=len(head))
    figures = el("div", el("figure", drawn, class_="wide"), class_="figures")
    return el("section", el("h2", "Where it was measured"), figures)


def _facts(result: Stored) -> dict[str, Any]:
    at = dict(result.environment)
    at.pop(LOAD, None)
    packages = at.pop("packages", None)
    facts = {"parley": result.parley, **{key.replace("_", " "): v for key, v in at.items()}}
    return {**facts, **(packages if isinstance(packages, dict) else {})}
