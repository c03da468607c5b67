"""Whether a recognizer says short utterances twice.

    python scripts/measure_short.py FOLDER [--engines moonshine whisper:tiny ...] [--voices ...]

500 utterances of 0.6 to 2.5 s: pieces of the recordings in FOLDER, cut where it is quiet, and
commands spoken by voices. Each goes through a transcriber as the server has it. Printed: how many
finals, and how many partials, say the same words twice in a row.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog
import trio

from parley.audio.resampler import Resampler
from parley.client.recording import load_recording
from parley.config import Settings, load_settings
from parley.engines.asr.decoded import says_twice
from parley.engines.asr.quiet_cuts import quiet_point
from parley.engines.kit import SessionInfo
from parley.engines.lanes.supervisor import LanesSupervisor
from parley.engines.room import open_engine_room
from parley.engines.tts.catalogue import settings_of
from parley.engines.tts.open import open_voice

WANTED = 500
SECOND = 32_000
SHORTEST, LONGEST = 0.6, 2.5
CHUNK = 3200

COMMANDS = """
stop, yes please, no thanks, next one, half an hour, what time is it,
play music, turn it off, ten minutes, call my mother, good morning, louder,
set a timer, two people, tomorrow at nine, who is that, hey guys, never mind,
go back, why, the blue one, thank you, a cup of tea, maybe later,
read it again, open the door, I do not know, what is that, how are you, book a room,
to the left, cancel that, how much is it, on Monday, fifty percent, say it slower,
is it raining, good night
""".replace("\n", " ").split(", ")


def pieces(pcm16: bytes) -> Iterator[bytes]:
    """The recording cut at quiet points, several lengths of pieces over one another."""
    for least_s, most_s in ((0.6, 0.9), (0.9, 1.4), (1.4, 2.0), (1.8, 2.5)):
        rest = pcm16
        while len(rest) > most_s * SECOND:
            at = quiet_point(rest, least_s, most_s)
            yield rest[:at]
            rest = rest[at:]


async def spoken(voice: str) -> list[bytes]:
    found = []
    settings = load_settings(settings_of(voice))
    async with open_voice(settings) as opened, trio.open_nursery() as nursery:
        await nursery.start(LanesSupervisor(opened.lanes).run)
        for command in COMMANDS:
            speech = await opened.synthesizer.speak(command)
            resampler = Resampler(speech.rate_hz)
            found.append(resampler.push(speech.pcm16) + resampler.flush())
        nursery.cancel_scope.cancel()
    return found


def own_wavs(folder: Path) -> list[Path]:
    """English ones: of another language models make what they like."""
    return sorted(path for path in folder.glob("*.wav") if not path.name.startswith("test_"))


async def utterances(folder: Path, voices: Sequence[str]) -> list[bytes]:
    found = [pcm16 for voice in voices for pcm16 in await spoken(voice)]
    cut = [list(pieces(load_recording(path).pcm16)) for path in own_wavs(folder)]
    by_turns = itertools.chain.from_iterable(itertools.zip_longest(*cut))
    found += [piece for piece in by_turns if piece is not None]
    fit = [one for one in found if SHORTEST * SECOND <= len(one) <= LONGEST * SECOND]
    return fit[:WANTED]


async def measure(engine: str, short: Sequence[bytes], *, shown: bool) -> None:
    kind, _, model = engine.partition(":")
    wanted = {"stream_asr_engine": kind, "stream_tts_engine": "pyttsx3", "stream_asr_lanes": 1}
    if model:
        wanted["stream_model_whisper"] = model
    settings = Settings.defaults(**wanted)
    partials = twice = finals = 0
    async with open_engine_room(settings) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        while not all(lane.ready for lane in room.lanes):
            await trio.sleep(0.1)
        transcriber = room.engines.transcriber(SessionInfo.outside("short", settings.hearing))
        for pcm16 in short:
            await transcriber.begin()
            for start in range(0, len(pcm16), CHUNK):
                await transcriber.feed(pcm16[start : start + CHUNK])
                hypothesis = await transcriber.hypothesis()
                if hypothesis is not None:
                    partials += 1
                    twice += says_twice(hypothesis.text)
            final = await transcriber.finish()
            if says_twice(final.text):
                finals += 1
                if shown:
                    print(f"  {len(pcm16) / SECOND:.1f} s: {final.text!r}")
        nursery.cancel_scope.cancel()
    print(
        f"{engine:16} {finals} of {len(short)} finals and {twice} of {partials} partials say "
        "something twice"
    )


async def run(folder: Path, engines: Sequence[str], voices: Sequence[str], *, shown: bool) -> None:
    short = await utterances(folder, voices)
    seconds = sum(map(len, short)) / SECOND
    print(f"{len(short)} utterances, {seconds:.0f} s, voices {', '.join(voices)}")
    for engine in engines:
        await measure(engine, short, shown=shown)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engines", nargs="+", default=["moonshine"])
    parser.add_argument("--voices", nargs="+", default=["joe", "en-us", "en-gb+f3"])
    parser.add_argument("--show", action="store_true", help="the finals that do")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    trio.run(
        functools.partial(
            run, arguments.folder, arguments.engines, arguments.voices, shown=arguments.show
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
