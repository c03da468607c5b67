"""What is said aloud where no answer could be made."""

from __future__ import annotations

import pytest

from parley.conversation.spoken_sentences import failure_sentence
from parley.conversation.text.tables import tables_with

TABLE = "en: Sorry? / de: Wie bitte: noch einmal?"


@pytest.mark.parametrize(
    ("setting", "language", "said"),
    [
        ("auto", "en", failure_sentence("auto", "en")),
        ("Auto", "de", failure_sentence("auto", "de")),
        ("auto", "auto", failure_sentence("auto", "en")),
        ("auto", "it", ""),
        ("", "en", ""),
        (" Sorry. ", "fr", "Sorry."),
        ("So: what now?", "en", "So: what now?"),
        ("Either / or: both failed.", "en", "Either / or: both failed."),
        (TABLE, "en", "Sorry?"),
        (TABLE, "de", "Wie bitte: noch einmal?"),
        (TABLE, "fr", failure_sentence("auto", "fr")),
        (TABLE, "it", ""),
        ("it: Scusa?", "it", "Scusa?"),
        ("en: / de: Wie bitte?", "en", ""),
    ],
)
def test_a_setting_says_it_for_a_language(setting: str, language: str, said: str) -> None:
    assert failure_sentence(setting, language) == said


def test_a_table_of_ones_own_brings_its_sentence() -> None:
    tables = tables_with('[it.sentences]\nfailure = "Scusa."\n[en.sentences]\nfailure = "Oh."\n')
    assert failure_sentence("auto", "it", tables) == "Scusa."
    assert failure_sentence("auto", "auto", tables) == "Oh."
    assert failure_sentence("auto", "de", tables) == failure_sentence("auto", "de")
    assert failure_sentence("en: Hm.", "it", tables) == "Scusa."
