"""Checks of JSON values by tables: each field has a check, and what no table knows is refused.

A check takes a value and its place ("session.audio.input.format"), and gives the value as it is to
be kept. It raises Problem.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from .problem import Problem

Check: TypeAlias = Callable[[Any, str], Any]
Table: TypeAlias = Mapping[str, "Check | Section"]

INVALID_TYPE, INVALID_VALUE = "invalid_type", "invalid_value"


class Section:
    """An object whose fields are merged into what there is. `nullable`: null turns it off."""

    def __init__(self, fields: Table, *, nullable: bool = False) -> None:
        self.fields = fields
        self.nullable = nullable


def merged(section: Section, current: Any, update: Any, where: str) -> Any:
    """`current` with what `update` says: absent is kept, null is off, lists are replaced. Neither
    is changed."""
    if update is None and section.nullable:
        return None
    result = dict(current or {})
    for name, value in an_object(update, where).items():
        field = section.fields.get(name)
        place = f"{where}.{name}"
        if field is None:
            raise Problem("unknown_parameter", f"unknown parameter: {place!r}", place)
        if isinstance(field, Section):
            result[name] = merged(field, result.get(name), value, place)
        else:
            result[name] = field(value, place)
    return result


def an_object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Problem(INVALID_TYPE, f"{where}: an object is wanted, not {_kind(value)}", where)
    return value


def a_text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Problem(INVALID_TYPE, f"{where}: a text is wanted, not {_kind(value)}", where)
    return value


def a_flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise Problem(INVALID_TYPE, f"{where}: true or false is wanted, not {_kind(value)}", where)
    return value


def a_list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise Problem(INVALID_TYPE, f"{where}: a list is wanted, not {_kind(value)}", where)
    return value


def number(least: float, most: float) -> Check:
    def check(value: Any, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Problem(INVALID_TYPE, f"{where}: a number is wanted, not {_kind(value)}", where)
        if not least <= value <= most:
            what = f"{where}: {value} is refused; {least:g} to {most:g} are allowed"
            raise Problem(INVALID_VALUE, what, where)
        return value

    return check


def whole(least: int, most: int) -> Check:
    inside = number(least, most)

    def check(value: Any, where: str) -> int:
        if value != (checked := int(inside(value, where))):
            raise Problem(INVALID_TYPE, f"{where}: a whole number is wanted", where)
        return checked

    return check


def one_of(*allowed: str) -> Check:
    def check(value: Any, where: str) -> str:
        if value not in allowed:
            shown = ascii(value)[:60]
            what = f"{where}: {shown} is refused; allowed: {', '.join(allowed)}"
            raise Problem(INVALID_VALUE, what, where)
        return str(value)

    return check


def optional(check: Check) -> Check:
    return lambda value, where: None if value is None else check(value, where)


def anything(value: Any, where: str) -> Any:
    """What Parley has no use for, and echoes."""
    return value


def list_of(check: Check, *, most: int = 1000) -> Check:
    def checked(value: Any, where: str) -> list[Any]:
        entries = a_list(value, where)
        if len(entries) > most:
            what = f"{where}: {len(entries)} entries; {most} are the most"
            raise Problem("array_above_max_length", what, where)
        return [check(entry, f"{where}[{number}]") for number, entry in enumerate(entries)]

    return checked


def required(found: Mapping[str, Any], name: str, where: str = "") -> Any:
    place = f"{where}.{name}" if where else name
    if found.get(name) is None:
        raise Problem("missing_required_parameter", f"missing required parameter: {place!r}", place)
    return found[name]


def only_known(found: Collection[str], known: Collection[str], where: str = "") -> None:
    for name in found:
        if name not in known:
            place = f"{where}.{name}" if where else name
            raise Problem("unknown_parameter", f"unknown parameter: {place!r}", place)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a flag", type(None): "null"}
    return names.get(type(value), "a number")
