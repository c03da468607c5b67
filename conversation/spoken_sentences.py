"""What Parley says of its own accord: that a model has failed, whether somebody is there, goodbye,
that it looks something up. A sentence per language, or nothing.

Each setting is `auto` (the sentences of the languages' tables), empty (nothing), a sentence for all
languages, or a table in one line: `en: Sorry, say that again? / de: Wie bitte?`.
"""

from __future__ import annotations

import re
from typing import Literal

from .languages import AUTO, LANGUAGES
from .text.tables import GENERIC, Tables, own_tables

Occasion = Literal["failure", "there", "goodbye", "wait"]
"""No answer could be made; nobody has spoken for a while; nobody has for long; a tool is slow."""

_BETWEEN = re.compile(r"\s*[/|\n]\s*(?=[a-z]{2,3}\s*:)")
_ENTRY = re.compile(r"([a-z]{2,3})\s*:\s*(.*)", re.DOTALL)
"""In lower case, so that "So: what now?" is no Somali."""


def sentence_for(
    occasion: Occasion, setting: str, language: str, tables: Tables | None = None
) -> str:
    """For a session in this language; "" for none. `tables` None: those that come with Parley.
    Where the language is still to be found out, it is English; one that has no table has none."""
    language = "en" if language == AUTO else language.lower()
    known = (own_tables() if tables is None else tables).get(language, GENERIC)
    usual = known.sentences.get(occasion, "")
    if setting.strip().lower() == AUTO:
        return usual
    entries = [_ENTRY.fullmatch(part) for part in _BETWEEN.split(setting.strip())]
    table = {entry[1]: entry[2] for entry in entries if entry is not None}
    if not setting.strip() or None in entries or not table.keys() <= LANGUAGES.keys():
        return setting.strip()
    return table.get(language, usual)


def failure_sentence(setting: str, language: str, tables: Tables | None = None) -> str:
    """What is said aloud where no answer could be made."""
    return sentence_for("failure", setting, language, tables)
