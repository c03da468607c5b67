"""The closed vocabulary, and sentences of it: commands from templates and random strings.

Nothing here makes sound. Every word is one that a voice assistant hears often, and no two of
them sound alike ("two" is in, so "to" is not). A sentence is held back or trained on by a digest
of its words, so that the two sets can never share one, whatever the seeds.
"""

from __future__ import annotations

import hashlib
import random

SLOTS: dict[str, tuple[str, ...]] = {
    "room": ("kitchen", "bedroom", "garden", "bathroom", "garage", "office"),
    "device": ("lights", "heating", "fan", "television", "camera"),
    "opening": ("door", "window", "curtains", "garage"),
    "media": ("music", "radio", "news", "television"),
    "number": (
        *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        *("ten", "eleven", "twelve", "twenty", "thirty", "fifty", "hundred"),
    ),
    "colour": ("red", "green", "blue", "yellow", "purple", "white"),
    "unit": ("minutes", "seconds", "hours"),
    "day": ("today", "tomorrow", "tonight", "monday", "friday", "sunday"),
    "part": ("morning", "evening"),
    "switch": ("on", "off"),
    "change": ("louder", "quieter", "warmer", "colder", "brighter"),
    "person": ("mother", "sister", "doctor"),
    "answer": ("yes", "no", "okay", "maybe"),
}
"""What a word in braces in a template stands for."""

TEMPLATES: tuple[str, ...] = (
    "turn {switch} the {room} {device}",
    "turn {switch} the {device}",
    "switch the {device} {switch}",
    "switch {switch} the {room} lights",
    "set the {room} lights {colour}",
    "set the timer {number} {unit}",
    "set the alarm {day} {part} {number}",
    "set the heating {number} degrees",
    "open the {room} {opening}",
    "close the {opening}",
    "lock the {room} door",
    "what is the weather {day}",
    "what is the temperature {day} {part}",
    "what time is it",
    "play the {media}",
    "pause the {media}",
    "stop the {media}",
    "make the {media} {change}",
    "make the {room} {change}",
    "call my {person} {day}",
    "cancel my alarm {day} {part}",
    "cancel the timer",
    "lights {number} percent",
    "show the {room} camera",
    "remind me {day} {part}",
    "remind me again {number} {unit} later",
    "wait {number} {unit}",
    "{answer} please",
    "{answer} thanks",
    "{answer}",
    "hello computer",
    "goodbye computer",
    "help me please",
    "repeat the {media}",
    "stop",
    "cancel",
)


def vocabulary() -> tuple[str, ...]:
    """Every word there is, in alphabetical order."""
    plain = {word for template in TEMPLATES for word in template.split() if word[0] != "{"}
    return tuple(sorted(plain | {"and"}.union(*SLOTS.values())))


WORDS = vocabulary()


def command(rng: random.Random) -> list[str]:
    """A template with its braces filled."""
    template = rng.choice(TEMPLATES).split()
    return [rng.choice(SLOTS[word[1:-1]]) if word[0] == "{" else word for word in template]


def sentence(rng: random.Random, *, longest: int = 8) -> list[str]:
    """One to `longest` words: six in ten are commands, the others random strings.

    The random ones keep the decoder from learning the templates by heart: what it writes has to
    come from the sound.
    """
    if rng.random() < 0.4:
        return [rng.choice(WORDS) for _ in range(rng.randint(1, longest))]
    words = command(rng)
    dice = rng.random()
    if dice < 0.1:
        words = ["computer", *words]
    elif dice < 0.2:
        words = [*words, "please"]
    elif dice < 0.35:
        second = command(rng)
        if len(words) + len(second) < longest:
            words = [*words, "and", *second]
    return words[:longest]


def is_held_back(words: list[str]) -> bool:
    """Whether training must never see these words as a sentence: one in sixteen.

    Sentences of one word cannot be held back: there are too few.
    """
    if len(words) < 2:
        return False
    return hashlib.sha256(" ".join(words).encode()).digest()[0] % 16 == 0


def sentences(seed: int, count: int, *, held_back: bool) -> list[list[str]]:
    """`count` sentences of one of the two sets. Those held back are all different."""
    rng = random.Random(seed)
    found: list[list[str]] = []
    seen: set[str] = set()
    while len(found) < count:
        words = sentence(rng)
        key = " ".join(words)
        if held_back and (key in seen or not is_held_back(words)):
            continue
        if not held_back and is_held_back(words):
            continue
        seen.add(key)
        found.append(words)
    return found


def word_errors(said: list[str], heard: list[str]) -> int:
    """Words to replace, leave out or add to turn one into the other."""
    row = list(range(len(heard) + 1))
    for at, word in enumerate(said, 1):
        before, row[0] = row[0], at
        for index, other in enumerate(heard, 1):
            before, row[index] = (
                row[index],
                min(row[index] + 1, row[index - 1] + 1, before + (word != other)),
            )
    return row[-1]
