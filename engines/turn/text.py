"""The end of a turn from its words: rules and word lists, in the process, some 10 µs a call.

What it is: the last words are looked at. A turn hardly ends with "the", often ends with "please".
What it is not: a grammar, or a model that was learned. It takes "I would like a coffee" for
complete, and so it is, though "with milk" may follow. It hears no melody. Words that a recognizer
got wrong mislead it, and from one that ends every text with a full stop the full stop counts for
little. The levels were set by hand and adjusted on one half of a synthetic set (docs/TURNS.md).
"""

from __future__ import annotations

import re

import trio

from .interface import Pause
from .tables import TABLES, Table

NO_OPINION = 0.5

CERTAIN = 0.95
"""An answer that stands alone, or a turn that is closed with thanks."""
ASKED = 0.9
"""A question with a complete tail."""
COMMANDED = 0.85
"""A command with something to do it to."""
STATED = 0.75
"""Four words or more, and nothing speaks against an end."""
SHORT = 0.6
"""Fewer words of which nothing is known: a name, an answer, or a beginning."""
EITHER = 0.4
"""The last word ends as many turns as it goes on."""
CLAUSE = 0.3
"""A clause that needs another one."""
COUNTING = 0.25
"""Numbers are being dictated."""
LEANING = 0.15
WANTING = 0.04
HESITATING = 0.04
MARKED = 0.9
"""A full stop, unless the last word speaks against it."""
MARKED_ASKED = 0.95
MARKED_WANTING = 0.2
"""A full stop behind a word that wants more: the recognizer's, likely."""
MARKED_OPEN = 0.12
"""A dash, three dots. A comma is a recognizer's guess at a short silence ("Two people,"): it
leaves open whether the words are complete."""

LONGEST_PHRASE = 4
"""Words of the longest phrase at the end that is looked up."""
DIGITS_OF_NUMBERS = frozenset({7, 10, 11, 16})
"""Lengths of telephone and card numbers: with so many digits a number may be complete."""
FEW_DIGITS = 2
CLAUSE_WORDS = 7
"""What begins with `if` and is longer may hold both clauses."""
STATED_WORDS = 4

_WORD = re.compile(r"[^\W_]+(?:['\u2019.,:-][^\W_]+)*['\u2019]?")
_ENDS_OPEN = re.compile(r"(?:\.\.\.|\u2026|[;:\u2013\u2014-])\s*$")
_ENDS_WITH_COMMA = re.compile(r",\s*$")
_ENDS_ASKING = re.compile(r"\?[\"'\u201d]?\s*$")
_ENDS_CLOSED = re.compile(r"[.!\u3002][\"'\u201d]?\s*$")


class TextTurnEnd:
    """Shared by all sessions. `language` is a code; one without a table has no opinion, ever."""

    needs_text = True

    def __init__(self, language: str) -> None:
        self._table = TABLES.get(language.lower().replace("_", "-").split("-")[0])

    @property
    def has_table(self) -> bool:
        """Whether it can have an opinion at all."""
        return self._table is not None

    async def likelihood(self, pause: Pause) -> float:
        await trio.lowlevel.checkpoint()
        return NO_OPINION if self._table is None else completeness(pause.text, self._table)


def completeness(text: str, table: Table) -> float:
    """How likely nothing follows, 0 to 1; 0.5 where there are no words."""
    said = [word.replace("\u2019", "'") for word in _WORD.findall(text.lower())]
    if not said:
        return NO_OPINION
    if _ENDS_OPEN.search(text):
        return MARKED_OPEN
    likely = _of_words(said, table)
    if _ENDS_WITH_COMMA.search(text):
        return min(likely, EITHER)
    if _ENDS_ASKING.search(text):
        return MARKED_ASKED
    if _ENDS_CLOSED.search(text):
        return max(likely, MARKED) if likely >= EITHER else max(likely, MARKED_WANTING)
    return likely


def _of_words(said: list[str], table: Table) -> float:
    if " ".join(said) in table.answers:
        return CERTAIN
    hesitating = _longest_end(said, table.hesitations)
    closing = _longest_end(said, table.closings)
    if hesitating or closing:  # "as well" closes, "well" alone does not
        return HESITATING if hesitating >= closing else CERTAIN
    for likely in (_of_numbers(said, table), _of_the_last(said, table)):
        if likely is not None:
            return likely
    return _of_the_whole(said, table)


def _longest_end(said: list[str], phrases: frozenset[str]) -> int:
    """Words of the longest of these phrases that they end with; 0 for none."""
    lengths = range(min(LONGEST_PHRASE, len(said)), 0, -1)
    return next((length for length in lengths if " ".join(said[-length:]) in phrases), 0)


def _of_numbers(said: list[str], table: Table) -> float | None:
    """Where the last words are numbers: whether the number is likely to be complete."""
    run = 0
    while run < len(said) and (said[-1 - run] in table.numbers or said[-1 - run].isdecimal()):
        run += 1
    if not run:
        return None
    last = said[-run:]
    if all(word.isdecimal() for word in last):  # written in figures
        count = sum(map(len, last))
        single = all(len(word) == 1 for word in last)
    else:
        count, single = run, all(word in table.digits for word in last)
    if single and count >= FEW_DIGITS:
        return SHORT if count in DIGITS_OF_NUMBERS else COUNTING
    if count in DIGITS_OF_NUMBERS or (single and run == 1):
        return SHORT
    # "Twenty" may go on; "nine thirty" is a time.
    return EITHER if run == 1 and last[0] in table.growing else SHORT


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


def _of_the_whole(said: list[str], table: Table) -> float:
    first, second = said[0], said[1] if len(said) > 1 else ""
    inverted = first in table.auxiliaries and len(said) > 2
    asked = first in table.asking and (second in table.auxiliaries or len(said) > 2)
    # "When I get home" is no question.
    if inverted or (asked and (first not in table.openers or second in table.auxiliaries)):
        return ASKED
    if first in table.openers and len(said) < CLAUSE_WORDS:
        return CLAUSE
    if first in table.commands and len(said) > 1:
        return COMMANDED
    return STATED if len(said) >= STATED_WORDS else SHORT
