"""How often the language of an utterance is found out, with STREAM_LANGUAGE=auto or a fixed one.

    python scripts/measure_languages.py LIST [--model base] [--language auto] [--among en,de,fr]

LIST is a file with a line for each utterance: a language's code, a blank, and the path of a WAV,
absolute or from the list's folder. A blank line begins another conversation. Each utterance goes
through the recognizer as the server has it, in its lane: 100 ms at a time with a hypothesis asked
for on the way, then the final. Prints what was heard in which language, and how many were right.
"""

from __future__ import annotations

import argparse
import functools
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog
import trio

from parley.client.recording import load_recording
from parley.config import Settings
from parley.engines.asr.interface import Transcriber, Transcript
from parley.engines.kit import SessionInfo
from parley.engines.room import open_engine_room

CHUNK_BYTES = 3200


@dataclass(frozen=True, slots=True)
class Said:
    language: str
    path: Path


def conversations(listing: Path) -> list[list[Said]]:
    found: list[list[Said]] = [[]]
    for line in listing.read_text().splitlines():
        if not line.strip():
            found.append([])
            continue
        language, _, path = line.strip().partition(" ")
        found[-1].append(Said(language, listing.parent / path.strip()))
    return [utterances for utterances in found if utterances]


async def hear(transcriber: Transcriber, pcm16: bytes) -> Transcript:
    await transcriber.begin()
    for start in range(0, len(pcm16), CHUNK_BYTES):
        if await transcriber.feed(pcm16[start : start + CHUNK_BYTES]) is None:
            await transcriber.hypothesis()
    return await transcriber.finish()


async def measure(arguments: argparse.Namespace) -> int:
    settings = Settings.defaults(
        stream_asr_engine="whisper",
        stream_model_whisper=arguments.model,
        stream_language=arguments.language,
        stream_languages=arguments.among,
        stream_tts_engine="pyttsx3",
        stream_asr_lanes=1,
    )
    right = heard = 0
    async with open_engine_room(settings) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        while not all(lane.ready for lane in room.lanes):
            await trio.sleep(0.1)
        for number, conversation in enumerate(conversations(arguments.list), 1):
            outside = SessionInfo.outside(f"conversation {number}", settings.hearing)
            transcriber = room.engines.transcriber(outside)
            for said in conversation:
                final = await hear(transcriber, load_recording(said.path, None).pcm16)
                heard += 1
                right += final.language == said.language
                mark = " " if final.language == said.language else "*"
                print(
                    f"{mark} {number} {said.language} {final.language or '-':4}"
                    f"{final.audio_ms / 1000:5.1f} s {said.path.name}: {final.text}"
                )
        nursery.cancel_scope.cancel()
    print(f"{arguments.model}, {arguments.language}: {right} of {heard} in the right language")
    return 0 if right >= 0.95 * heard else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("list", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--language", default="auto")
    parser.add_argument("--among", default="", help="the languages that auto chooses from")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    return trio.run(functools.partial(measure, arguments))


if __name__ == "__main__":
    sys.exit(main())
