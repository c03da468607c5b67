"""The languages that the eSpeak NG speaks that came in a wheel."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import espeakng_loader

OTHER_CODES = {"zh": "cmn", "no": "nb", "jw": "jv", "iw": "he", "tl": "fil"}
"""Where recognizers and eSpeak NG call a language differently."""


@cache
def espeak_languages() -> tuple[str, ...]:
    """By its own codes, which are the names of its voices: en-us, de, fr-fr ..."""
    found = set()
    for path in (Path(espeakng_loader.get_data_path()) / "lang").rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            if told := re.search(r"^language\s+(\S+)", text, re.MULTILINE):
                found.add(told[1].lower())
    return tuple(sorted(found))


def voice_of(language: str) -> str | None:
    """The voice for a recognizer's language code; None where eSpeak NG has none, and for English,
    whose voice is pyttsx3's first."""
    code = OTHER_CODES.get(language, language)
    if code in ("en", "auto"):
        return None
    languages = espeak_languages()
    for name in (code, f"{code}-{code}"):
        if name in languages:
            return name
    return next((name for name in languages if name.partition("-")[0] == code), None)
