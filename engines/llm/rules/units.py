"""Measures in other units: "5 miles in kilometers", "how many minutes are in 3 hours"."""

from __future__ import annotations

import re
from fractions import Fraction

from .numbers import spoken
from .rule import Asked

_KINDS: dict[str, dict[str, str]] = {
    "length": {
        "millimeter": "0.001",
        "centimeter": "0.01",
        "meter": "1",
        "kilometer": "1000",
        "inch": "0.0254",
        "foot": "0.3048",
        "yard": "0.9144",
        "mile": "1609.344",
    },
    "weight": {
        "gram": "1",
        "kilogram": "1000",
        "kilo": "1000",
        "ton": "1000000",
        "ounce": "28.349523125",
        "pound": "453.59237",
    },
    "time": {
        "second": "1",
        "minute": "60",
        "hour": "3600",
        "day": "86400",
        "week": "604800",
    },
    "volume": {
        "milliliter": "0.001",
        "liter": "1",
        "pint": "0.473176473",
        "quart": "0.946352946",
        "gallon": "3.785411784",
    },
}
"""US measures; a ton is a thousand kilograms."""

_PLURALS = {"feet": "foot", "inches": "inch", "kilos": "kilo"}
_BRITISH = {"metre": "meter", "litre": "liter"}
_NUMBER = r"(?P<number>(?:minus |- )?\d+(?:\.\d+)?|an?|1)"
_UNIT = r"[a-z]+"
_TO = re.compile(
    rf"\b{_NUMBER} (?:degrees? )?(?P<source>{_UNIT}) (?:in|into|to|as) "
    rf"(?:degrees? )?(?P<target>{_UNIT})$"
)
_HOW_MANY = re.compile(
    rf"\bhow many (?P<target>{_UNIT}) (?:are |is |there are )?(?:there )?(?:in|make|to) "
    rf"{_NUMBER} (?P<source>{_UNIT})$"
)
_DEGREES = ("celsius", "fahrenheit")


def conversions(asked: Asked) -> str | None:
    found = _TO.search(asked.figures) or _HOW_MANY.search(asked.figures)
    if found is None:
        return None
    number = found["number"]
    value = Fraction(1) if number in ("a", "an") else Fraction(re.sub(r"minus |- ", "-", number))
    source, target = _unit(found["source"]), _unit(found["target"])
    if source in _DEGREES and target in _DEGREES:
        result = _degrees(value, source, target)
        return f"{spoken(value)} degrees {source.title()} is {spoken(result, 1)} {target.title()}."
    for units in _KINDS.values():
        if source in units and target in units:
            result = value * Fraction(units[source]) / Fraction(units[target])
            return (
                f"{spoken(value)} {_named(source, value)} {'is' if value == 1 else 'are'} "
                f"{spoken(result, 2)} {_named(target, result)}."
            )
    return None


def _unit(word: str) -> str:
    word = _PLURALS.get(word, word)
    for british, american in _BRITISH.items():
        word = word.replace(british, american)
    known = any(word in units for units in _KINDS.values())
    return word if known or word in _DEGREES else word.removesuffix("s")


def _named(unit: str, number: Fraction) -> str:
    if number == 1:
        return unit
    return {"foot": "feet", "inch": "inches"}.get(unit, f"{unit}s")


def _degrees(value: Fraction, source: str, target: str) -> Fraction:
    if source == target:
        return value
    if source == "celsius":
        return value * 9 / 5 + 32
    return (value - 32) * 5 / 9
