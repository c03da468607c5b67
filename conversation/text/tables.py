"""What the text rules know of a language: abbreviations, symbols, units, money, dates, sentences.

The languages that come with Parley are the files in `languages/`. A file of the user's own adds to
them, or adds a language: the same keys under the language's code, for example

    [en]
    never_end = ["Cmdr"]
    [en.abbreviations]
    "Cmdr." = "Commander"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

OWN_LANGUAGES = ("en", "de", "es", "fr")


class BadTable(ValueError):
    """A language's table that cannot be used; the message says which key is wrong."""


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scales: dict[str, str] = {}
    """What follows a number directly, and its word: "M" is million."""
    scale_words: tuple[str, ...] = ()
    form: str = "{whole} {unit} {rest}"
    scaled: str = "{number} {scale} {unit}"


class Time(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    whole_hour: str = "{hour}"
    whole_hour_suffix: str = "{hour}"
    minutes: str = "{hour} {minute}"
    small_minutes: str = "{hour} {minute}"
    suffix: tuple[str, ...] = ()
    swallows_suffix: bool = False
    """Whether the form says what stands behind the time already: "10 Uhr 30"."""


class Years(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    split: bool = False
    """Whether people say a year in two halves: nineteen eighty-four."""
    before: frozenset[str] = frozenset()
    decades: dict[str, str] = {}


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language. All keys are optional; what a table lacks is left to the voice."""

    code: str = ""
    decimal: str = "."
    thousands: tuple[str, ...] = (",",)
    ordinal_dots: bool = False
    """Whether a full stop behind a number makes it an ordinal: "der 2. Weltkrieg"."""
    never_end: frozenset[str] = frozenset()
    before_number: frozenset[str] = frozenset()
    may_end: frozenset[str] = frozenset()
    ends_before_capital: frozenset[str] = frozenset()
    starters: frozenset[str] = frozenset()
    months: tuple[str, ...] = ()
    date: str = ""
    day_first: bool = True
    ordinals: tuple[str, ...] = ()
    ordinal_n: frozenset[str] = frozenset()
    ordinal_e: frozenset[str] = frozenset()
    abbreviations: dict[str, str] = {}
    abbreviations_before_name: dict[str, str] = {}
    abbreviations_before_number: dict[str, str] = {}
    address: dict[str, str] = {}
    symbols: dict[str, str] = {}
    units: dict[str, tuple[str, str]] = {}
    currencies: dict[str, tuple[str, str, str, str]] = {}
    """One, many, one hundredth, many hundredths; empty where there are no hundredths."""
    money: Money = Money()
    time: Time = Time()
    fractions: dict[str, str] = {}
    years: Years = Years()
    sentences: dict[str, str] = {}


Tables = Mapping[str, Table]
"""Language code to table."""


@cache
def own_tables() -> Tables:
    """Those that come with Parley."""
    folder = files(__package__).joinpath("languages")
    return {
        code: _table(code, tomllib.loads(folder.joinpath(f"{code}.toml").read_text("utf-8")))
        for code in OWN_LANGUAGES
    }


GENERIC = Table()
"""For a language without a table: its sentences are found by their marks alone."""


def table_for(language: str, tables: Tables | None = None) -> Table:
    """The table of a language ("de", also "de-AT"); GENERIC where there is none. Where the language
    is not known yet ("auto" or empty), the English one."""
    tables = own_tables() if tables is None else tables
    code = language.strip().lower().replace("_", "-").partition("-")[0]
    return tables.get("en" if code in ("", "auto") else code, GENERIC)


def tables_with(text: str) -> Tables:
    """Parley's tables and what the TOML in `text` adds to them. Raises BadTable."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadTable(f"it is not TOML ({error})") from None
    tables = dict(own_tables())
    for code, added in told.items():
        if not isinstance(added, Mapping):
            raise BadTable(f"{code} stands outside of a language: write it under [en], for example")
        before = msgspec.to_builtins(tables.get(code, GENERIC))
        tables[code] = _table(code, _merged(before, added))
    return tables


def _table(code: str, told: Mapping[str, Any]) -> Table:
    try:
        table = msgspec.convert({**told, "code": code}, Table)
    except msgspec.ValidationError as error:
        raise BadTable(f"[{code}]: {error}") from None
    return msgspec.structs.replace(
        table,
        **{
            name: frozenset(word.lower().rstrip(".") for word in getattr(table, name))
            for name in ("never_end", "before_number", "may_end", "ends_before_capital")
        },
    )


def _merged(before: Any, added: Any) -> Any:
    """Tables and lists grow; anything else is replaced."""
    if isinstance(before, Mapping) and isinstance(added, Mapping):
        return {
            **before,
            **{key: _merged(before.get(key), value) for key, value in added.items()},
        }
    plain = (str, bytes)
    if isinstance(before, Sequence) and isinstance(added, Sequence):
        if isinstance(before, plain) or isinstance(added, plain):
            return added
        return [*before, *added]
    return added
