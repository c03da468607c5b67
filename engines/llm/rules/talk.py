"""The conversation itself: repeat, slower, spell, count, a joke, a story, help, manners."""

from __future__ import annotations

import re

from .numbers import in_words
from .rule import Asked, Rule, fixed

COUNT_LIMIT = 100
IN_WORDS = 100
"""Numbers below it are written out, so that each is a sentence."""
WORDS_AT_A_TIME = 3
"""When something is said slowly: the voice pauses behind each sentence."""

HELP = (
    "I am Parley, and no language model is connected, so I follow a few rules. "
    "I can tell the time and the date, do sums, convert units, set a timer that rings, "
    "spell a word, count, repeat what I said, or say it slower. I know a joke and a story. "
    "Ask me how to connect a model."
)
CONNECT = (
    "Install Ollama on this computer, and have it fetch a model. "
    "I look for it and use it, without a restart. "
    "L M Studio, llama dot c p p and v L L M work as well. "
    "For a service, set the variable open A I A P I key, and start me again. "
    "The page about configuration has the details."
)
STORY = (
    "Here is a story. Once there was a lighthouse keeper who talked to the fog. "
    "Every night she asked it the same question, and every night it said nothing. "
    "One evening a small boat answered instead. It had lost its way among the rocks. "
    "She rang the bell, and the boat followed the sound. Slowly, very slowly, it came closer. "
    "At dawn the fog lifted, and a boy climbed up the stairs with a basket of bread. "
    "From then on she was never sure whether the fog had been listening all along."
)
JOKES = (
    "Why did the microphone stay at home? It could not stand all the noise.",
    "I told my computer that I needed a break. It stopped sending me cookies.",
    "A cable walks into a bar. The barman says: not so loud, you are plugged in.",
    "What does a clock do when it is hungry? It goes back four seconds.",
    "Why was the math book sad? It had too many problems.",
)
_REPEAT = re.compile(
    r"^(please |can you |could you |sorry |pardon )*"
    r"(repeat( that| it| what you said)?|say (that|it|this) again|what did you( just)? say"
    r"|come again|pardon|pardon me|again|1 more time|one more time)( please| again)*$"
)
_SLOWER = re.compile(
    r"\b(slower|more slowly|too fast|slow down|speak slowly|say (that|it) slowly)\b"
)
_RECALL = re.compile(r"\bwhat (did i (just )?say|have i said)\b")
_SPELL = re.compile(r"\b(?:spell|spelling of)(?: the word| the name)? (?P<word>[\w']{1,30})$")
_SPELL_HOW = re.compile(r"\bhow (?:do you|is|do i|would you) (?P<word>[\w']{1,30}) spelled$")
_SPELLED = re.compile(r"\b(?:is|does) (?P<word>[\w']{1,30}) (?:spelled|spell)\b")
_COUNT = re.compile(r"\bcount(?: up| down)?(?: from (?P<first>\d+))? to (?P<last>\d+)\b")
_COUNT_DOWN = re.compile(r"\bcount down from (?P<first>\d+)$")


def repeat(asked: Asked) -> str | None:
    if not _REPEAT.search(asked.words):
        return None
    return next(reversed(asked.said_by("assistant")), "I have not said anything yet.")


def slower(asked: Asked) -> str | None:
    """What was said last, a few words at a time."""
    if not _SLOWER.search(asked.words):
        return None
    said = asked.said_by("assistant")
    if not said:
        return "I have not said anything yet."
    pieces = []
    for sentence in re.split(r"(?<=[.!?])\s+", said[-1]):
        words = sentence.rstrip(".!?").split()
        pieces += [
            " ".join(words[at : at + WORDS_AT_A_TIME])
            for at in range(0, len(words), WORDS_AT_A_TIME)
        ]
    return " ".join(f"{piece[:1].upper()}{piece[1:].rstrip(',;:')}." for piece in pieces if piece)


def recall(asked: Asked) -> str | None:
    if not _RECALL.search(asked.words):
        return None
    earlier = asked.said_by("user")[-2:-1]
    return f"You said: {earlier[0].rstrip(' .?!')}." if earlier else "Nothing before that."


def spell(asked: Asked) -> str | None:
    for pattern in (_SPELL, _SPELL_HOW, _SPELLED):
        if found := pattern.search(asked.words):
            word = found["word"]
            letters = ", ".join(letter.upper() for letter in word if letter.isalnum())
            return f"{word.capitalize()}: {letters}."
    return None


def count(asked: Asked) -> str | None:
    down = _COUNT_DOWN.search(asked.figures)
    if found := down or _COUNT.search(asked.figures):
        first, last = int(found["first"] or 1), 0 if down else int(found["last"])
        step = 1 if last >= first else -1
        numbers = list(range(first, last + step, step))[:COUNT_LIMIT]
        return " ".join(("Here I go.", *(f"{_counted(number)}." for number in numbers)))
    return None


def _counted(number: int) -> str:
    return in_words(number).capitalize() if number < IN_WORDS else str(number)


def coin(asked: Asked) -> str | None:
    if re.search(r"\b(flip|toss|throw) a coin\b|\bheads or tails\b", asked.words):
        return asked.chance.choice(("Heads.", "Tails."))
    if re.search(r"\b(roll|throw) (a|the|two|2) (dice|die)\b", asked.words):
        return f"{asked.chance.randint(1, 6)}."
    if found := re.search(r"\bnumber between (\d+) and (\d+)\b", asked.figures):
        first, last = sorted((int(found[1]), int(found[2])))
        return f"{asked.chance.randint(first, last)}."
    return None


SMALL_TALK: tuple[Rule, ...] = (
    fixed(
        r"\b(connect|add|use|get|install|set up) (a|an|the|another|some) (\w+ )?model\b", CONNECT
    ),
    fixed(r"^(\w+ )?help( me)?$|\bwhat can (you|i) (do|say|ask)\b|\b(who|what) are you\b", HELP),
    fixed(
        r"\btell (me|us) (a|another|the|some) (\w+ )?story\b|^(a|another) story( please)?$", STORY
    ),
    fixed(r"\b(a|another|any|some) (\w+ )?jokes?\b|\bmake me laugh\b", *JOKES),
    fixed(
        r"^(hello |hi |hey |okay |parley )*(can|do) you hear me( now)?$|^are you (still )?there$"
        r"|^(testing|test)( testing| test| 1| 2| 3| one| two| three| this)*$",
        "Yes, I hear you.",
    ),
    fixed(r"\bwhat('s| is) your name\b|\bwhat are you called\b", "I am Parley."),
    fixed(r"^(and )?how are you( today| doing)*$|^how's it going$", "Fine, thank you. And you?"),
    fixed(
        r"^(\w+ )?(thanks|thank you)( \w+){0,3}$",
        "You are welcome. Is there anything else?",
    ),
    fixed(
        r"^(\w+ )?(goodbye|good bye|bye|bye bye|good night|see you)( \w+)?$",
        "Goodbye. It was good to talk.",
    ),
    fixed(
        r"^(hello|hi|hey|good (morning|afternoon|evening))( \w+){0,2}$",
        "Hello. How can I help?",
    ),
    fixed(
        r"^(please )?(stop|be quiet|quiet|shut up|enough|that's enough|never mind|okay|ok|no|yes"
        r"|all right|alright|right|sure|fine|good|great|i see|cool|wow)( please| then)?$",
        "All right.",
    ),
)
