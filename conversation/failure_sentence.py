"""What is said aloud when a model has failed: a sentence per language, or nothing.

The setting is `auto` (the sentences of the languages' tables), empty (nothing), a sentence for all
languages, or a table in one line: `en: Sorry, say that again? / de: Wie bitte?`.
"""

from __future__ import annotations

import re

from .languages import AUTO, LANGUAGES
from .text.tables import GENERIC, Tables, own_tables

SENTENCES = {code: table.sentences["failure"] for code, table in own_tables().items()}
"""Where the language is found out, it is English; a language that is missing has none."""

_BETWEEN = re.compile(r"\s*[/|\n]\s*(?=[a-z]{2,3}\s*:)")
_ENTRY = re.compile(r"([a-z]{2,3})\s*:\s*(.*)", re.DOTALL)
"""In lower case, so that "So: what now?" is no Somali."""


def failure_sentence(setting: str, language: str, tables: Tables | None = None) -> str:
    """For a session in this language; "" for none. `tables` None: those that come with Parley."""
    language = "en" if language == AUTO else language.lower()
    known = (own_tables() if tables is None else tables).get(language, GENERIC)
    usual = known.sentences.get("failure", "")
    if setting.strip().lower() == AUTO:
        return usual
    entries = [_ENTRY.fullmatch(part) for part in _BETWEEN.split(setting.strip())]
    table = {entry[1]: entry[2] for entry in entries if entry is not None}
    if not setting.strip() or None in entries or not table.keys() <= LANGUAGES.keys():
        return setting.strip()
    return table.get(language, usual)
