"""Which writing a voice of a language can read. An English one says "Chinese letter" for each."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

ALWAYS = frozenset(
    {"LATIN", "FULLWIDTH", "MODIFIER", "COMBINING", "MASCULINE", "FEMININE", "MICRO"}
)
"""Latin letters are in texts of any language, and every voice makes something of them."""

_CYRILLIC = frozenset({"CYRILLIC"})
_ARABIC = frozenset({"ARABIC"})
_DEVANAGARI = frozenset({"DEVANAGARI"})
_HAN = frozenset({"CJK", "BOPOMOFO", "IDEOGRAPHIC"})

SCRIPTS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "sr", "kk", "mn", "tt", "ba", "tg"), _CYRILLIC),
    **dict.fromkeys(("ar", "fa", "ur", "ps", "sd"), _ARABIC),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), _DEVANAGARI),
    **dict.fromkeys(("zh", "yue"), _HAN),
    "ja": _HAN | {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH"},
    "ko": _HAN | {"HANGUL", "HALFWIDTH"},
    "el": frozenset({"GREEK"}),
    "he": frozenset({"HEBREW"}),
    "yi": frozenset({"HEBREW"}),
    "th": frozenset({"THAI"}),
    "lo": frozenset({"LAO"}),
    "km": frozenset({"KHMER"}),
    "my": frozenset({"MYANMAR"}),
    "ka": frozenset({"GEORGIAN"}),
    "hy": frozenset({"ARMENIAN"}),
    "am": frozenset({"ETHIOPIC"}),
    "bn": frozenset({"BENGALI"}),
    "as": frozenset({"BENGALI"}),
    "gu": frozenset({"GUJARATI"}),
    "pa": frozenset({"GURMUKHI"}),
    "ta": frozenset({"TAMIL"}),
    "te": frozenset({"TELUGU"}),
    "kn": frozenset({"KANNADA"}),
    "ml": frozenset({"MALAYALAM"}),
    "si": frozenset({"SINHALA"}),
}
"""By language; one that does not stand here is written in Latin letters alone."""


def sayable_by(text: str, language: str) -> str:
    """`text` with a space for each letter that a voice of `language` cannot read, so that all other
    characters keep their places. A single Greek letter is a symbol, and stays."""
    if text.isascii():
        return text
    known = SCRIPTS.get(language, frozenset())
    letters = list(text)
    for at, character in enumerate(text):
        script = script_of(character)
        if script in ALWAYS or script in known:
            continue
        if script == "GREEK" and not _word_of_greek(text, at):
            continue
        letters[at] = " "
    return "".join(letters)


def _word_of_greek(text: str, at: int) -> bool:
    beside = (text[at - 1 : at], text[at + 1 : at + 2])
    return any(neighbour and script_of(neighbour) == "GREEK" for neighbour in beside)


@lru_cache(maxsize=4096)
def script_of(character: str) -> str:
    """The first word of a letter's name, "CYRILLIC"; what is no letter counts as Latin."""
    if unicodedata.category(character)[0] not in "LM":
        return "LATIN"
    return unicodedata.name(character, "LATIN").partition(" ")[0]
