"""How well voices are understood, and how soon they speak.

    python scripts/measure_voices.py [VOICE ...] [--ear base]

Each voice (as `parley voices list` calls them; Kokoro's by STREAM_KOKORO_MODEL and _VOICES) says
ten sentences, and Whisper hears them back. Printed: words wrong; how long a phrase of some three
seconds and the word "Sure." take until they are there, on one worker, as medians of five.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys

import structlog
import trio
from measure_words import words_of  # type: ignore[import-not-found]

from parley.audio.resampler import Resampler
from parley.client.report import word_errors
from parley.config import load_settings
from parley.engines.asr.interface import Transcriber
from parley.engines.kit import SessionInfo
from parley.engines.lanes.supervisor import LanesSupervisor
from parley.engines.room import EngineRoom, open_engine_room
from parley.engines.tts.catalogue import settings_of
from parley.engines.tts.interface import Speech, Synthesizer
from parley.engines.tts.open import open_voice

SENTENCES = (
    "The weather will stay dry until the evening.",
    "Your table for four is booked at half past seven.",
    "I have sent the message to your mother.",
    "Turn left at the second traffic light, then go straight on.",
    "The train from Cambridge arrives on platform nine.",
    "Please hold the line while I look that up for you.",
    "There are three meetings in your calendar tomorrow morning.",
    "The shop opens at nine and closes at six.",
    "I did not understand the last word, could you repeat it?",
    "A cup of coffee with milk and no sugar, is that right?",
)
PHRASE = "The train from Cambridge arrives on platform nine."
WORD = "Sure."


async def hear(transcriber: Transcriber, speech: Speech) -> str:
    resampler = Resampler(speech.rate_hz)
    await transcriber.begin()
    await transcriber.feed(resampler.push(speech.pcm16) + resampler.flush())
    return (await transcriber.finish()).text


async def took_ms(synthesizer: Synthesizer, text: str) -> float:
    times = []
    for _ in range(5):
        began_s = trio.current_time()
        await synthesizer.speak(text)
        times.append(1000 * (trio.current_time() - began_s))
    return statistics.median(times)


async def measure(name: str, room: EngineRoom) -> None:
    changes = settings_of(name) | {"stream_tts_thread_workers": 1}
    transcriber = room.engines.transcriber(SessionInfo.outside("voices", room.settings.hearing))
    async with open_voice(load_settings(changes)) as voice, trio.open_nursery() as nursery:
        await nursery.start(LanesSupervisor(voice.lanes).run)
        errors = words = 0
        for sentence in SENTENCES:
            heard = await hear(transcriber, await voice.synthesizer.speak(sentence))
            errors += word_errors(words_of(sentence), words_of(heard))
            words += len(words_of(sentence))
        phrase_ms = await took_ms(voice.synthesizer, PHRASE)
        word_ms = await took_ms(voice.synthesizer, WORD)
        nursery.cancel_scope.cancel()
    print(
        f"{name:14} {100 * errors / words:5.1f} % of {words} words misheard; "
        f"phrase {phrase_ms:5.0f} ms, {WORD!r} {word_ms:4.0f} ms"
    )


async def measure_all(names: list[str], ear: str) -> None:
    hearing = load_settings({"stream_asr_engine": "whisper", "stream_model_whisper": ear})
    async with open_engine_room(hearing) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        while not all(lane.ready for lane in room.lanes):
            await trio.sleep(0.1)
        for name in names:
            await measure(name, room)
        nursery.cancel_scope.cancel()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("voices", nargs="*", default=["joe", "en-us"])
    parser.add_argument("--ear", default="base", help="the Whisper model that hears them")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    trio.run(functools.partial(measure_all, arguments.voices, arguments.ear))
    return 0


if __name__ == "__main__":
    sys.exit(main())
