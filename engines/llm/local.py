"""The responder that needs no key and no network: a few rules, honest about being no model.

It streams word by word like a real one, so everything behind it is exercised. `compose` decides
what is said, from the conversation alone: the same conversation has the same answer. Never fails.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import trio

from ...protocol.chat import ChatMessage, Role

Rule = Callable[[str, Sequence[ChatMessage]], str | None]
"""From the lower-case words heard last, and all that was said before: an answer, or none."""

WORD_INTERVAL_S = 0.02
"""Between two words: 50 a second, about as fast as a hosted model, ten times as fast as speech."""

COUNT_LIMIT = 100

ABOUT_ME = (
    "I am Parley's built-in responder. I follow a few rules and know nothing of the world. "
    "I can say back what you said, do small sums, count, and tell a story. "
    "To talk to a real model, set OPENAI_API_KEY and start the server again."
)
STORY = (
    "Here is a story. Once there was a lighthouse keeper who talked to the fog. "
    "Every night she asked it the same question, and every night it said nothing. "
    "One evening a small boat answered instead. It had lost its way among the rocks. "
    "She rang the bell, and the boat followed the sound. Slowly, very slowly, it came closer. "
    "At dawn the fog lifted, and a boy climbed up the stairs with a basket of bread. "
    "From then on she was never sure whether the fog had been listening all along."
)
OPENINGS = ("I see.", "All right.", "Okay.", "I understand.")
FOLLOW_UPS = ("What happens next?", "Tell me more.", "You can interrupt me.", "I am listening.")
_ONES = re.findall(
    r"\w+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen",
)
_TENS = re.findall(r"\w+", "twenty thirty forty fifty sixty seventy eighty ninety")
_SPOKEN = _ONES + [f"{ten} {one}".removesuffix(" zero") for ten in _TENS for one in _ONES[:10]]
_VALUE = {word: number for number, word in enumerate(_SPOKEN)}
_NUMBER = rf"(\d{{1,6}}|(?:{'|'.join(_TENS)})(?: (?:{'|'.join(_ONES[1:10])}))?|{'|'.join(_ONES)})"
_SUM = re.compile(rf"\b{_NUMBER} (plus|minus|times|divided by) {_NUMBER}\b")
_COUNT = re.compile(rf"\bcount (?:up )?(?:from one )?to {_NUMBER}\b")


@dataclass(frozen=True, slots=True)
class LocalResponder:
    """Satisfies Responder; shared by all sessions, for it keeps nothing."""

    word_interval_s: float = WORD_INTERVAL_S

    @asynccontextmanager
    async def reply(self, conversation: Sequence[ChatMessage]) -> AsyncIterator[AsyncIterator[str]]:
        async with aclosing(self._words(compose(conversation))) as words:
            yield words

    async def _words(self, text: str) -> AsyncGenerator[str, None]:
        await trio.lowlevel.checkpoint()
        for number, word in enumerate(re.findall(r"\s*\S+", text)):
            if number:
                await trio.sleep(self.word_interval_s)
            yield word


def compose(conversation: Sequence[ChatMessage]) -> str:
    """The answer to what the user said last. It starts short: the first audio waits for that."""
    said = _texts(conversation, "user")
    words = re.sub(r"[^\w\s']|_", " ", said[-1].lower() if said else "").split()
    if not words:
        return "I did not catch that. Please say it again."
    heard = " ".join(words)
    for rule in RULES:
        if answer := rule(heard, conversation):
            return answer
    number = len(said) - 1
    opening = OPENINGS[number % len(OPENINGS)]
    follow_up = FOLLOW_UPS[number % len(FOLLOW_UPS)]
    return f"{opening} You said: {said[-1].rstrip(' .?!')}. {follow_up}"


def _texts(conversation: Sequence[ChatMessage], role: Role) -> list[str]:
    return [message.text.strip() for message in conversation if message.role == role]


def _repeat(heard: str, conversation: Sequence[ChatMessage]) -> str | None:
    if not re.search(r"\b(repeat (that|it)|say (that|it) again|what did you say)\b", heard):
        return None
    return next(reversed(_texts(conversation, "assistant")), "I have not said anything yet.")


def _recall(heard: str, conversation: Sequence[ChatMessage]) -> str | None:
    if not re.search(r"\bwhat (did i (just )?say|have i said)\b", heard):
        return None
    earlier = _texts(conversation, "user")[-2:-1]
    return f"You said: {earlier[0].rstrip(' .?!')}." if earlier else "Nothing before that."


def _sum(heard: str, conversation: Sequence[ChatMessage]) -> str | None:
    if not (found := _SUM.search(heard)):
        return None
    left, right = _value(found[1]), _value(found[3])
    if found[2] != "divided by":
        work = {"plus": int.__add__, "minus": int.__sub__, "times": int.__mul__}[found[2]]
        return f"That is {_spoken(work(left, right))}."
    if right == 0:
        return "Nobody can divide by zero."
    whole, rest = divmod(left, right)
    return f"That is {_spoken(whole)}{f', and {_spoken(rest)} is left' if rest else ''}."


def _count(heard: str, conversation: Sequence[ChatMessage]) -> str | None:
    if not (found := _COUNT.search(re.sub(r"\b(a|one) hundred\b", "100", heard))):
        return None
    numbers = range(1, min(_value(found[1]), COUNT_LIMIT) + 1)
    return " ".join(("Here I go.", *(f"{_spoken(number).capitalize()}." for number in numbers)))


def _value(number: str) -> int:
    return int(number) if number.isdigit() else _VALUE[number]


def _spoken(number: int) -> str:
    sign, size = ("minus " if number < 0 else ""), abs(number)
    return sign + (_SPOKEN[size] if size < len(_SPOKEN) else str(size))


def _fixed(pattern: str, answer: str) -> Rule:
    wanted = re.compile(pattern)
    return lambda heard, conversation: answer if wanted.search(heard) else None


RULES: tuple[Rule, ...] = (
    _repeat,
    _recall,
    _fixed(r"^help( me)?$|\bwhat can you do\b|\b(who|what) are you\b", ABOUT_ME),
    _count,
    _fixed(r"\btell (me|us) (a|another|the) (\w+ )?story\b", STORY),
    _sum,
    _fixed(r"^(\w+ )?(thanks|thank you)( \w+){0,3}$", "You are welcome. Is there anything else?"),
    _fixed(r"^(\w+ )?(goodbye|good bye|bye|good night)( \w+)?$", "Goodbye. It was good to talk."),
    _fixed(r"^(hello|hi|hey|good (morning|evening))( \w+){0,2}$", "Hello. How can I help?"),
)
"""The first that has an answer gives it."""
