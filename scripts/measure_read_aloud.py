"""How well what models write is understood when it is spoken, before and after it was made sayable.

    python scripts/measure_read_aloud.py [VOICE ...] [--ear base] [--misheard]

Each voice (as `parley voices list` calls them; Kokoro's by STREAM_KOKORO_MODEL and _VOICES) says
sixty sentences that are full of numbers, addresses, abbreviations and markup, once phrase by phrase
as they were spoken once, and once as they are spoken now. Whisper hears them back.
Printed: the words that are wrong of those that a person would read aloud, which are written here.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from collections.abc import Sequence

import structlog
import trio
from measure_voices import hear  # type: ignore[import-not-found]

from parley.client.report import word_errors
from parley.config import load_settings
from parley.conversation.text.by_tokens import PhraseSplitter
from parley.conversation.text.speakable import speakable
from parley.conversation.text.tables import table_for
from parley.engines.kit import SessionInfo
from parley.engines.lanes.supervisor import LanesSupervisor
from parley.engines.room import EngineRoom, open_engine_room
from parley.engines.tts.catalogue import settings_of
from parley.engines.tts.interface import Speech, Synthesizer
from parley.engines.tts.open import open_voice
from parley.session.phrasing import spoken_phrases

SENTENCES = (
    ("Pi is 3.14159 and e is 2.718.", "pi is three point one four one five nine and e is two point seven one eight"),
    ("It costs $1,250,000.50 at 10:30 p.m. today.", "it costs one million two hundred fifty thousand dollars and fifty cents at ten thirty p m today"),
    ("Dr. Smith and Mr. Jones meet on St. James Street.", "doctor smith and mister jones meet on saint james street"),
    ("Use Node.js 18.2.1 please.", "use node dot js eighteen point two point one please"),
    ("Write to bob@example.org or see https://www.example.com/docs today.", "write to bob at example dot org or see example dot com slash docs today"),
    ("Here are **three** things to do.", "here are three things to do"),
    ("Great news! 😀🎉 We won.", "great news we won"),
    ("1. **Red** apples\n2. `green` pears", "one red apples two green pears"),
    ("Call 555-1234 before noon.", "call five five five one two three four before noon"),
    ("The meeting is on 2026-11-28.", "the meeting is on november twenty eight twenty twenty six"),
    ("He was born in 1984 and moved in 1999.", "he was born in nineteen eighty four and moved in nineteen ninety nine"),
    ("It is 20 °C outside.", "it is twenty degrees celsius outside"),
    ("Drive 5 km at 50 km/h.", "drive five kilometers at fifty kilometers per hour"),
    ("The file has 8 GB.", "the file has eight gigabytes"),
    ("Use 1/2 cup of sugar.", "use one half cup of sugar"),
    ("Between 10-20 people came.", "between ten to twenty people came"),
    ("See No. 5 on p. 12.", "see number five on page twelve"),
    ("It opens at 9 a.m. and closes at 5 p.m.", "it opens at nine a m and closes at five p m"),
    ("Bring fruit, e.g. apples.", "bring fruit for example apples"),
    ("Cats, dogs, etc. are welcome.", "cats dogs et cetera are welcome"),
    ("I like rock & roll.", "i like rock and roll"),
    ("That is $5.", "that is five dollars"),
    ("It costs €3.99 a month.", "it costs three euros and ninety nine cents a month"),
    ("They raised $3.5M last year.", "they raised three point five million dollars last year"),
    ("The train leaves at 14:05.", "the train leaves at fourteen oh five"),
    ("It is 9:00 now.", "it is nine o'clock now"),
    ("2 + 2 = 4.", "two plus two equals four"),
    ("About 50% of them agree.", "about fifty percent of them agree"),
    ("He is the 1st, she is the 22nd.", "he is the first she is the twenty second"),
    ("In the 1990s everything changed.", "in the nineteen nineties everything changed"),
    ("Visit example.com for more.", "visit example dot com for more"),
    ("# The plan\nWe go at dawn.", "the plan we go at dawn"),
    ("> Be brave.", "be brave"),
    ("- milk\n- bread\n- eggs", "milk bread eggs"),
    ("See [the guide](https://example.com/guide) first.", "see the guide first"),
    ("This is *very* important.", "this is very important"),
    ("| Name | Age |\n|------|-----|\n| Ann | 30 |", "name age ann thirty"),
    ("It weighs 1 kg and costs £10.00.", "it weighs one kilogram and costs ten pounds"),
    ("The IP address is 192.168.0.1 today.", "the ip address is one hundred ninety two dot one hundred sixty eight dot zero dot one today"),
    ("He said \"Go.\" Then he left.", "he said go then he left"),
    ("Wait... I see.", "wait i see"),
    ("The area is 10 m² large.", "the area is ten square meters large"),
    ("We met on Jan. 5 at noon.", "we met on january five at noon"),
    ("Ask Prof. Lee vs. Gen. Grant.", "ask professor lee versus general grant"),
    ("He works at Apple Inc. in Texas.", "he works at apple incorporated in texas"),
    ("Is it he/she or they?", "is it he or she or they"),
    ("It fell to -5 degrees.", "it fell to minus five degrees"),
    ("#1 in sales this year.", "number one in sales this year"),
    ("The variable is snake_case here.", "the variable is snake case here"),
    ("Press the button → wait.", "press the button wait"),
    ("<b>Bold</b> text is here.", "bold text is here"),
    ("Fish &amp; chips for two.", "fish and chips for two"),
    ("The fee is $0.99 only.", "the fee is ninety nine cents only"),
    ("Open main.py and run it.", "open main dot py and run it"),
    ("It took 5 ms at 3.2 GHz.", "it took five milliseconds at three point two gigahertz"),
    ("The score was 3-2 at half time.", "the score was three to two at half time"),
    ("That is approx. five miles away.", "that is approximately five miles away"),
    ("It was founded in 1905 by two men.", "it was founded in nineteen oh five by two men"),
    ("On July 4, 1776, it began.", "on july four seventeen seventy six it began"),
    ("Dogs — and cats — are pets.", "dogs and cats are pets"),
)  # fmt: skip
"""What a model writes, and what a person reads aloud."""

EN = table_for("en")
SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SAME = {
    "mr": "mister",
    "dr": "doctor",
    "st": "saint",
    "ok": "okay",
    "pm": "p m",
    "am": "a m",
    "vs": "versus",
    "inc": "incorporated",
    "oclock": "o'clock",
    "js": "js",
    "percent": "percent",
    "first": "1st",
    "second": "2nd",
    "kilometres": "kilometers",
    "metres": "meters",
}


def in_words(number: int) -> str:
    if number < 20:
        return SMALL[number]
    if number < 100:
        rest = f" {SMALL[number % 10]}" if number % 10 else ""
        return TENS[number // 10 - 2] + rest
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {in_words(number % size)}" if number % size else ""
            return f"{in_words(number // size)} {name}{rest}"
    return str(number)


def words_of(text: str) -> list[str]:
    """The words that somebody heard, whichever way they are written."""
    plain = speakable(text, EN, whole=True).text.lower().replace("%", " percent ")
    plain = re.sub(r"(?<=\d)[,](?=\d)", "", plain)
    plain = re.sub(r"(?<=\d)\.(?=\d)", " point ", plain)
    words: list[str] = []
    for word in re.findall(r"\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+(?:'[^\W\d_]+)?", plain):
        point = words[-1:] == ["point"] or words[-2:-1] == ["point"]
        if word.isdigit() and point and len(word) > 1:
            words += [SMALL[int(digit)] for digit in word]
        elif word.isdigit():
            words += in_words(int(word)).split()
        else:
            words += SAME.get(word, word).split()
    return words


def before(text: str) -> list[str]:
    """As it was spoken before: phrases by the ends of tokens, as they were written."""
    splitter = PhraseSplitter(max_chars=60, first_chars=12)
    tokens = re.findall(r"\s*\S+", text)
    found = [phrase for token in tokens for phrase in splitter.push(token)]
    return [phrase.text for phrase in found + splitter.flush()]


async def said(voice: Synthesizer, phrases: Sequence[str]) -> Speech:
    spoken = [await voice.speak(phrase) for phrase in phrases]
    rate_hz = spoken[0].rate_hz if spoken else 16_000
    return Speech(pcm16=b"".join(speech.pcm16 for speech in spoken), rate_hz=rate_hz)


async def measure(name: str, room: EngineRoom, misheard: bool) -> None:
    settings = load_settings(settings_of(name) | {"stream_tts_thread_workers": 1})
    transcriber = room.engines.transcriber(SessionInfo.outside("voices", room.settings.hearing))
    wrong, words = [0, 0], 0
    async with open_voice(settings) as voice, trio.open_nursery() as nursery:
        await nursery.start(LanesSupervisor(voice.lanes).run)
        for written, reference in SENTENCES:
            wanted = words_of(reference)
            words += len(wanted)
            ways = (before(written), spoken_phrases(written, settings.speaking))
            for way, phrases in enumerate(ways):
                heard = await hear(transcriber, await said(voice.synthesizer, phrases))
                errors = word_errors(wanted, words_of(heard))
                wrong[way] += errors
                if misheard and errors and way:
                    print(f"  {errors} {written!r}\n    heard {heard!r}")
        nursery.cancel_scope.cancel()
    shares = [f"{100 * errors / words:5.1f} %" for errors in wrong]
    print(f"{name:14} before {shares[0]}, now {shares[1]} of {words} words misheard")


async def measure_all(names: list[str], ear: str, misheard: bool) -> None:
    hearing = load_settings({"stream_asr_engine": "whisper", "stream_model_whisper": ear})
    async with open_engine_room(hearing) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        while not all(lane.ready for lane in room.lanes):
            await trio.sleep(0.1)
        for name in names:
            await measure(name, room, misheard)
        nursery.cancel_scope.cancel()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("voices", nargs="*", default=["joe", "en-us"])
    parser.add_argument("--ear", default="base", help="the Whisper model that hears them")
    parser.add_argument("--misheard", action="store_true", help="print what went wrong")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    trio.run(functools.partial(measure_all, arguments.voices, arguments.ear, arguments.misheard))
    return 0


if __name__ == "__main__":
    sys.exit(main())
