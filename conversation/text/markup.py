"""Markup out: what a model writes for the eye, as it would be read aloud."""

from __future__ import annotations

import html
import re
import unicodedata
from re import Match

from .mapped import Mapped

_INVISIBLE = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffc]"
    "|(?<![\u0600-\u0dff])[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u0dff])"
)
"""Zero-width and right-to-left marks; joiners are kept where a script writes with them."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff]")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_LOWERED = re.compile("[\u2080-\u2089\u2460-\u2473]+")
_LIFTED = re.compile("(?<=\\w)[\u2070\u00b9\u2074-\u2079]+")
"""Digits of other writing; below the line, and in circles; above it, but for squares and cubes."""
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{1,6}|#x[0-9A-Fa-f]{1,5});")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,500})>")
_BREAK = re.compile(r"<br\s*/?>|</p>|</li>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|<!--.{0,200}?-->")
_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+|(?<=\S)[ \t]+#+[ \t]*$", re.MULTILINE)
_QUOTE = re.compile(r"^[ \t]{0,3}(?:>[ \t]?)+", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[-*+•‣◦▪–][ \t]+(?:\[[ xX]\][ \t]+)?", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*(\d{1,3}|[a-z](?=[.)])|[A-Z](?=\)))[.)](?=[ \t])", re.MULTILINE)
_RULE = re.compile(
    r"^[ \t]*(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,}|={3,})$", re.MULTILINE
)
_TABLE_RULE = re.compile(
    r"^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?$", re.MULTILINE
)
_ROW_EDGE = re.compile(r"^[ \t]*\|[ \t]*|[ \t]*\|[ \t]*$", re.MULTILINE)
_CELL = re.compile(r"[ \t]*(?<!\|)\|(?!\|)[ \t]*")
_IMAGE = re.compile(r"!\[([^\[\]]{0,200})\]\([^()\s]{0,600}(?:[ \t]+\"[^\"]{0,200}\")?\)")
_LINK = re.compile(
    r"\[((?:[^\[\]]|\[[^\[\]]{0,100}\]){1,300})\]"
    r"(?:\([^()\s]{0,600}(?:\([^()\s]{0,100}\)[^()\s]{0,100})?(?:[ \t]+\"[^\"]{0,200}\")?\)"
    r"|\[[^\[\]]{0,100}\])"
)
_NOTE = re.compile(
    r"\[\^[^\]\s]{1,20}\]|(?<=[\w.,;:!?\"')])\[\d{1,3}(?:[,–-]\s?\d{1,3})*\]|【[^】]{0,60}】"
)
_CODE_SPAN = re.compile(r"`[^`\n]{1,200}`")
_CODE = re.compile(r"`{1,3}")
_STARS = re.compile(
    r"(?<![*\w])\*{1,3}(?=[^\s*])|(?<=[^\s*])\*{1,3}(?![*\w])|(?<=[^\W\d])\*{1,3}(?=[^\W\d])"
)
_SCORES = re.compile(r"(?<![\w_])_{1,3}(?=[^\s_])|(?<=[^\s_])_{1,3}(?![\w_])")
_STRUCK = re.compile(r"~~|==(?=\w)|(?<=\w)==")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|~>-])")
_MATH = re.compile(
    r"\\[()\[\]]|\$\$|(?<![\w$])\$(?=[^\s$\d][^$\n]{0,100}[^\s$]\$)|(?<=[^\s$])\$(?![\w$])"
)
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]{1,40})\}\{([^{}]{1,40})\}")
_MATH_WORDS = re.compile(
    r"\\(times|cdot|div|pm|leq|geq|neq|approx|infty|pi|sqrt|le|ge|ne|to|rightarrow)(?![A-Za-z])"
)
_MATH_SIGNS = {
    "times": "×", "cdot": "×", "div": "÷", "pm": "±", "leq": "≤", "le": "≤", "geq": "≥",
    "ge": "≥", "neq": "≠", "ne": "≠", "approx": "≈", "infty": "∞", "pi": "π", "sqrt": "√",
    "to": "→", "rightarrow": "→",
}  # fmt: skip
_MATH_STYLE = re.compile(
    r"\\(?:text|mathrm|mathbf|left|right|,|;|!|quad|displaystyle)(?![A-Za-z])"
    r"|[{}](?=[^{}]{0,200}\\)|(?<=\\)[{}]"
)
_KEYCAP = re.compile("([0-9#*])\ufe0f?\u20e3")
_EMOJI = re.compile(
    "(?:[\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\u25a0-\u25ff\u3030\u303d\u3297\u3299\u203c\u2049\u2139]"
    "|[\U0001f000-\U0001faff]|[\ufe0e\ufe0f\u200d\u20e3]|[\U000e0020-\U000e007f])+"
)
_EMOTICON = re.compile(
    r"(?<![\w:;])(?:[:;=8xX]['’]?-?[)(DPpOo3|\\/*\]\[]{1,2}|<3|\^_?\^|¯\\_\(ツ\)_/¯)(?![\w/])"
)
_ARROW = re.compile(r"\s*(?:[\u2190-\u21ff\u27f0-\u27ff]|-{1,2}>|={1,2}>|<-{1,2})\s*")


def without_markup(text: Mapped, *, line_start: bool) -> None:
    """Take markup out of `text`. `line_start`: whether it begins with a line."""
    text.sub(_KEYCAP, lambda found: found[1])
    text.sub(_INVISIBLE, "")
    text.sub(_CONTROL, " ")
    if not text.text.isascii():
        text.sub(_OTHER_DIGIT, lambda found: str(unicodedata.decimal(found[0])))
        text.sub(_LOWERED, lambda found: unicodedata.normalize("NFKC", found[0]))
        text.sub(_LIFTED, lambda found: f"^{unicodedata.normalize('NFKC', found[0])}")
    plain = text.text
    if "&" in plain:
        text.sub(_ENTITY, _entity)
    if "<" in plain:
        text.sub(_CODE_SPAN, lambda found: found[0].replace("<", "").replace(">", ""))
        text.sub(_AUTOLINK, lambda found: found[1].removeprefix("mailto:"))
        text.sub(_BREAK, ", ")
        text.sub(_TAG, "")
    if line_start or "\n" in plain:
        _blocks(text)
    if "|" in plain:
        text.sub(_CELL, ", ")
    if "[" in plain or "【" in plain:
        text.sub(_IMAGE, lambda found: found[1])
        for _ in range(2):  # a link within the text of another
            text.sub(_LINK, lambda found: found[1])
        text.sub(_NOTE, "")
    if "\\" in plain or "$" in plain:
        text.sub(_FRACTION, lambda found: f"{found[1]} / {found[2]}")
        text.sub(_MATH_WORDS, lambda found: _MATH_SIGNS[found[1]])
        text.sub(_MATH, "")
        text.sub(_MATH_STYLE, "")
        text.sub(_ESCAPED, lambda found: found[1])
    text.sub(
        _ARROW, lambda found: ", " if found.start() and found.end() < len(found.string) else " "
    )
    text.sub(_EMOTICON, "")
    text.sub(_CODE, "")
    for _ in range(3):
        before = text.text
        text.sub(_STARS, "")
        text.sub(_SCORES, "")
        if text.text == before:
            break
    text.sub(_STRUCK, "")
    text.sub(_EMOJI, " ")


def _blocks(text: Mapped) -> None:
    text.sub(_RULE, "")
    text.sub(_TABLE_RULE, "")
    text.sub(_QUOTE, "")
    text.sub(_HEADING, "")
    text.sub(_BULLET, "")
    text.sub(
        _NUMBERED, lambda found: f"{found[1].upper()}," if found[1].isalpha() else f"{found[1]},"
    )
    text.sub(_ROW_EDGE, "")


def _entity(found: Match[str]) -> str | None:
    plain = html.unescape(found[0])
    return plain.replace("\xa0", " ") if plain != found[0] else None
