"""How replies are cut into phrases: as the settings say, or as a session's dialect documents it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..actors.phraser import Splitter
from ..config import Phrases as PhrasesBy
from ..config import Speaking
from ..conversation.text.by_tokens import PhraseSplitter
from ..conversation.text.phrases import PhraseRules, Phrases
from ..conversation.text.tables import Table, Tables, own_tables, table_for, tables_with


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrasing:
    by: PhrasesBy
    rules: PhraseRules
    table: Table

    @classmethod
    def of(cls, speaking: Speaking, *, short: bool, language: str = "") -> Phrasing:
        """For one turn. `short`: its dialect documents short phrases. `language` is what is spoken
        in it; empty: the settings'."""
        by = speaking.phrases
        if by == "auto":
            by = "short" if short else "sentences"
        short = by != "sentences"
        return cls(
            by=by,
            rules=PhraseRules(
                max_chars=speaking.max_phrase_chars if short else speaking.max_sentence_chars,
                first_chars=speaking.first_phrase_chars,
                gap_s=speaking.phrase_gap_ms / 1000,
                gap_words=short,
                wide=1 if short else 3,
            ),
            table=table_for(language or speaking.language, tables_of(speaking.tables)),
        )

    def splitter(self) -> Splitter:
        """For one reply."""
        if self.by == "tokens":
            return PhraseSplitter(
                max_chars=self.rules.max_chars,
                first_chars=self.rules.first_chars,
                gap_s=self.rules.gap_s,
            )
        return Phrases(self.rules, self.table)


def spoken_phrases(text: str, speaking: Speaking) -> list[str]:
    """A whole text as the voice is given it, sentence by sentence, for whoever speaks one outside
    of a session."""
    splitter = Phrasing.of(speaking, short=False).splitter()
    return [phrase.spoken for phrase in (*splitter.push(text), *splitter.flush())]


@cache
def tables_of(path: str | None) -> Tables:
    """What is known of languages: Parley's own, and what the user's file adds. The settings have
    looked at the file; see `config.kinds`."""
    if path is None:
        return own_tables()
    return tables_with(Path(path).expanduser().read_text("utf-8"))
