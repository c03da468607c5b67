"""Sample rates as clients write them: as a number, or as text that is one."""

from __future__ import annotations

from collections.abc import Collection, Iterable

COMMON_HZ = (
    *(8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000),
    *(44_100, 48_000, 88_200, 96_000, 176_400, 192_000),
)
"""What microphones, files and lines have. Whatever else is named is a slip."""

_DIGITS = 6
"""Of the highest rate: a longer text is not even looked at."""


def rate_of(value: object, allowed: Collection[int] = COMMON_HZ) -> int | None:
    """The rate that is meant, if it is one of `allowed`; None where it is not, or no number."""
    if isinstance(value, str):
        whole, _, fraction = value.strip().partition(".")
        if not whole.isdecimal() or len(whole) > _DIGITS or fraction.strip("0"):
            return None
        value = int(whole)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value in allowed else None


def in_words(rates_hz: Iterable[int]) -> str:
    return ", ".join(str(rate) for rate in sorted(rates_hz))
