"""Sums: "what is twelve times seven", "25 percent of 80", "the square root of 144", "3 + 4 * 5"."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction

from .numbers import spoken
from .rule import Asked

LARGEST = 10**15
"""Nobody wants to hear more digits than these."""
LARGEST_POWER = 60

_QUESTION = re.compile(
    r"^(and |so |now |okay |ok |please |can you |could you |tell me |do you know )*"
    r"(what's |what is |whats |what does |how much (is |are )|calculate |compute )?(the )?"
)
_END = re.compile(r"( =| equals?| make| please| is what| again)+$")
_WORDS = (
    (re.compile(r"\b(multiplied by|times|x)\b|\*|\u00d7"), "*"),
    (re.compile(r"\b(divided by|over)\b|\u00f7"), "/"),
    (re.compile(r"\bplus\b"), "+"),
    (re.compile(r"\bminus\b"), "-"),
    (re.compile(r"\bto the power of\b"), "^"),
    (re.compile(r"\bsquared\b"), "^ 2"),
    (re.compile(r"\bcubed\b"), "^ 3"),
    (re.compile(r"(%|\bpercent|\bper cent) of\b"), "% of"),
)
_NUMBER = r"(?:- )?\d+(?:\.\d+)?"
_SUM = re.compile(rf"{_NUMBER}(?: [-+*/^] {_NUMBER})+")
_PERCENT = re.compile(rf"({_NUMBER}) % of ({_NUMBER})")
_ROOT = re.compile(rf"(?:square )?root of ({_NUMBER})")

_SAID = {"*": "times", "/": "divided by", "+": "plus", "-": "minus", "^": "to the power of"}
_WORK: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "*": operator.mul,
    "/": operator.truediv,
    "+": operator.add,
    "-": operator.sub,
}


def sums(asked: Asked) -> str | None:
    """The result, where all that was said is one sum. It is said again first: so it is heard
    whether it was understood."""
    sum_ = _END.sub("", _QUESTION.sub("", asked.figures))
    for words, sign in _WORDS:
        sum_ = words.sub(sign, sum_)
    try:
        if found := _PERCENT.fullmatch(sum_):
            share, whole = _value(found[1]), _value(found[2])
            return f"{spoken(share)} percent of {spoken(whole)} is {_said(share * whole / 100)}."
        if found := _ROOT.fullmatch(sum_):
            return _root(_value(found[1]))
        if _SUM.fullmatch(sum_):
            return f"{_spelled(sum_)} is {_said(_result(sum_))}."
    except ZeroDivisionError:
        return "Nobody can divide by zero."
    except OverflowError:
        return "That is more than I can say."
    return None


def _value(number: str) -> Fraction:
    return Fraction(number.replace(" ", ""))


def _said(number: Fraction) -> str:
    if abs(number) > LARGEST:
        raise OverflowError
    return spoken(number)


def _root(number: Fraction) -> str:
    if number < 0:
        return "A negative number has no square root that I could say."
    exact = math.isqrt(number.numerator), math.isqrt(number.denominator)
    if (exact[0] ** 2, exact[1] ** 2) == (number.numerator, number.denominator):
        root = Fraction(*exact)
    else:
        root = Fraction(math.sqrt(number))
    return f"The square root of {spoken(number)} is {_said(root)}."


def _spelled(sum_: str) -> str:
    tokens = _tokens(sum_)
    said = [_SAID[token] if token in _SAID else spoken(_value(token)) for token in tokens]
    return " ".join(said)


def _tokens(sum_: str) -> list[str]:
    """Numbers and the signs between them; a sign that belongs to a number is in front of it."""
    tokens: list[str] = []
    for token in sum_.split():
        if tokens and tokens[-1] == "--":
            tokens[-1] = f"-{token}"
        elif token == "-" and (not tokens or tokens[-1] in _SAID):
            tokens.append("--")
        else:
            tokens.append(token)
    return tokens


def _result(sum_: str) -> Fraction:
    """By the usual rules: powers first, then times and divided by, then plus and minus."""
    tokens: list[str | Fraction] = [
        token if token in _SAID else _value(token) for token in _tokens(sum_)
    ]
    for signs in ("^", "*/", "+-"):
        left = tokens[:1]
        for sign, right in zip(tokens[1::2], tokens[2::2], strict=True):
            if isinstance(sign, str) and sign in signs:
                left[-1] = _step(left[-1], sign, right)
            else:
                left += [sign, right]
        tokens = left
    (result,) = tokens
    if isinstance(result, str):
        raise TypeError(f"{sum_!r} has no result")
    return result


def _step(left: str | Fraction, sign: str, right: str | Fraction) -> Fraction:
    if isinstance(left, str) or isinstance(right, str):
        raise TypeError("a sign is no number")
    if sign != "^":
        return _WORK[sign](left, right)
    if right.denominator != 1 or abs(right) > LARGEST_POWER or abs(left) > LARGEST:
        raise OverflowError
    return Fraction(left ** int(right))
