"""What is said aloud when a model has failed: a sentence per language, or nothing.

The setting is `auto` (the sentences below), empty (nothing), a sentence for all languages, or a
table in one line: `en: Sorry, say that again? / de: Wie bitte?`.
"""

from __future__ import annotations

import re

from .languages import AUTO, LANGUAGES

SENTENCES = {
    "en": "Sorry, I could not come up with an answer just now.",
    "de": "Entschuldigung, mir ist gerade keine Antwort gelungen.",
    "es": "Perdona, ahora mismo no he podido dar una respuesta.",
    "fr": "Désolé, je n'ai pas réussi à répondre pour le moment.",
}
"""Where the language is found out, it is English; a language that is missing has none."""

_BETWEEN = re.compile(r"\s*[/|\n]\s*(?=[a-z]{2,3}\s*:)")
_ENTRY = re.compile(r"([a-z]{2,3})\s*:\s*(.*)", re.DOTALL)
"""In lower case, so that "So: what now?" is no Somali."""


def failure_sentence(setting: str, language: str) -> str:
    """For a session in this language; "" for none."""
    language = "en" if language == AUTO else language.lower()
    if setting.strip().lower() == AUTO:
        return SENTENCES.get(language, "")
    entries = [_ENTRY.fullmatch(part) for part in _BETWEEN.split(setting.strip())]
    table = {entry[1]: entry[2] for entry in entries if entry is not None}
    if not setting.strip() or None in entries or not table.keys() <= LANGUAGES.keys():
        return setting.strip()
    return table.get(language, SENTENCES.get(language, ""))
