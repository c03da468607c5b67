"""Settings for people: what is in force, where each came from, and what a misspelt name meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache

from .kinds import is_secret, may_hold_credentials, without_credentials
from .settings import Settings

PREFIXES = ("STREAM_", "PARLEY_", "WS_", "OPENAI_")
CLOSE = 0.8
"""How alike a name must be to one that exists: a wrong hint is worse than none."""

APART = 0.03
"""By how much the best must be more alike than the next: STREAM_ENGINE may be any of four."""

DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One variable: its value as a person may see it, and where it came from."""

    name: str
    value: str
    origin: str
    about: str


def in_force(settings: Settings) -> Iterator[InForce]:
    """All variables in their order. A secret is told as "set" or "unset"."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value is None:
            shown = "unset"
        elif is_secret(field):
            shown = "set (not shown)"
        elif isinstance(value, bool):
            shown = str(int(value))
        elif may_hold_credentials(field):
            shown = without_credentials(value)
        else:
            shown = str(value)
        variable = name.upper()
        yield InForce(
            name=variable,
            value=shown,
            origin=settings.origins.get(variable, DEFAULT),
            about=field.description or "",
        )


def meant(name: str, known: Iterable[str]) -> str | None:
    """The variable that was probably meant by a name that does not exist: one of the same words in
    another order, or that differs in its prefix alone (STREAM_PORT for PARLEY_PORT), else one that
    is spelt nearly so."""
    names, asked = list(known), name.upper()
    if asked in names:
        return asked
    for form in (_words, _bare):
        same = [one for one in names if form(one) == form(asked)]
        if len(same) == 1:
            return same[0]
    close = get_close_matches(asked, names, n=2, cutoff=CLOSE)
    if len(close) == 2 and _alike(asked, close[0]) - _alike(asked, close[1]) < APART:
        return None
    return close[0] if close else None


def _alike(name: str, other: str) -> float:
    return SequenceMatcher(None, other, name).ratio()


@lru_cache(1024)  # the known names are asked for with each that is unknown
def _words(name: str) -> str:
    return "_".join(sorted(name.split("_")))


@lru_cache(1024)
def _bare(name: str) -> str:
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
