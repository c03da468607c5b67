"""How many words each recognizer gets wrong on recordings whose words are known.

    python scripts/measure_words.py FOLDER [--engines moonshine pocketsphinx whisper:base ...]

FOLDER holds WAV files and either words.txt (name, tab, words) or a README.md with a table whose
first column is the file and whose fourth is the words. Each recording goes through a transcriber as
the server has it, in its lane: 100 ms at a time with a hypothesis asked for on the way, then the
final. Digits count as the words they stand for. Prints word errors and the lanes' time.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog
import trio

from parley.client.recording import Recording, load_recording
from parley.client.report import word_errors
from parley.config import Settings
from parley.engines.asr.interface import Transcriber
from parley.engines.kit import SessionInfo
from parley.engines.room import open_engine_room

CHUNK_BYTES = 3200
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LEFT_OUT = re.compile(r"^(long-|test_)|commercial")
"""Other languages, and recordings of several turns."""


@dataclass(slots=True)
class Tally:
    errors: int = 0
    words: int = 0
    audio_s: float = 0.0
    decode_s: float = 0.0


def recordings(folder: Path) -> list[Recording]:
    table = folder / "words.txt"
    if table.exists():
        rows = [line.split("\t") for line in table.read_text().splitlines()]
    else:
        cells = [line.split("|") for line in (folder / "README.md").read_text().splitlines()]
        rows = [[c[1].strip(), c[4].strip()] for c in cells if len(c) > 5 and ".wav" in c[1]]
    return [
        load_recording(folder / name, words)
        for name, words in rows
        if (folder / name).exists() and not LEFT_OUT.search(name) and not words.startswith("(")
    ]


def words_of(text: str) -> list[str]:
    spelt = re.sub(r"\d", lambda digit: f" {DIGITS[int(digit[0])]} ", text.lower())
    return re.findall(r"[a-z]+", spelt.replace("'", "").replace("-", " "))


async def hear(transcriber: Transcriber, pcm16: bytes, tally: Tally) -> str:
    await transcriber.begin()
    for start in range(0, len(pcm16), CHUNK_BYTES):
        if await transcriber.feed(pcm16[start : start + CHUNK_BYTES]) is None:
            await transcriber.hypothesis()
    final = await transcriber.finish()
    tally.audio_s += final.audio_ms / 1000
    tally.decode_s += final.decode_ms / 1000
    return final.text


async def measure(folder: Path, engine: str, *, shown: bool) -> None:
    kind, _, model = engine.partition(":")
    wanted = {"stream_asr_engine": kind, "stream_tts_engine": "pyttsx3", "stream_asr_lanes": 1}
    if model:
        wanted["stream_moonshine_model" if kind == "moonshine" else "stream_model_whisper"] = model
    settings = Settings.defaults(**wanted)
    tally = Tally()
    async with open_engine_room(settings) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        while not all(lane.ready for lane in room.lanes):
            await trio.sleep(0.1)
        transcriber = room.engines.transcriber(SessionInfo.outside("words", settings.hearing))
        for recording in recordings(folder):
            text = await hear(transcriber, recording.pcm16, tally)
            spoken = words_of(recording.spoken or "")
            errors = word_errors(spoken, words_of(text))
            tally.errors += errors
            tally.words += len(spoken)
            if shown and errors:
                print(f"  {errors} {recording.name}: {text!r} for {recording.spoken!r}")
        nursery.cancel_scope.cancel()
    rate = 100 * tally.errors / max(tally.words, 1)
    rtf = tally.decode_s / max(tally.audio_s, 1e-9)
    print(f"{engine:24} {rate:5.1f} % of {tally.words} words wrong; {rtf:.3f} of real time")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engines", nargs="+", default=["moonshine", "pocketsphinx"])
    parser.add_argument("--show", action="store_true", help="what was misheard")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    for engine in arguments.engines:
        trio.run(functools.partial(measure, arguments.folder, engine, shown=arguments.show))
    return 0


if __name__ == "__main__":
    sys.exit(main())
