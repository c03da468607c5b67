"""The corpus of model streams, and the phrases of a text, for tests."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from parley.conversation.text.phrases import Phrase, PhraseRules, Phrases
from parley.conversation.text.tables import table_for

CORPUS = Path(__file__).parents[1] / "conversation" / "text" / "streams.toml"

SENTENCES = PhraseRules(max_chars=240, first_chars=12, gap_s=0.7, gap_words=False, wide=3)
SHORT = PhraseRules(max_chars=60, first_chars=12, gap_s=0.7, gap_words=True)


@dataclass(frozen=True, slots=True)
class Stream:
    kind: str
    language: str
    text: str
    phrases: tuple[str, ...]
    spoken: tuple[str, ...]


@cache
def streams() -> list[Stream]:
    told = tomllib.loads(CORPUS.read_text("utf-8"))["stream"]
    return [
        Stream(
            kind=one["kind"],
            language=one.get("language", "en"),
            text=one["text"],
            phrases=tuple(one["phrases"]),
            spoken=tuple(one.get("spoken", one["phrases"])),
        )
        for one in told
    ]


def phrases_of(
    chunks: list[str], language: str = "en", rules: PhraseRules = SENTENCES
) -> list[Phrase]:
    splitter = Phrases(rules, table_for(language))
    found = [phrase for chunk in chunks for phrase in splitter.push(chunk)]
    return found + splitter.flush()
