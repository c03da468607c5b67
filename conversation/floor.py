"""The floor: who is speaking, how sure that is, and what it asks of a reply.

One record per utterance, from the first sound to the last word on it. Reports go in; what they ask
of the reply comes out: to be held for a moment (`holds`), to fall silent (`claims`), or to end
because there are words (the methods that give a `Meaning`). The rules:

- A sound during a reply is unsure until it has lasted. While it is, the reply is held where it is.
- Speech that is sure claims the floor: the reply falls silent, and nothing more than that happens
  before there are words. An utterance that ends without any gives the floor back.
- What may be a listener's "mm-hmm" only holds the reply, while it is short.
- A sound that was too short to be sure is judged by its words when they come. It must say what ends
  a reply in any case ("no"), or the recognizer must be sure of what it heard.
- Words that recognizers make of noises mean nothing while there is a reply, however long the sound;
  nor do one or two short words that took longer than anybody takes for them.
- A hold ends a second after the newest thing that was heard of its utterance. A claim ends with its
  utterance, whose end somebody always reports.

Plain: no task, no clock. `now_s` is the session's time in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from .backchannel import Table, Verdict, commands, judge, noise_only, surely_commands, words_of

HOLD_S = 1.0
"""How long a reply is held for a sound of which nothing more is heard."""

SURE_MS = 700
"""What seems to be other words than a listener's is believed after so much speech, unless it is
"stop" or the like: recognizers make words of an "mm-hmm" before they have heard all of it."""

SURE_OF_WORDS = 0.75
"""A recognizer's confidence from which other words of a short sound are believed. Moonshine gives
right ones 0.65 to 0.96, and what it makes of beeps and chirps ("What?") up to 0.72. pocketsphinx
gives right ones 0.15 to 0.5 and hums up to 0.7: there the tables decide."""

GUESSED_WORDS = 0.68
"""Below it one or two words over a reply are a guess at an "mm-hmm", where such leave it alone:
Moonshine makes "Come." (0.67), "Them." (0.51) or "Honey." (0.40) of it, and of "hold on" or "stop"
hardly anything under 0.70."""
GUESSED_LETTERS = 12
GUESSED_MS = 700
"""A listener's sound is not longer, 150 ms of silence behind it included; "hang on" is."""

FEW_WORDS, FEW_LETTERS = 2, 8
"""Nobody takes a second and a half to say so little. Of a long hum recognizers make "shop" or
"thank you"."""

PLAIN_WORDS = 3
"""So many words in a hypothesis are speech, whatever the final makes of them."""

CLOSE_S = 1e-6
"""A moment that is so near has come: session time is in whole nanoseconds, sums of it are not."""


class Meaning(Enum):
    """What an utterance, or the beginning of one, says."""

    WORDS = "words to be answered"
    BACKCHANNEL = "a listener's sign; the reply goes on"
    NOTHING = "no words, or none so far"


@dataclass(slots=True)
class Utterance:
    """What is known of one utterance."""

    number: int
    began_s: float
    news_s: float
    """When something was heard of it last."""
    sure: bool
    """It is certainly speech: it did not begin during a reply, or it has lasted."""
    during_reply: bool
    """Whether it began, or became sure, while a reply was made or heard."""
    over_s: float | None = None
    """When the person stopped speaking; its final is still to come."""
    lost: bool = False
    """The recognizer gave it up: there will be no words."""
    long: bool = False
    """It has lasted for longer than any backchannel."""
    text: str = ""
    spoken_ms: int = 0
    """How much of it the newest hypothesis covers."""
    meant: bool = False
    """A hypothesis said words to be answered: a reply that was live has ended for them."""


@dataclass(slots=True)
class Floor:
    """`backchannels` is the table of what a listener may say without interrupting; None: whoever
    speaks for long enough claims the floor. `short_words` is the table by which sounds are judged
    that were too short to interrupt; None where there is none for the language."""

    backchannels: Table | None = None
    short_words: Table | None = None
    leaves_backchannels: bool = True
    """Whether there is a table of them in other languages, too."""
    min_words: int = 0
    """So many words it takes to interrupt a reply, unless they are "stop" or the like; 0: any."""
    unanswered: list[str] = field(default_factory=list)
    """What was said and waits for its answer, oldest first."""
    _utterances: dict[int, Utterance] = field(default_factory=dict)
    _sound_s: float = -math.inf
    """When a sound was told of last that is not over yet; -inf: there is none."""

    # What is asked

    @property
    def taken(self) -> bool:
        """Whether somebody is certainly speaking, or has spoken and the words are still to come:
        no answer begins meanwhile."""
        return any(u.sure and not u.lost for u in self._utterances.values())

    @property
    def words_so_far(self) -> str:
        """Of what is certainly speech and not over: what was understood of it by now."""
        open_ones = (u.text for u in self._utterances.values() if u.sure and not u.lost)
        return " ".join(filter(None, open_ones))

    def is_open(self, number: int) -> bool:
        """Whether words of this utterance are still to come, and it is certainly speech."""
        found = self._utterances.get(number)
        return found is not None and found.sure and not found.lost

    def is_unsure(self, number: int) -> bool:
        """Whether it is a sound during a reply that never became speech for certain."""
        found = self._utterances.get(number)
        return found is not None and not found.sure

    def claims(self) -> bool:
        """Whether somebody is to be heard: a reply must be silent, and may be given back later."""
        return any(self._claims(u) for u in self._utterances.values())

    def holds(self, now_s: float) -> bool:
        """Whether something was heard of which it is open what it is: a reply waits a moment."""
        sounds = not self.min_words and not _passed(self._sound_s + HOLD_S, now_s)
        return sounds or any(
            not _passed(u.news_s + HOLD_S, now_s) and self._is_open_what(u)
            for u in self._utterances.values()
        )

    def deadline_s(self, now_s: float) -> float:
        """The next moment at which `claims` or `holds` changes by time alone; inf: none."""
        moments = [self._sound_s + HOLD_S]
        for u in self._utterances.values():
            moments.append(u.news_s + HOLD_S)
        return min((m for m in moments if not _passed(m, now_s)), default=math.inf)

    def _claims(self, u: Utterance) -> bool:
        if not u.sure or (u.lost and u.over_s is not None) or self._says_too_little(u, u.text):
            return False
        return u.lost or not self._may_be_backchannel(u)

    def _is_open_what(self, u: Utterance) -> bool:
        if u.lost or self._says_too_little(u, u.text):
            return False
        if not u.sure:
            return u.over_s is None
        return self._may_be_backchannel(u) and not self._seems_backchannel(u)

    def _seems_backchannel(self, u: Utterance) -> bool:
        return judge(u.text, self.backchannels) is Verdict.BACKCHANNEL

    def _may_be_backchannel(self, u: Utterance) -> bool:
        if self.backchannels is None or not u.during_reply or u.long:
            return False
        verdict = judge(u.text, self.backchannels)
        if verdict is not Verdict.INTERRUPT:
            return True
        return u.spoken_ms < SURE_MS and not commands(u.text, self.backchannels)

    def _says_too_little(self, u: Utterance, text: str) -> bool:
        """Where it takes so many words to interrupt, a reply goes on until they are there."""
        if not self.min_words or not u.during_reply or len(words_of(text)) >= self.min_words:
            return False
        table = self.short_words
        return table is None or not commands(text, table)

    # What is told

    def judge_by(self, table: Table | None) -> None:
        """Words are in the language of this table from now on; None: it has none."""
        self.short_words = table
        self.backchannels = table if self.leaves_backchannels else None

    def sound(self, now_s: float) -> None:
        """There is a sound during a reply; it may be the beginning of speech."""
        self._sound_s = now_s

    def sound_passed(self) -> None:
        """It was nothing."""
        self._sound_s = -math.inf

    def began(self, number: int, now_s: float, *, guarded: bool, during_reply: bool) -> None:
        """An utterance began. `guarded`: it must last before it is sure."""
        self._sound_s = -math.inf
        self._utterances[number] = Utterance(
            number, now_s, now_s, sure=not guarded, during_reply=during_reply or guarded
        )

    def confirmed(self, number: int, now_s: float) -> None:
        """A sound during a reply has lasted: it is speech."""
        u = self._utterances.get(number)
        if u is not None:
            u.sure, u.news_s = True, now_s

    def long(self, number: int, now_s: float) -> None:
        """It has lasted for longer than any backchannel: somebody wants to say something."""
        u = self._utterances.get(number)
        if u is not None:
            u.long, u.news_s = True, now_s

    def over(self, number: int, now_s: float) -> None:
        """The person stopped speaking; the words come later. Also told of a sound that did not last
        long enough to be sure."""
        u = self._utterances.get(number)
        if u is not None:
            u.over_s = u.news_s = now_s
            if u.lost:
                del self._utterances[number]

    def dropped(self, number: int) -> None:
        """It is forgotten: no words will come."""
        self._utterances.pop(number, None)

    def failed(self, number: int) -> None:
        """The recognizer gave it up: there will be no words."""
        u = self._utterances.get(number)
        if u is not None:
            u.lost = True
            if u.over_s is not None:
                del self._utterances[number]

    def words(self, number: int, text: str, spoken_ms: int, now_s: float) -> Meaning:
        """A hypothesis. It means WORDS only where the final can hardly say otherwise."""
        u = self._utterances.get(number)
        if u is None or u.lost:
            return Meaning.NOTHING
        u.text, u.spoken_ms, u.news_s = text, spoken_ms, now_s
        if not u.sure or self._says_too_little(u, text) or self._may_be_backchannel(u):
            return Meaning.NOTHING
        plain = len(words_of(text)) >= PLAIN_WORDS and not self._is_noise(u, text)
        stops = self.backchannels is not None and commands(text, self.backchannels)
        u.meant = u.meant or plain or stops
        return Meaning.WORDS if plain or stops else Meaning.NOTHING

    def concluded(
        self,
        number: int,
        text: str,
        now_s: float,
        *,
        confidence: float = 0.0,
        spoken_ms: int = 0,
        begun: bool = True,
    ) -> Meaning:
        """What the utterance will have said if the short silence that began is its end. `begun`: so
        much of a reply was heard that somebody may listen to it."""
        u = self._utterances.get(number)
        if u is None or u.lost or not u.sure:
            return Meaning.NOTHING
        u.news_s = now_s
        u.spoken_ms = max(u.spoken_ms, spoken_ms)
        return self._meaning(u, text, confidence if begun else 0.0)

    def heard(
        self, number: int, text: str, confidence: float = 0.0, *, begun: bool = True
    ) -> Meaning:
        """The last word on an utterance, which is forgotten with it. `confidence`: the
        recognizer's, 0 to 1; 0 where it does not say. `begun`: as for `concluded`."""
        u = self._utterances.pop(number, None)
        if u is None:
            return Meaning.WORDS if words_of(text) else Meaning.NOTHING
        if not u.sure:
            too_little = self._says_too_little(u, text)
            return Meaning.BACKCHANNEL if too_little else self._meaning_of_short(text, confidence)
        return self._meaning(u, text, confidence if begun else 0.0)

    def _meaning_of_short(self, text: str, confidence: float) -> Meaning:
        """Of a sound that never became speech for certain."""
        table = self.short_words
        if noise_only(text, table):
            return Meaning.NOTHING
        if judge(text, table, final=True) is Verdict.BACKCHANNEL:
            return Meaning.BACKCHANNEL
        guessed = 0.0 < confidence < SURE_OF_WORDS
        if guessed and not (table is not None and surely_commands(text, table)):
            return Meaning.NOTHING
        return Meaning.WORDS

    def _is_noise(self, u: Utterance, text: str) -> bool:
        """Whether the words are what recognizers make of a hum or the like during a reply."""
        table = self.short_words
        if not u.during_reply or table is None:
            return not words_of(text)
        words = words_of(text)
        few = len(words) <= FEW_WORDS and sum(map(len, words)) <= FEW_LETTERS
        drawn_out = u.long and few
        return noise_only(text, table) or (drawn_out and not commands(text, table))

    def _meaning(self, u: Utterance, text: str, confidence: float) -> Meaning:
        """Of final words that were certainly speech, or a long sound. Who has ended a reply by them
        is answered, also where the final has fewer."""
        if u.meant and words_of(text):
            return Meaning.WORDS
        if self._is_noise(u, text):
            return Meaning.NOTHING
        if self._says_too_little(u, text):
            return Meaning.BACKCHANNEL
        if self.backchannels is None or not u.during_reply or u.long:
            return Meaning.WORDS
        if judge(text, self.backchannels, final=True) is Verdict.BACKCHANNEL:
            return Meaning.BACKCHANNEL
        words = words_of(text)
        short = len(words) <= FEW_WORDS and sum(map(len, words)) <= GUESSED_LETTERS
        guessed = short and 0.0 < confidence < GUESSED_WORDS and u.spoken_ms <= GUESSED_MS
        if guessed and not commands(text, self.backchannels):
            return Meaning.BACKCHANNEL
        return Meaning.WORDS

    @property
    def at_rest(self) -> bool:
        """Nobody speaks, and no words are still to come."""
        return not self._utterances and self._sound_s == -math.inf


def _passed(moment_s: float, now_s: float) -> bool:
    return now_s >= moment_s - CLOSE_S
