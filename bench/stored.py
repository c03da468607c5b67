"""Result files, read back. They may come from another machine or another version: what is in them
is checked as far as it is used, and what is missing is just not shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from .result import Spread

LARGEST_BYTES = 20_000_000
LARGEST = 1e15


class NotAResult(Exception):
    """This file holds no result of `parley bench`. The text is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One file; `name` is its name without the ending."""

    name: str
    bench: str
    when: str
    parley: str
    parameters: dict[str, Any]
    rows: list[dict[str, Any]]
    notes: list[str]
    environment: dict[str, Any]


def result_files(paths: Sequence[Path]) -> list[Path]:
    """Files as they are given, folders as their *.json by name. Raises NotAResult."""
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not found:
            raise NotAResult(f"{path}: holds no *.json")
        files += found
    return files


def load(path: Path) -> Stored:
    """Raises NotAResult."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise NotAResult(f"{path}: is too large for a result")
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise NotAResult(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise NotAResult(f"{path}: is not JSON ({error})") from None
    try:
        return Stored(
            name=path.stem,
            bench=_of(str, data, "bench"),
            when=_of(str, data, "when"),
            parley=_of(str, data, "parley"),
            parameters=_of(dict, data, "parameters"),
            rows=_all(dict, _of(list, data, "rows")),
            notes=_all(str, data.get("notes", [])),
            environment=_of(dict, data, "environment"),
        )
    except (TypeError, KeyError, AttributeError):
        raise NotAResult(f"{path}: is no result of parley bench") from None


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _of(kind: type[Any], data: Any, key: str) -> Any:
    return _all(kind, [data[key]])[0]


def _all(kind: type[Any], values: Any) -> list[Any]:
    if not isinstance(values, list) or not all(isinstance(value, kind) for value in values):
        raise TypeError
    return values


def number(row: dict[str, Any], key: str) -> float | None:
    """A figure of a row, None where it is missing or no number that was ever measured."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= LARGEST else None


def text(row: dict[str, Any], key: str) -> str:
    """A word or a number of a row as text, "" where it is missing."""
    value = row.get(key)
    return "" if value is None else str(value)


def spread_in(row: dict[str, Any], key: str) -> Spread | None:
    """A distribution of a row, None where it is missing, empty or something else."""
    value = row.get(key)
    if not isinstance(value, dict):
        return None
    figures = [number(value, name) for name in ("count", "median", "p95", "p99", "most")]
    quantiles = value.get("quantiles")
    if None in figures or not isinstance(quantiles, list) or len(quantiles) < 2:
        return None
    points = [number({"": point}, "") for point in quantiles]
    if None in points:
        return None
    count, median, p95, p99, most = figures
    return Spread(
        int(count or 0), median, p95, p99, most, sorted(p for p in points if p is not None)
    )


def dicts(value: Any) -> list[dict[str, Any]]:
    """The dicts in what should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
