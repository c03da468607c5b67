"""How well the memory knows what was heard of a reply that was interrupted, in written words.

    python scripts/measure_memory.py [VOICE ...] [--ear base] [--cuts 200]

Replies of three sentences, full of numbers, links and abbreviations, go the whole way: phrases,
speakable text, the voice, the ledger. At random moments they are interrupted, and the words that
the memory keeps are compared with those that Whisper's word timestamps say were over by then. Three
ways: with the times of the voice, as a voice without times is estimated, and by letters alone, as
it was once. Printed: how often the memory is off by more than a word, and how often
it is ahead by more than one.
"""

from __future__ import annotations

import argparse
import functools
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import structlog
import trio
from measure_word_times import SENTENCES, Ear, Truth, words_of  # type: ignore[import-not-found]

from parley.actors.messages import SpokenPhrase
from parley.actors.phrase_sound import PhraseSound
from parley.config import Speaking, load_settings
from parley.conversation.ledger import Entry, Ledger
from parley.conversation.text.phrases import Phrase
from parley.conversation.text.words import written_words
from parley.engines.lanes.supervisor import LanesSupervisor
from parley.engines.tts.catalogue import settings_of
from parley.engines.tts.interface import Speech, Synthesizer
from parley.engines.tts.open import open_voice
from parley.session.phrasing import Phrasing

WAYS = ("voice", "estimate", "letters")


def phrases_of(text: str, speaking: Speaking) -> list[Phrase]:
    splitter = Phrasing.of(speaking, short=False).splitter()
    return [*splitter.push(text), *splitter.flush()]


def ledger_of(way: str, said: Sequence[tuple[Phrase, Speech]]) -> Ledger:
    """All of it has left, and is played from the moment 0 on."""
    ledger = Ledger()
    for phrase, speech in said:
        bare = speech if way == "voice" else replace(speech, words=())
        entry = PhraseSound(SpokenPhrase(phrase=phrase, speech=bare), None).entry
        if way == "letters":
            entry = Entry(phrase.text, speech.duration_s)
        ledger.add(entry)
        ledger.queued(entry, speech.duration_s)
        ledger.sent(0.0)
    return ledger


def heard_words(ledger: Ledger, now_s: float) -> int:
    return len(ledger.heard(now_s).split())


def truth_of(said: Sequence[tuple[Phrase, Speech]], ear: Ear) -> Truth:
    """When the written words were over, by the words of the spoken text that the ear knows."""
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    first, at_s = 0, 0.0
    for phrase, speech in said:
        heard = ear.hear(phrase.spoken, speech)
        spoken = [end for _, end in words_of(phrase.spoken)]
        marks = [(0, 0), *(phrase.marks or ())]
        for number, ((_, before), (_, until)) in enumerate(pairwise(marks)):
            saying = [n for n, end in enumerate(spoken) if before < end <= until]
            if saying and saying[-1] in heard.ends_s:
                ends[first + number] = at_s + heard.ends_s[saying[-1]]
                starts[first + number] = at_s + heard.starts_s.get(saying[0], 0.0)
        first += len(written_words(phrase.text))
        at_s += speech.duration_s
    return Truth(starts, ends)


def replies() -> Iterator[str]:
    for at in range(0, len(SENTENCES), 3):
        yield " ".join(SENTENCES[at : at + 3])


async def measure(name: str, ear: Ear, cuts: int) -> None:
    settings = load_settings(settings_of(name) | {"stream_tts_thread_workers": 1})
    chance = random.Random(23)
    off: dict[str, list[int]] = {way: [] for way in WAYS}
    async with open_voice(settings) as voice, trio.open_nursery() as nursery:
        await nursery.start(LanesSupervisor(voice.lanes).run)
        texts = list(replies())
        for text in texts:
            said = await _spoken(voice.synthesizer, phrases_of(text, settings.speaking))
            truth = truth_of(said, ear)
            moments = [
                chance.uniform(0, sum(speech.duration_s for _, speech in said))
                for _ in range(cuts // len(texts))
            ]
            for way in WAYS:
                ledger = ledger_of(way, said)
                off[way] += [truth.off(heard_words(ledger, at_s), at_s) for at_s in moments]
        nursery.cancel_scope.cancel()
    for way, words in off.items():
        share = 100 / max(1, len(words))
        wrong = share * sum(abs(one) > 1 for one in words)
        ahead = share * sum(one > 1 for one in words)
        print(
            f"{name:10} {way:9} off by more than a word {wrong:4.1f} %, ahead by more "
            f"than one {ahead:4.1f} %, exact {share * words.count(0):4.1f} % of {len(words)}"
        )


async def _spoken(voice: Synthesizer, phrases: Sequence[Phrase]) -> list[tuple[Phrase, Speech]]:
    return [(phrase, await voice.speak(phrase.spoken)) for phrase in phrases]


async def measure_all(names: Sequence[str], ear: str, cuts: int) -> None:
    listening = Ear(ear)
    for name in names:
        await measure(name, listening, cuts)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("voices", nargs="*", default=["en-us", "joe"])
    parser.add_argument("--ear", default="base", help="the Whisper model that hears them")
    parser.add_argument("--cuts", type=int, default=200)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    trio.run(functools.partial(measure_all, arguments.voices, arguments.ear, arguments.cuts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
