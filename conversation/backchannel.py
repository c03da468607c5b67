"""What somebody says while a reply is spoken: a listener's "mm-hmm", or an interruption?

Plain functions on words; the tables are in backchannel_words.py. What is in doubt is
an interruption: a reply that stops for a "yes" is a nuisance, one that goes on over a "no" is
worse. Nothing here fails, whatever the text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

MAX_WORDS = 4
"""Of a backchannel, by the white space between them: "yeah okay I see"."""
MAX_MS = 1500
"""Of speech. Who talks for longer wants to say something; so does who says nothing that anybody
recognized for so long."""

Words = tuple[str, ...]

NOISE = re.compile(r"\[[^\]]*\]|\([^)]*\)|<[^>]*>|\*[^*]*\*")
"""What recognizers write for sounds that are no words: [noise], (laughs), <sil>, *cough*."""
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


class Verdict(Enum):
    BACKCHANNEL = "it goes with the reply, which goes on"
    INTERRUPT = "somebody wants to be heard"
    UNKNOWN = "no words yet, or the beginning of what may become either: ask again"


def words_of(text: str) -> Words:
    """In lower case, without punctuation; a hyphen separates: "Mm-hmm." is mm and hmm."""
    plain = unicodedata.normalize("NFKC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return tuple(WORD.findall(NOISE.sub(" ", plain).casefold()))


def phrases_of(listed: str) -> frozenset[Words]:
    """The phrases of a list with commas or lines between them."""
    return frozenset(words for entry in re.split(r"[,\n]", listed) if (words := words_of(entry)))


@dataclass(frozen=True, slots=True)
class Table:
    """The phrases of one language, each as its words."""

    backchannels: frozenset[Words]
    interruptions: frozenset[Words]
    """These interrupt wherever they stand, also among backchannels: "okay stop"."""
    beeps: frozenset[Words] = frozenset()
    """Of the interruptions, those that recognizers also make of a short beep or chirp."""
    silences: frozenset[Words] = frozenset()
    """Of the interruptions, those that want the reply to end, whatever follows."""
    noises: frozenset[Words] = frozenset()
    """What recognizers make of coughs, hums and beeps: while there is a reply it means nothing."""


def judge(text: str, table: Table | None, *, final: bool = False) -> Verdict:
    """What `text` is, as far as words tell; how long it took to say is the floor's to judge.

    Without a table, for a language that nobody made one for, everything interrupts. `final`: no
    more words will come, so "I" is no longer the beginning of "I see"; without words it is still
    UNKNOWN, since not even a final says what a cough was.
    """
    if table is None:
        return Verdict.INTERRUPT
    words = words_of(text)
    if not words:
        return Verdict.UNKNOWN
    if _holds(words, table.interruptions) or _count(text) > MAX_WORDS:
        return Verdict.INTERRUPT
    reached = _reached(words, table.backchannels)
    if len(words) in reached:
        return Verdict.BACKCHANNEL
    if not final and any(_begins(words[at:], table.backchannels) for at in reached):
        return Verdict.UNKNOWN
    return Verdict.INTERRUPT


def commands(text: str, table: Table) -> bool:
    """Whether a word is in it that interrupts wherever it stands."""
    return _holds(words_of(text), table.interruptions)


def is_command(text: str, table: Table | None, *, final: bool = True) -> bool:
    """Whether it is nothing but one of the phrases that interrupt ("hold on"), or asks for silence
    ("stop it please"). Of a hypothesis, which may be the beginning of anything ("what", "no"), only
    that."""
    words = words_of(text)
    if table is None or len(words) > MAX_WORDS:
        return False
    silenced = any(words[: len(phrase)] == phrase for phrase in table.silences)
    return silenced or (final and words in table.interruptions - table.beeps)


def surely_commands(text: str, table: Table) -> bool:
    """Whether a word is in it that interrupts, and that no beep sounds like."""
    return _holds(words_of(text), table.interruptions - table.beeps)


def noise_only(text: str, table: Table | None) -> bool:
    """Whether there is nothing in it but what recognizers make of noises. "mm" is a hum, and so is
    "mm mm"; "mm-hmm" is a listener's word."""
    words = words_of(text)
    if not words or table is None:
        return not words
    said = len(words) > 1 and words in table.backchannels
    return not said and all((word,) in table.noises for word in words)


def _count(text: str) -> int:
    """Words as a person counts them: "mm-hmm" is one."""
    return sum(bool(words_of(piece)) for piece in NOISE.sub(" ", text).split())


def _holds(words: Words, phrases: frozenset[Words]) -> bool:
    return any(
        words[at : at + len(phrase)] == phrase for phrase in phrases for at in range(len(words))
    )


def _reached(words: Words, phrases: frozenset[Words]) -> set[int]:
    """After how many words a row of whole phrases may have ended."""
    reached = {0}
    for at in range(len(words)):
        if at in reached:
            reached |= {at + len(p) for p in phrases if words[at : at + len(p)] == p}
    return reached


def _begins(words: Words, phrases: frozenset[Words]) -> bool:
    """Whether all of these are the beginning of a phrase that is longer."""
    return any(len(p) > len(words) and p[: len(words)] == words for p in phrases)
