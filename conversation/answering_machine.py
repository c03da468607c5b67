"""Who answered a call that was placed: a person, an answering machine, or a service that screens.

Three things tell a machine from a person. Its words: "leave a message after the tone". Its length:
a person says "hello?" and waits, a machine talks on. And the beep behind its speech, after which it
records. All are known some seconds after the call was taken; until then it is UNKNOWN.

Plain: no task, no clock. Times are milliseconds of the audio that came, on one clock. Nothing here
fails, whatever is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ..audio.line_tone import LineTone
from .answering_machine_words import sayings_for
from .backchannel import Words, words_of

LISTENS_MS = 45_000
"""After that nothing is decided any more: whoever talks is a person, or it does not matter."""

ANSWER_GAP_MS = 1200
"""Who pauses for so long has left room for an answer; what comes later is another speech."""
MONOLOGUE_MS = 6000
"""A speech that lasts longer, from its beginning to its end, is no greeting of a person's."""
UNAVAILABLE_MS = 2500
"""Or one that lasts longer and says that somebody is not available."""
GREETING_MS = 3500
"""A first speech up to this length, with room for an answer behind it, is a person's: "Smith and
Sons, this is Mary, how can I help you?"."""
PERSON_QUIET_MS = 1800
"""So much room: a machine's pauses between two sentences are shorter."""
PERSON_SPEECHES = 2

BEEP_MS = 150
BEEP_HZ = (350.0, 2100.0)
"""A beep is one single tone, as long and as high as this."""
BEEP_QUIET_MS = 800
"""And then nothing. A busy tone comes again after 500 ms at the latest."""
BEEP_AFTER_MS = 8000
"""Between the end of speech and the beep at the most: mailboxes may take some seconds."""


class Answered(Enum):
    UNKNOWN = "unknown"
    PERSON = "person"
    MACHINE = "machine"
    SCREENING = "screening"
    """A service asks who calls and why: say so, and wait."""


@dataclass(slots=True, kw_only=True)
class AnsweringMachine:
    """Told of what comes in from the moment at which the call was taken. Each report gives what is
    known then. Whoever owns it looks again (`passed`) at `deadline_ms`."""

    language: str = ""
    """A code; "" where it is not known: then the words of all languages count."""
    answered: Answered = Answered.UNKNOWN
    reason: str = ""
    """Why, for people: "words: after the tone", "monologue of 7.2 s", "beep of 1000 Hz"."""
    beeped: bool = False
    """Whether the machine records now: what is said from here on is the message."""

    _began_ms: int | None = None
    """Where the speech began that is going on, or was the last one."""
    _until_ms: int | None = None
    """Where somebody spoke last."""
    _speaking: bool = False
    _speeches: int = 0
    _tone: LineTone | None = None
    """What may have been the beep."""
    _said: list[str] = field(default_factory=list)

    # Reports

    def speech_began(self, at_ms: int) -> Answered:
        """Somebody seems to speak."""
        self.passed(at_ms)
        self._tone = None
        if self._until_ms is None or at_ms - self._until_ms >= ANSWER_GAP_MS:
            self._began_ms = at_ms
            self._speeches += 1
        self._speaking = True
        return self.answered

    def speech_ended(self, at_ms: int) -> Answered:
        """They stopped: where the last speech was, not where that was certain."""
        self._look_at_length(at_ms)
        if self._tone is not None and at_ms > self._tone.ended_ms:
            self._tone = None  # it was in the midst of speech
        self._speaking, self._until_ms = False, at_ms
        return self.answered

    def no_speech(self) -> None:
        """What began was no speech: it had no words, or was dropped as a sound of the line."""
        self._speaking = False
        if self._until_ms is None:
            self._began_ms, self._speeches = None, 0

    def heard(self, text: str, at_ms: int) -> Answered:
        """Words of an utterance: its final, or a hypothesis of it. Once it is a person they count
        in the second speech only, as of a machine that begins with "Hello?": later a person may
        well say "would you like to leave a message?"."""
        early = self.answered is not Answered.PERSON or self._speeches <= PERSON_SPEECHES
        if early and self._open(at_ms) and self.answered is not Answered.MACHINE:
            self._look_at_words(words_of(text), at_ms)
        return self.answered

    def tone(self, tone: LineTone) -> Answered:
        """A tone is over. Another one behind it says that it was no beep. It may be told before
        the end of the speech in front of it is, which is certain later."""
        low, high = BEEP_HZ
        fits = tone.single and not tone.key and tone.ms >= BEEP_MS and low <= tone.hertz[0] <= high
        began_ms = tone.ended_ms - tone.ms
        near = self._speaking or (
            self._until_ms is not None and began_ms - self._until_ms <= BEEP_AFTER_MS
        )
        first = self._tone is None
        self._tone = tone if fits and near and first and self._open(tone.ended_ms) else None
        return self.answered

    def passed(self, now_ms: int, *, tone_now: bool = False) -> Answered:
        """So much audio has come. `tone_now`: a tone is heard that is not over."""
        if tone_now:
            self._tone = None
        if self._speaking:
            self._look_at_length(now_ms)
        elif self._tone is not None and now_ms - self._tone.ended_ms >= BEEP_QUIET_MS:
            self._beep(self._tone)
        elif (
            self._until_ms is not None
            and self.answered is Answered.UNKNOWN
            and now_ms - self._until_ms >= PERSON_QUIET_MS
            and self._lasted_ms(self._until_ms) <= GREETING_MS
        ):
            self._decide(Answered.PERSON, "a short greeting, and room for an answer")
        return self.answered

    @property
    def deadline_ms(self) -> int | None:
        """When `passed` will say something new if nothing else is told; None: never."""
        if self._tone is not None and not self._speaking:
            return self._tone.ended_ms + BEEP_QUIET_MS
        if self.answered is not Answered.UNKNOWN or self._began_ms is None:
            return None
        if self._speaking:
            return self._began_ms + MONOLOGUE_MS
        if self._until_ms is None or self._lasted_ms(self._until_ms) > GREETING_MS:
            return None
        return self._until_ms + PERSON_QUIET_MS

    # Decisions

    def _open(self, at_ms: int) -> bool:
        return at_ms <= LISTENS_MS

    def _lasted_ms(self, until_ms: int) -> int:
        return 0 if self._began_ms is None else until_ms - self._began_ms

    def _look_at_length(self, now_ms: int) -> None:
        lasted_ms = self._lasted_ms(now_ms)
        undecided = self.answered is Answered.UNKNOWN and self._open(now_ms)
        if undecided and self._speeches == 1 and lasted_ms >= MONOLOGUE_MS:
            self._decide(Answered.MACHINE, f"monologue of {lasted_ms / 1000:.1f} s")

    def _look_at_words(self, words: Words, at_ms: int) -> None:
        for table in sayings_for(self.language):
            if found := _found(words, table.screening):
                self._decide(Answered.SCREENING, f"words: {found}")
                return
            if found := _found(words, table.machine):
                self._decide(Answered.MACHINE, f"words: {found}")
                return
            long = self._lasted_ms(at_ms) >= UNAVAILABLE_MS
            if long and (found := _found(words, table.unavailable)):
                self._decide(Answered.MACHINE, f"words: {found}")
                return

    def _beep(self, tone: LineTone) -> None:
        self._tone = None
        if self.answered is Answered.PERSON:
            return  # somebody else calls them, or their telephone beeps
        self.beeped = True
        if self.answered is not Answered.MACHINE:
            self._decide(Answered.MACHINE, f"beep of {tone.hertz[0]:.0f} Hz")

    def _decide(self, answered: Answered, reason: str) -> None:
        self.answered, self.reason = answered, reason


def _found(words: Words, phrases: frozenset[Words]) -> str:
    """The longest of the phrases that is in these words; "" where none is."""
    row = f" {' '.join(words)} "
    inside = [said for phrase in sorted(phrases) if f" {(said := ' '.join(phrase))} " in row]
    return max(inside, key=len, default="")
