"""What a language's table holds. All words are lower case and without punctuation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Words: TypeAlias = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Sets of words, and of phrases where it says so. An empty set is a rule that is not there."""

    wanting: Words
    """Nobody ends with them: articles, possessives, conjunctions, most prepositions."""
    leaning: Words = frozenset()
    """Seldom the last: auxiliaries, subjects, verbs that want an object."""
    either: Words = frozenset()
    """As often the last as not: particles of verbs, which are prepositions too."""
    hesitations: Words = frozenset()
    """Phrases that fill a pause while the next words are looked for."""
    answers: Words = frozenset()
    """Phrases that are a turn by themselves: yes, no thanks, good morning."""
    closings: Words = frozenset()
    """Phrases that close a turn behind other words: please, thank you."""
    digits: Words = frozenset()
    """The names of 0 to 9, as numbers are dictated."""
    numbers: Words = frozenset()
    """All words that numbers are made of, digits included."""
    multipliers: Mapping[str, int] = field(default_factory=dict)
    """How many digits a word makes of the next one: double, triple."""
    dictated: Words = frozenset()
    """What is dictated digit by digit, or letter by letter: number, account, address."""
    codes: Words = frozenset()
    """Of that, what has four to six digits: code, PIN."""
    like_digits: Words = frozenset()
    """What recognizers make of single digits: to, for, free."""
    lone_letters: Words = frozenset()
    """Letters that are words by themselves: a, I."""
    growing: Words = frozenset()
    """Numbers behind which a smaller one often follows: twenty, hundred."""
    asking: Words = frozenset()
    """Question words at the beginning."""
    stranded: Words = frozenset()
    """Prepositions that a question may end with: where are you from."""
    auxiliaries: Words = frozenset()
    """At the beginning, before a subject, they make a question."""
    being: Words = frozenset()
    """Those of them that can stand without another verb: how are you."""
    subjects: Words = frozenset()
    """Pronouns that a verb follows."""
    commands: Words = frozenset()
    """Verbs that begin what is asked of a machine."""
    requests: Words = frozenset()
    """Phrases at the beginning by which people ask for something: I would like."""
    openers: Words = frozenset()
    """They begin a clause that needs another one: if it rains."""
    determiners: Words = frozenset()
    """Articles and the like: an adjective behind them wants a noun."""
    adjectives: Words = frozenset()


def words(text: str) -> Words:
    """Single words, with blanks between them."""
    return frozenset(text.split())


def phrases(text: str) -> Words:
    """Phrases, with commas between them."""
    return frozenset(" ".join(phrase.split()) for phrase in text.split(",") if phrase.strip())
