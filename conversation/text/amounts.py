"""Dates, times, money, measures and other numbers that the voices read wrong when left alone."""

from __future__ import annotations

import re
from functools import cache
from re import Match, Pattern

from .mapped import Mapped
from .tables import Table

_ISO_DATE = re.compile(r"(?<![\w/-])(\d{4})-(\d{2})-(\d{2})(?![\w/-])")
_SLASH_DATE = re.compile(r"(?<![\w/.])(\d{1,2})([/.])(\d{1,2})\2(\d{4})(?![\w/])")
_ORDINAL_DAY = re.compile(r"(?:(?<=\s)|\A)(\d{1,2})\.\s(?=[^\W\d_])")
_TIME = re.compile(r"(?<![\w:.])(\d{1,2})[:h]([0-5]\d)(?::([0-5]\d))?(?![\w:])")
_PHONE = re.compile(
    r"(?<![\w.-])(?:\+\d{1,3}(?:[\s./-]?\(?\d{1,5}\)?){2,6}|\(\d{2,5}\)\s?\d{3,4}[-.\s]?\d{3,5}"
    r"|(?:1[-. ])?\d{3}[-.]\d{3}[-.]\d{4}|\d{3}-\d{4})(?![\w-])"
)
_LONG = re.compile(r"(?<![\w.,])(?:\d{4}(?:[- ]\d{4}){2,4}|\d{10,})(?![\w]|[.,]\d)")
_VERSION = re.compile(r"(?<![\d.,])(\d+(?:\.\d+){2,})(?![\d]|\.\d)")
_RANGE = re.compile(
    r"(?<![\w.,-])([$€£]?)(\d[\d.,]*(?<=\d)%?)(?:\s?[–—]\s?|-)(?=([$€£]?)\d[\d.,]*(?![\d-]))(?!\d+\s*=)"
)
_POINT = re.compile(r"(?<![\w.])\.(?=\d)")
_MINUS = re.compile(r"(?<![\w)\]}.])[-−](?=[\d.]*\d)")
_POWER = re.compile(r"\^\{?([23])\}?(?!\d)|(?<=[A-Za-z)])([²³])")
_RAISED_TO = re.compile(r"(?<=[\w)])\^\{?(-?\w+)\}?")
_DECADE = re.compile(r"(?<![\w.,])(?:(1[1-9]|20)|['’])?([1-9]0)['’]?s\b")
_YEAR = re.compile(r"(?<![\w.,$€£-])(1[1-9]|20)(\d\d)(?![\w%]|[.,:]\d|\s?[%$€£°]|-\d)")
_WORD_BEFORE = re.compile(r"([^\W\d_]+)[\s,]*(?:\d{1,2}(?:st|nd|rd|th)?,?\s)?\Z")
_NUMBER = r"\d{1,3}(?:[,.\u00a0\u202f' ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?"
_THIN_GAP = re.compile(r"(?<=\d)[\u00a0\u202f](?=\d{3}(?!\d))")
_PER = r"(\s?/\s?(?=[^\W\d_]{2,}))?"


def spoken_amounts(text: Mapped, table: Table) -> None:
    if not any(map(str.isdigit, text.text)) or not table.symbols:
        return
    text.sub(_THIN_GAP, "")
    if table.months:
        text.sub(_ISO_DATE, lambda found: _date(found[1], found[2], found[3], table))
        text.sub(_SLASH_DATE, lambda found: _slash_date(found, table))
    if table.ordinal_dots:
        text.sub(_ORDINAL_DAY, lambda found: _ordinal(found, table))
    text.sub(_PHONE, _digits)
    text.sub(_time_pattern(table.time.suffix), lambda found: _time(found, table))
    text.sub(_LONG, _digits)
    text.sub(_RANGE, lambda found: _range(found, table))
    text.sub(_POINT, "0.")
    _money(text, table)
    text.sub(_VERSION, lambda found: _version(found, table))
    if table.fractions:
        text.sub(_fraction_pattern(tuple(table.fractions)), lambda found: _fraction(found, table))
    if table.years.split:
        text.sub(_DECADE, lambda found: _decade(found, table))
        text.sub(_YEAR, lambda found: _year(found, table))
    text.sub(_DEGREES, lambda found: _degrees(found, table))
    if table.units:
        text.sub(_unit_pattern(tuple(table.units)), lambda found: _unit(found, table))
    text.sub(_MINUS, f"{table.symbols.get('-', '-')} ")
    text.sub(_POWER, lambda found: f" {table.symbols.get(_RAISED[found[1] or found[2]], '')}")
    text.sub(_RAISED_TO, lambda found: f" {table.symbols.get('^', '')} {found[1]}")


_RAISED = {"2": "²", "3": "³", "²": "²", "³": "³"}
_DEGREES = re.compile(r"(?<=\d)\s?(°|º)(?:\s?([CF](?!\w)))?")


def _range(found: Match[str], table: Table) -> str:
    """ "$10-20" is "10 to $20"."""
    sign, first, follows = found.groups()
    moved = sign if sign and not follows else ""
    return f"{'' if moved else sign}{first} {table.symbols.get('to', '–')} {moved}"


def _degrees(found: Match[str], table: Table) -> str:
    return f" {table.symbols.get('°' + (found[2] or ''), '°')}"


# Dates and times


def _date(year: str, month: str, day: str, table: Table) -> str | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    number = int(day)
    ordinal = table.ordinals[number - 1] if number <= len(table.ordinals) else day
    name = table.months[int(month) - 1]
    spoken_year = _split_year(year[:2], year[2:], table) or year
    return table.date.format(day=number, month=name, year=spoken_year, ordinal=ordinal)


def _slash_date(found: Match[str], table: Table) -> str | None:
    first, mark, second, year = found.groups()
    day_first = table.day_first or mark == "." or int(first) > 12
    day, month = (first, second) if day_first else (second, first)
    told = _date(year, month, day, table)
    return told and _inflected(told, found, table)


def _inflected(told: str, found: Match[str], table: Table) -> str:
    """German: "am achtundzwanzigsten November", "der achtundzwanzigste November"."""
    word = found.string[: found.start()].rstrip().rpartition(" ")[2].lower()
    head, space, rest = told.partition(" ")
    if head.endswith("er") and table.ordinals:
        if word in table.ordinal_n:
            head = f"{head[:-1]}n"
        elif word in table.ordinal_e:
            head = head[:-1]
    return head + space + rest


def _ordinal(found: Match[str], table: Table) -> str | None:
    number = int(found[1])
    behind = found.string[found.end() :]
    word = found.string[: found.start()].rstrip().rpartition(" ")[2].lower()
    known = word in table.ordinal_n or word in table.ordinal_e or behind.startswith(table.months)
    if not (known and 1 <= number <= len(table.ordinals)):
        return None
    return _inflected(f"{table.ordinals[number - 1]} ", found, table)


@cache
def _time_pattern(suffixes: tuple[str, ...]) -> Pattern[str]:
    known = "|".join(map(re.escape, sorted(suffixes, key=len, reverse=True))) or r"(?!)"
    return re.compile(rf"{_TIME.pattern}(?:\s?({known})(?!\w))?")


def _time(found: Match[str], table: Table) -> str | None:
    hour, minute, second, suffix = found.groups()
    if int(hour) > 24:
        return None
    time = table.time
    if second is not None:
        told = f"{int(hour)} {minute} {second}"
    elif minute == "00":
        told = (time.whole_hour_suffix if suffix else time.whole_hour).format(hour=int(hour))
    else:
        form = time.small_minutes if minute[0] == "0" else time.minutes
        told = form.format(hour=int(hour), minute=int(minute))
    if suffix and not (time.swallows_suffix and told != str(int(hour)) and minute != "00"):
        told += f" {table.abbreviations.get(suffix.lower(), suffix)}"
    return told


# Money


def _money(text: Mapped, table: Table) -> None:
    if not table.currencies:
        return
    before, behind = _money_patterns(
        tuple(table.currencies), tuple(table.money.scales), table.money.scale_words
    )
    text.sub(before, lambda found: _sum(found["sign"], found, table))
    text.sub(behind, lambda found: _sum(found["sign"], found, table))


@cache
def _money_patterns(
    signs: tuple[str, ...], scales: tuple[str, ...], words: tuple[str, ...]
) -> tuple[Pattern[str], Pattern[str]]:
    sign = "|".join(map(re.escape, sorted(signs, key=len, reverse=True)))
    short = "|".join(map(re.escape, sorted(scales, key=len, reverse=True))) or "(?!)"
    word = "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or "(?!)"
    scale = rf"(?:\s?(?P<short>{short})\.?(?!\w)|\s(?P<word>{word})(?!\w))?"
    number = rf"(?P<number>{_NUMBER})"
    return (
        re.compile(rf"(?<!\w)(?P<sign>{sign})\s?{number}{scale}(?!\w|[.,]\d)(?P<per>{_PER})"),
        re.compile(rf"(?<![\w.,]){number}{scale}\s?(?P<sign>{sign})(?!\w)(?P<per>{_PER})"),
    )


def _sum(sign: str, found: Match[str], table: Table) -> str | None:
    one, many, _, cents = table.currencies[sign]
    whole, rest = _parsed(found["number"], table)
    per = f" {table.symbols.get('per', '/')} " if found["per"] else ""
    scale = table.money.scales.get(found["short"] or "", found["word"] or "")
    if scale:
        number = f"{whole}{table.decimal}{rest}" if rest else whole
        return table.money.scaled.format(number=number, scale=scale, unit=many) + per
    unit = one if whole == "1" and not rest.strip("0") else many
    if not rest.strip("0"):
        return f"{whole} {unit}{per}"
    if len(rest) != 2 or not cents:
        return f"{whole}{table.decimal}{rest} {many}{per}"
    minor = str(int(rest))
    subunit = table.currencies[sign][2] if minor == "1" else cents
    if whole == "0":
        return f"{minor} {subunit}{per}"
    told = table.money.form.format(whole=whole, unit=unit, rest=minor, subunit=subunit)
    return told + per


def _parsed(number: str, table: Table) -> tuple[str, str]:
    """The digits before and behind the decimal mark, whichever way the number is written."""
    marks = [c for c in number if not c.isdigit()]
    if not marks:
        return number, ""
    last = number.rfind(marks[-1])
    behind = number[last + 1 :]
    decimal = len(behind) != 3 or (marks[-1] == table.decimal and len(marks) == 1)
    if len(set(marks)) == 1 and len(marks) > 1:
        decimal = False
    digits = "".join(filter(str.isdigit, number[:last] if decimal else number))
    return digits, behind if decimal else ""


# Other numbers


def _digits(found: Match[str]) -> str:
    """Digit by digit, with a pause between the groups."""
    groups = re.findall(r"\d+", found[0])
    if len(groups) == 1 and len(groups[0]) > 4:
        whole = groups[0]
        groups = [whole[at : at + 3] for at in range(0, len(whole), 3)]
    plus = "+" if found[0].startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in groups)


def _version(found: Match[str], table: Table) -> str | None:
    parts = found[1].split(".")
    if "." in table.thousands and all(len(part) == 3 for part in parts[1:]):
        return None
    word = table.address.get("dot" if len(parts) > 3 else "point")
    return f" {word} ".join(parts) if word else None


def _fraction(found: Match[str], table: Table) -> str:
    """ "3 1/2" is "3 and one half"."""
    also = re.search(r"\d\s\Z", found.string[: found.start()]) is not None
    told = table.fractions[found[0]]
    return f"{table.symbols.get('&', '')} {told}".strip() if also else told


@cache
def _fraction_pattern(known: tuple[str, ...]) -> Pattern[str]:
    return re.compile(rf"(?<![\w/.,])(?:{'|'.join(map(re.escape, known))})(?![\w/])")


def _decade(found: Match[str], table: Table) -> str | None:
    name = table.years.decades.get(found[2])
    return name and (f"{found[1]} {name}" if found[1] else name)


def _year(found: Match[str], table: Table) -> str | None:
    before = _WORD_BEFORE.search(found.string[: found.start()])
    word = before[1] if before else ""
    low = word.lower()
    if low not in table.years.before and word not in table.months:
        return None
    behind = re.match(r"\s*([^\W\d_]*)", found.string[found.end() :])
    follows = behind[1] if behind else ""
    sure = low in ("in", "since", "year", "from") or word in table.months
    if follows.islower() and not sure and follows not in table.starters:
        return None  # "of 1500 people"
    return _split_year(found[1], found[2], table)


def _split_year(century: str, rest: str, table: Table) -> str | None:
    if not table.years.split or (century == "20" and rest < "10") or rest == "00":
        return None
    return f"{century} oh {rest[1]}" if rest[0] == "0" else f"{century} {rest}"


@cache
def _unit_pattern(units: tuple[str, ...]) -> Pattern[str]:
    known = "|".join(map(re.escape, sorted(units, key=len, reverse=True)))
    return re.compile(rf"(?<![\w.,])({_NUMBER})(\s?)({known})(?![\w²³'’]){_PER}")


def _unit(found: Match[str], table: Table) -> str | None:
    number, gap, unit, per = found.groups()
    if unit == "s" and not gap and number.endswith("0"):
        return None  # "the 100s"
    one, many = table.units[unit]
    told = f"{number} {one if number == '1' else many}"
    return f"{told} {table.symbols.get('per', '/')} " if per else told
