"""The end of a turn from its words: rules and word lists, in the process, some 10 µs a call.

What it is: the last words are looked at. A turn hardly ends with "the", often ends with "please".
What it is not: a grammar, or a model that was learned. It takes "I would like a coffee" for
complete, and so it is, though "with milk" may follow. It hears no melody. Words that a recognizer
got wrong mislead it. Of its marks only those that leave open what follows are believed: a
recognizer is trained on written sentences and sets a full stop or a question mark behind whatever
it is given. In 400 silences a full stop was hardly rarer within a turn than at its end: 44 and 54
of 100 of synthetic voices, 60 of 100 within people's long turns.
"""

from __future__ import annotations

import re

import trio

from ...conversation.languages import AUTO, base_language
from ...conversation.patience import NO_OPINION
from .dictated import dictation
from .interface import Pause
from .tables import TABLES, Table

CERTAIN = 0.95
"""An answer that stands alone, or a turn that is closed with thanks."""
ASKED = 0.9
"""A question with a complete tail."""
COMMANDED = 0.85
"""A command with something to do it to; "I would like" with what one would like."""
STATED = 0.62
"""Four words or more, and nothing speaks against an end. Who tells something often tells more."""
STRANDED = 0.75
"""A question that ends with its preposition: "what is the weather like?", "where are you from?" """
SHORT = 0.6
"""Fewer words of which nothing is known: a name, an answer, or a beginning."""
EITHER = 0.4
"""The last word ends as many turns as it goes on."""
CLAUSE = 0.3
"""A clause that needs another one."""
COUNTING = 0.12
"""Numbers are being dictated, and more digits are to come."""
SPELLING = 0.18
"""Letters are being dictated: nobody knows how many."""
LEANING = 0.15
WANTING = 0.04
HESITATING = 0.04
MARKED_OPEN = 0.12
"""A dash, three dots."""
COMMA_ODDS = 0.5
"""A comma is a recognizer's guess at a short silence ("Two people,"): it speaks a little against an
end, by so much of the odds."""
SHORT_COMMA_ODDS = 0.85
"""Behind a few words it is hardly a sign at all."""
LONG_WORDS = 9
UNMARKED_ODDS = 0.35
"""So does no mark at all, from a recognizer that sets one behind nearly everything."""
ANSWERED = 0.85
"""A few words to what the agent has just asked."""

LONGEST_PHRASE = 4
"""Words of the longest phrase at the end that is looked up."""
CLAUSE_WORDS = 7
"""What begins with `if` and is longer may hold both clauses."""
STATED_WORDS = 4
ASKING_WORDS = 3
"""A question word stands among so many first ones: "computer, what is ..." """
ANSWER_WORDS = 3
"""An answer to a question has hardly more, where it is only the answer."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019.,:-][^\W_]+)*['\u2019]?")
_ENDS_OPEN = re.compile(r"(?:\.\.\.|\u2026|[;:\u2013\u2014-])\s*$")
_ENDS_WITH_COMMA = re.compile(r",\s*$")
_SENTENCE_ENDS = re.compile(r"[.!?\u3002][\"'\u201d]?\s+")
_ENDS_MARKED = re.compile(r"[.!?\u3002][\"'\u201d]?\s*$")
_MARKS = re.compile(r"[A-Z].*[a-z]|[.,!?]", re.DOTALL)
"""What the text of a recognizer that sets marks looks like."""
_ASKS = re.compile(r"\?[\"'\u201d]?\s*$")


class TextTurnEnd:
    """Shared by all sessions. `language` is a code, or "auto": then each pause tells its own. In a
    language without a table it has no opinion."""

    needs_text = True

    def __init__(self, language: str) -> None:
        self._fixed = None if language == AUTO else language

    @property
    def has_table(self) -> bool:
        """Whether it can have an opinion at all."""
        return self._fixed is None or _table(self._fixed) is not None

    async def likelihood(self, pause: Pause) -> float:
        await trio.lowlevel.checkpoint()
        table = _table(pause.language if self._fixed is None else self._fixed)
        return NO_OPINION if table is None else completeness(pause.text, table, asked=pause.asked)


def _table(language: str) -> Table | None:
    return TABLES.get(base_language(language))


def completeness(text: str, table: Table, *, asked: str = "") -> float:
    """How likely nothing follows, 0 to 1; 0.5 where there are no words. `asked` is what the agent
    said last: a question of its own expects an answer, and one for a number expects digits."""
    said = _words(text)
    if not said:
        return NO_OPINION
    last = _words(_last_sentence(text)) or said
    likely = _of_words(said, last, table, asked, marked_asking=_ASKS.search(text) is not None)
    if _ENDS_OPEN.search(text):
        return min(likely, MARKED_OPEN)
    if _ENDS_WITH_COMMA.search(text):
        return _by_odds(likely, COMMA_ODDS if len(said) >= LONG_WORDS else SHORT_COMMA_ODDS)
    if _MARKS.search(text) and not _ENDS_MARKED.search(text):
        return _by_odds(likely, UNMARKED_ODDS)
    return likely


def _by_odds(likely: float, times: float) -> float:
    odds = likely / (1 - likely) * times
    return odds / (1 + odds)


def _words(text: str) -> list[str]:
    return [word.replace("\u2019", "'") for word in _WORD.findall(text.lower())]


def _last_sentence(text: str) -> str:
    """Where a recognizer marks sentences; else all of it."""
    return _SENTENCE_ENDS.split(text.strip())[-1]


def _of_words(
    all_said: list[str], said: list[str], table: Table, asked: str, *, marked_asking: bool
) -> float:
    """`said` is the last sentence. Numbers may go over several: "1-0-0. 9-0-2." """
    if (of_numbers := _of_numbers(all_said, table, _words(asked))) is not None:
        return of_numbers
    if " ".join(said) in table.answers:
        return CERTAIN
    asks = any(word in table.asking for word in said[:ASKING_WORDS])
    if asks and len(said) > 2 and said[-1] in table.stranded:
        return STRANDED if marked_asking else EITHER
    hesitating = _longest_end(said, table.hesitations)
    closing = _longest_end(said, table.closings)
    if hesitating or closing:  # "as well" closes, "well" alone does not
        return HESITATING if hesitating >= closing else CERTAIN
    likely = _of_the_last(said, table)
    if likely is None:
        likely = _of_the_whole(said, table)
    answers = _ASKS.search(asked) is not None and len(all_said) <= ANSWER_WORDS
    return max(likely, ANSWERED) if answers and likely >= SHORT else likely


def _longest_end(said: list[str], phrases: frozenset[str]) -> int:
    """Words of the longest of these phrases that they end with; 0 for none."""
    lengths = range(min(LONGEST_PHRASE, len(said)), 0, -1)
    return next((length for length in lengths if " ".join(said[-length:]) in phrases), 0)


def _of_numbers(said: list[str], table: Table, asked: list[str]) -> float | None:
    """Where the last words are numbers: whether the number is likely to be complete."""
    found = dictation(said, table, asked)
    if found is None:
        return None
    if found.complete:
        return SHORT
    if found.dictated:
        return SPELLING if found.spelled else COUNTING
    # "Twenty" may go on; "nine thirty" is a time.
    return EITHER if found.growing else SHORT


def _of_the_last(said: list[str], table: Table) -> float | None:
    last = said[-1]
    before = said[-2] if len(said) > 1 else ""
    if last in table.wanting:
        return WANTING
    if before in table.determiners and last in table.adjectives:
        return LEANING
    if before in table.auxiliaries and last in table.subjects:
        # "Can you" wants a verb; "how are you" has it.
        whole = before in table.being and said[0] in table.asking
        return ASKED if whole else LEANING
    if last in table.leaning:
        return LEANING
    if said[0] in table.commands and len(said) > 2 and last in table.either - table.determiners:
        return COMMANDED  # "turn the light off", "tell me more"
    return EITHER if last in table.either else None


def _requests(said: list[str], table: Table) -> bool:
    lengths = range(1, min(LONGEST_PHRASE, len(said) - 1) + 1)
    return any(" ".join(said[:length]) in table.requests for length in lengths)


def _of_the_whole(said: list[str], table: Table) -> float:
    first, second = said[0], said[1] if len(said) > 1 else ""
    inverted = first in table.auxiliaries and len(said) > 2
    asked = first in table.asking and (second in table.auxiliaries or len(said) > 2)
    # "When I get home" is no question.
    if inverted or (asked and (first not in table.openers or second in table.auxiliaries)):
        return ASKED
    if first in table.openers and len(said) < CLAUSE_WORDS:
        return CLAUSE
    if (first in table.commands and len(said) > 1) or _requests(said, table):
        return COMMANDED
    return STATED if len(said) >= STATED_WORDS else SHORT
