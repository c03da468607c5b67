"""Which language is spoken, where the settings leave that to the recognizer. Plain arithmetic.

A model's guess at the language of a second of speech is often wrong, and wrong in ways of its own:
of a little sound it says Welsh, Latin or Korean. So its probabilities are weighed. People seldom
change the language between two utterances, and the shorter an utterance is the more it takes to
believe that they did. Languages of which the model has learned little count for less than others,
unless somebody named them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .decoded import Decoded

_WELL_KNOWN = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th "
    "ur yue"
)
WELL_KNOWN = frozenset(_WELL_KNOWN.split(" "))
"""Of these Whisper has heard most: the first in its own list, which goes by hours of training."""
LITTLE_KNOWN = 0.1
"""What the probability of another language counts for."""

KEEPS = (12.0, 2.0)
"""By so much more than the language of the conversation another one must be likely: in an utterance
of KEEPS_S seconds and less, or more."""
KEEPS_S = (1.0, 4.0)

DOUBTFUL = 0.8
"""A language that is less likely is compared with the next likely one, by what either makes of the
words: the wrong one stumbles."""
BETTER = 0.15
"""So much more likely a token must be in the other language."""

SURE = 0.5
"""A language that is as likely as that is taken for the conversation's."""
SURE_ALONE = 0.8
"""A piece of an utterance whose language is as likely as that keeps it, whatever the others are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the weighing needs to know. Fit for another process."""

    before: str = ""
    """The language of the conversation so far; empty where nobody has spoken yet."""
    among: tuple[str, ...] = ()
    """The languages that are spoken here; empty: any."""


@dataclass(frozen=True, slots=True)
class Found:
    language: str
    sure: float
    """How likely it is, 0 to 1, once everything is weighed."""
    other: str = ""
    """The next likely one."""


def found(probabilities: Sequence[tuple[str, float]], look: Look, audio_s: float) -> Found:
    """The language of so much audio. `probabilities` are the model's, by language."""
    fit = [(code, p) for code, p in probabilities if not look.among or code in look.among]
    if not fit:  # the model knows none of those
        return Found(look.before or look.among[0], 0.0)
    weighed = {code: max(p, 1e-9) * _weight(code, look, audio_s) for code, p in fit}
    language, *others = sorted(weighed, key=lambda code: -weighed[code])
    return Found(language, weighed[language] / sum(weighed.values()), next(iter(others), ""))


def _weight(code: str, look: Look, audio_s: float) -> float:
    if code == look.before:
        return _keeps(audio_s)
    return 1.0 if look.among or code in WELL_KNOWN else LITTLE_KNOWN


def _keeps(audio_s: float) -> float:
    """Between the two of KEEPS, evenly in logarithms."""
    (short, long), (short_s, long_s) = KEEPS, KEEPS_S
    share = min(1.0, max(0.0, (audio_s - short_s) / (long_s - short_s)))
    return math.exp(math.log(short) + share * (math.log(long) - math.log(short)))


LOOK_S = 1.5
"""Of less audio no look is believed before the final."""


@dataclass(slots=True)
class SpokenLanguage:
    """The language of one utterance, as it is found out on the way. What partials are decoded in is
    the conversation's, until two looks in a row at enough audio agree on another one."""

    fixed: str
    """A code where the settings have one; empty: it is to be found out."""
    look: Look
    decided: str = ""
    _newest: str = ""

    @property
    def of_partials(self) -> str:
        """Empty: each partial is decoded in what it seems to be itself."""
        return self.fixed or self.decided or self.look.before

    def look_of_partial(self, looked_s: float) -> Look | None:
        """How a partial looks for the language; None where it has no need to."""
        if self.fixed or self.decided:
            return None
        return self.look if looked_s >= LOOK_S or not self.look.before else None

    def seen(self, language: str, looked_s: float) -> bool:
        """What a partial's look found, if it looked. True where partials are decoded in another
        language from now on."""
        if self.fixed or self.decided or not language or looked_s < LOOK_S:
            return False
        before, self._newest = self._newest, language
        if before != language:
            return False
        self.decided = language
        return language != self.look.before

    def look_of_piece(self, before: Sequence[Piece]) -> Look | None:
        """How the final pass over a piece looks, after those before it; None: it does not."""
        if self.fixed:
            return None
        newest = next((piece.language for piece in reversed(before) if piece.words), "")
        return Look(before=newest or self.look.before, among=self.look.among)


@dataclass(frozen=True, slots=True)
class Piece:
    """What a part of an utterance says, for good."""

    pcm16: bytes
    words: tuple[str, ...]
    language: str = ""
    sure: float = 0.0


def language_of(pieces: Sequence[Piece]) -> Found:
    """Of a whole utterance: that of most of it. The language is empty where there are no words."""
    shares: dict[str, float] = {}
    for piece in pieces:
        if piece.words and piece.language:
            share = piece.sure * len(piece.pcm16)
            shares[piece.language] = shares.get(piece.language, 0.0) + share
    if not shares:
        return Found("", 0.0)
    language = max(shares, key=lambda code: shares[code])
    spoken = sum(len(piece.pcm16) for piece in pieces if piece.words and piece.language)
    return Found(language, shares[language] / spoken)


def wrongly_heard(piece: Piece, language: str) -> bool:
    """Whether it was decoded in another language than the rest, and not for good reasons."""
    return bool(language) and piece.language not in ("", language) and piece.sure < SURE_ALONE


def to_compare(decoded: Decoded) -> str:
    """The other language that a final pass is to be tried in; empty where there is no doubt."""
    looked = decoded.found != "" and decoded.found == decoded.language
    return decoded.other if looked and decoded.sure < DOUBTFUL else ""


def likelier(decoded: Decoded, other: Decoded | None) -> Decoded:
    """Of the same audio in two languages."""
    if other is None or other.log_probability < decoded.log_probability + BETTER:
        return decoded
    return replace(other, found=other.language, sure=SURE)
