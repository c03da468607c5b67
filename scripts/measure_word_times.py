"""How well voices know when their words sound.

    python scripts/measure_word_times.py [VOICE ...] [--ear base] [--show]

Each voice (as `parley voices list` calls them; Kokoro's by STREAM_KOKORO_MODEL and _VOICES) says
sentences of plain words, numbers, links and abbreviations. The truth comes from two ears that know
nothing of the voice: Whisper's word timestamps, for the words that it heard as they are written,
and the silences of sentences whose words all stand between commas. Compared with it are the voice's
own times, and the estimate that every word takes time in proportion to its letters. Printed: how
far the beginnings of words are off, and how often, at a moment of the sentence, the words heard by
then are wrong by more than one, and ahead by more than one.
"""

from __future__ import annotations

import argparse
import functools
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np
import soxr
import structlog
import trio

from parley.config import load_settings
from parley.engines.asr.model_store import find_model
from parley.engines.lanes.supervisor import LanesSupervisor
from parley.engines.models.folder import models_folder
from parley.engines.tts.catalogue import settings_of
from parley.engines.tts.interface import Speech
from parley.engines.tts.open import open_voice
from parley.engines.tts.word_times import words_of

SENTENCES = (
    "The weather will stay dry until the evening, and then it may rain for an hour or two.",
    "I have sent the message to your mother, and she will call you back in the afternoon.",
    "Turn left at the second traffic light, then go straight on to the end of the road.",
    "Pi is 3.14159 and e is 2.718, as far as I remember.",
    "It costs $1,250,000.50 at 10:30 p.m. today.",
    "Dr. Smith and Mr. Jones meet on St. James Street at a quarter past six.",
    "Use Node.js 18.2.1 please, since the older one is not supported any more.",
    "Write to bob@example.org or see https://www.example.com/docs today.",
    "The train leaves at 7:45 from platform 9 and arrives at 11:20 in the city.",
    "You have 3 meetings tomorrow, the first one at 9:00 with Anna and the last at 16:30.",
    "In 1969 two people walked on the moon, and 600 million watched it at home.",
    "About 72% of the answers were right, which is 15% more than in the year before.",
    "Call me at 555-0199 or at the office, i.e. in the new building, after lunch.",
    "The U.S. and the U.K. signed it on May 3, 2021, in the presence of 40 ministers.",
    "Please open www.example.org/help and read the part about printers, e.g. the last page.",
    "One kilogram is 2.2 pounds, and a mile is 1.6 kilometers, so it is not that far.",
    "The recipe needs 250 g of flour, 3 eggs and a cup of milk, nothing else.",
    "Is that a cup of coffee with milk and no sugar, or did I get that wrong?",
    "He said that he would be there in a minute, but that was half an hour ago.",
    "The file is called report_final_v2.pdf and it is 4.5 MB large.",
    "Version 2.0 was released on 12/05/2020 and version 3.1 two years later.",
    "The shop opens at nine and closes at six, except on Sundays, when it opens at noon.",
    "There are 1,024 rooms in the house, and 17 of them have a window to the garden.",
    "My address is 221B Baker Street, London NW1 6XE, and my name is on the door.",
    "Of the 12 apples in the bag, 5 were red, 4 were green and the rest was gone.",
    "To be or not to be, that is the question that he was to ask all over again.",
    "She earns $85,000 a year, i.e. some $7,000 a month, before taxes etc. are paid.",
    "The temperature falls to -5 degrees at night, and rises to 14 in the sun.",
    "Mix A & B, wait for 90 seconds, then add C and stir it until the mixture is smooth.",
    "I did not understand the last word, could you say it again a bit more slowly?",
)

APART = (
    "Lemon, melon, onion, salmon, flour, wine.",
    "Monday, 7, morning, 9, January, 11, river.",
    "Moon. Sun. Rain. Snow. Fire. Wind.",
    "Anna. 9. Maria. 11. William. 7. Helen.",
    "Seven, nineteen, hello, Miami, marine, loan.",
)
"""Words with a pause before each, and no silence inside."""

EAR_HZ = 16_000
QUIET = 0.03
"""Of the loudest 10 ms: below that is silence."""
CLEARLY = 1.5
"""So many times longer than a silence within a word is a pause."""
PAUSE_FRAMES = 6
"""And at least so many times 10 ms long."""
CUTS = 40
"""Moments that are looked at in each sentence."""


@dataclass(slots=True)
class Tally:
    """Of one way to know the times."""

    starts_s: list[float] = field(default_factory=list)
    apart_s: list[float] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    """Words too many, or too few, at a moment."""


@dataclass(frozen=True, slots=True)
class Truth:
    """When a word sounds, as an ear heard it, by its number."""

    starts_s: dict[int, float]
    ends_s: dict[int, float]

    def off(self, heard: int, moment_s: float) -> int:
        """How far `heard` words by this moment are from what can be true."""
        over = [number for number, end_s in self.ends_s.items() if end_s <= moment_s]
        to_come = [number for number, end_s in self.ends_s.items() if end_s > moment_s]
        least = max(over, default=-1) + 1
        most = min(to_come, default=heard)
        return heard - most if heard > most else min(0, heard - least)


def by_letters(text: str, duration_s: float) -> list[tuple[float, float]]:
    letters = [end - start for start, end in words_of(text)]
    edges = np.cumsum([0, *letters]) * (duration_s / sum(letters))
    return [(float(begin_s), float(end_s)) for begin_s, end_s in pairwise(edges)]


def by_voice(speech: Speech) -> list[tuple[float, float]]:
    return [(word.start_s, word.end_s) for word in speech.words]


def samples_of(speech: Speech) -> np.ndarray:
    pcm = np.frombuffer(speech.pcm16, "<i2").astype(np.float32) / 32768
    return np.asarray(soxr.resample(pcm, speech.rate_hz, EAR_HZ), np.float32)


def plain(word: str) -> str:
    return "".join(filter(str.isalnum, word.lower()))


class Ear:
    def __init__(self, name: str) -> None:
        from faster_whisper import WhisperModel

        folder = find_model(name, models_folder())
        if folder is None:
            raise SystemExit(f"there is no Whisper model {name}: parley models pull {name}")
        self._model = WhisperModel(str(folder), device="cpu", compute_type="int8")

    def hear(self, text: str, speech: Speech) -> Truth:
        segments, _ = self._model.transcribe(
            samples_of(speech), language="en", word_timestamps=True, beam_size=5
        )
        heard = [word for segment in segments for word in segment.words or ()]
        wanted = [plain(text[start:end]) for start, end in words_of(text)]
        matcher = SequenceMatcher(None, wanted, [plain(w.word) for w in heard], autojunk=False)
        starts, ends = {}, {}
        for mine, its, length in matcher.get_matching_blocks():
            for step in range(length):
                starts[mine + step] = float(heard[its + step].start)
                ends[mine + step] = float(heard[its + step].end)
        return Truth(starts, ends)


def onsets(speech: Speech, words: int) -> list[float]:
    """Where so many words begin that stand apart: behind the longest silences. None where the
    voice runs over a pause, so that it is no longer than a silence within a word."""
    samples = samples_of(speech)
    step = EAR_HZ // 100
    frames = samples[: len(samples) // step * step].reshape(-1, step)
    loud = np.sqrt((frames**2).mean(axis=1))
    (sounding,) = np.nonzero(loud > QUIET * loud.max())
    silences = np.diff(sounding)
    longest = np.argsort(silences, kind="stable")[::-1]
    shortest, inside = silences[longest[words - 2 : words]]
    if shortest < max(PAUSE_FRAMES, CLEARLY * inside):
        return []
    behind = np.sort(longest[: words - 1]) + 1
    return [float(frame) / 100 for frame in (sounding[0], *sounding[behind])]


def tell(name: str, way: str, tally: Tally) -> None:
    def ms(seconds: Sequence[float]) -> str:
        if not seconds:
            return f"{'-':>14}"
        away = sorted(1000 * abs(one) for one in seconds)
        return f"{statistics.median(away):5.0f} {away[int(0.95 * (len(away) - 1))]:5.0f} ms"

    bias = 1000 * statistics.median(tally.starts_s) if tally.starts_s else 0.0
    share = 100 / max(1, len(tally.cuts))
    wrong = share * sum(abs(off) > 1 for off in tally.cuts)
    ahead = share * sum(off > 1 for off in tally.cuts)
    print(
        f"{name:10} {way:8} {ms(tally.starts_s)} (of {len(tally.starts_s)}, median {bias:+.0f})  "
        f"apart {ms(tally.apart_s)} (of {len(tally.apart_s)})  "
        f"cuts off by more than one {wrong:4.1f} %, ahead {ahead:4.1f} % of {len(tally.cuts)}"
    )


async def measure(name: str, ear: Ear, *, shown: bool) -> None:
    settings = load_settings(settings_of(name) | {"stream_tts_thread_workers": 1})
    tallies = {"own": Tally(), "letters": Tally()}
    moments = random.Random(17)
    async with open_voice(settings) as voice, trio.open_nursery() as nursery:
        await nursery.start(LanesSupervisor(voice.lanes).run)
        for text in (*SENTENCES, *APART):
            speech = await voice.synthesizer.speak(text)
            ways = {"own": by_voice(speech), "letters": by_letters(text, speech.duration_s)}
            if not ways["own"]:
                print(f"{name}: no times of {text!r}")
                continue
            truth = None if text in APART else ear.hear(text, speech)
            apart = onsets(speech, len(words_of(text)))
            cuts = [moments.uniform(0, speech.duration_s) for _ in range(CUTS)]
            for way, times in ways.items():
                tally = tallies[way]
                if truth is None:
                    tally.apart_s += [t[0] - s for t, s in zip(times, apart, strict=False)]
                    continue
                tally.starts_s += [times[i][0] - s for i, s in truth.starts_s.items()]
                for cut_s in cuts:
                    off = truth.off(sum(end_s <= cut_s for _, end_s in times), cut_s)
                    tally.cuts.append(off)
                if shown and way == "own":
                    for i, start_s in truth.starts_s.items():
                        word = text[slice(*words_of(text)[i])]
                        if abs(times[i][0] - start_s) > 0.2:
                            print(
                                f"  {word!r} at {times[i][0]:.2f}, heard at {start_s:.2f}: {text}"
                            )
        nursery.cancel_scope.cancel()
    for way, tally in tallies.items():
        tell(name, way, tally)


async def measure_all(names: Sequence[str], ear: str, shown: bool) -> None:
    listening = Ear(ear)
    for name in names:
        await measure(name, listening, shown=shown)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("voices", nargs="*", default=["en-us", "joe"])
    parser.add_argument("--ear", default="base", help="the Whisper model that hears them")
    parser.add_argument("--show", action="store_true", help="words that are off by 200 ms")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    trio.run(functools.partial(measure_all, arguments.voices, arguments.ear, arguments.show))
    return 0


if __name__ == "__main__":
    sys.exit(main())
