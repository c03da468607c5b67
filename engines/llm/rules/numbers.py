"""Numbers in what people say: "two hundred and five", "3.5", "a million"."""

from __future__ import annotations

import re
from fractions import Fraction

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen"),
    *("sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}

_ONE = {word: value for value, word in enumerate(_ONES)}
_TEEN = {word: value for value, word in enumerate(_TEENS, 10)}
_TEN = {word: value * 10 for value, word in enumerate(_TENS, 2)}

_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?(?::\d\d)?|[^\W\d_]+(?:'[^\W\d_]+)*|[-+*/^%=x\u00d7\u00f7]")

MOST_DECIMALS = 3


def with_digits(text: str) -> str:
    """Lower-case words with their numbers in digits and with the signs of arithmetic; all other
    punctuation is gone. "What's twenty-five % of 1,200?" is "what's 25 % of 1200"."""
    joined = re.sub(r"\b(\w+ty)-(?=[a-z])", r"\1 ", text)
    tokens = _TOKEN.findall(re.sub(r"(?<=[a-z])\.(?=[a-z]\b)", "", joined))
    words = [token.replace(",", "") for token in tokens]
    found = []
    at = 0
    while at < len(words):
        number, used = _read(words, at)
        found.append(words[at] if number is None else number)
        at += used
    return " ".join(found)


def _read(words: list[str], at: int) -> tuple[str | None, int]:
    """The number that begins there, and how many words it takes; None and 1 where there is none."""
    total, current, last, used = 0, None, "", 0
    while at + used < len(words):
        word = words[at + used]
        follows = words[at + used + 1] if at + used + 1 < len(words) else ""
        if word in ("a", "an") and current is None and last == "" and _is_scale(follows):
            current, last = 1, "one"
        elif word in _ONE and (current is None or last in ("tens", "hundred")):
            current, last = (current or 0) + _ONE[word], "one"
        elif (small := _TEEN.get(word)) is not None and (current is None or last == "hundred"):
            current, last = (current or 0) + small, "teen"
        elif (small := _TEN.get(word)) is not None and (current is None or last == "hundred"):
            current, last = (current or 0) + small, "tens"
        elif word.isdigit() and last == "" and _is_scale(follows):
            current, last = int(word), "one"
        elif word == "hundred" and current is not None and last in ("one", "teen", "tens"):
            current, last = current * 100, "hundred"
        elif word in _SCALES and current is not None:
            total, current, last = total + current * _SCALES[word], None, "scale"
        elif word == "and" and last in ("hundred", "scale") and _is_small(follows):
            pass
        elif word == "point" and last not in ("", "scale") and follows in _ONE:
            decimals, taken = _decimals(words, at + used + 1)
            return f"{total + (current or 0)}.{decimals}", used + 1 + taken
        else:
            break
        used += 1
    if not used:
        return None, 1
    return str(total + (current or 0)), used


def _decimals(words: list[str], at: int) -> tuple[str, int]:
    digits = ""
    while at + len(digits) < len(words) and words[at + len(digits)] in _ONE:
        digits += str(_ONE[words[at + len(digits)]])
    return digits, len(digits)


def _is_scale(word: str) -> bool:
    return word == "hundred" or word in _SCALES


def _is_small(word: str) -> bool:
    return word in _ONE or word in _TEEN or word in _TEN


def in_words(number: int) -> str:
    """A number from 0 to 99 in words: "forty two". Raises IndexError for others."""
    if number < 20:
        return (_ONES + _TEENS)[number]
    return f"{_TENS[number // 10 - 2]} {_ONES[number % 10]}".removesuffix(" zero")


def spoken(number: Fraction, decimals: int = MOST_DECIMALS) -> str:
    """A number as it is to be said: "84", "minus 5", "about 3.333"."""
    sign, size = ("minus " if number < 0 else ""), abs(number)
    if size.denominator == 1:
        return f"{sign}{size.numerator}"
    rounded = f"{float(size):.{decimals}f}".rstrip("0").rstrip(".")
    about = "" if Fraction(rounded) == size else "about "
    return f"{about}{sign}{rounded}"
