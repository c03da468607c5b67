"""What a telephone line does to hearing: recognizers, detectors, and the sounds of the line itself.

    python scripts/measure_telephone.py FOLDER [--only words detectors people turns sounds]
        [--engines moonshine pocketsphinx whisper:tiny] [--noise-db 20]

FOLDER holds recordings as for measure_words.py. Each is measured as it is and as it arrives over a
telephone line (`testing/telephone_line.py`: 300 to 3400 Hz, G.711, white noise), at 16 kHz again.
Printed are tables in Markdown:

    words       word errors of each recognizer
    detectors   recordings in which a detector hears nobody, and how many sounds of a line it takes
                for speech
    people      the recordings in calls, with tones and music around the words: who is not heard
    turns       answers that begin before somebody has finished, by each rule for the end of a turn
    sounds      the sounds of `testing/line_sounds.py`, each a call of its own in memory with the
                default engines: how many are answered as words
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import structlog
import trio
from measure_words import Tally, hear, recordings, words_of  # type: ignore[import-not-found]
from rich.console import Console

from parley.audio import g711
from parley.audio.pcm import HEARING_RATE_HZ
from parley.audio.wav import wav_bytes
from parley.bench.talk_over import Plan, bench_talk_over
from parley.bench.vad import DETECTORS
from parley.client.recording import Recording, load_folder
from parley.client.report import word_errors
from parley.config import Hearing, Settings
from parley.config.settings import TELEPHONE_THRESHOLD
from parley.conversation.endpointer import Edge, Endpointer, EndpointerSettings
from parley.conversation.line_hearing import LineHearing
from parley.engines.kit import Engines, OwnEngines, SessionInfo
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.room import open_engine_room
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.interface import Detector
from parley.engines.vad.silero import SileroDetector
from parley.testing.line_calls import Heard, hear_line
from parley.testing.line_sounds import LINE_SOUNDS, dialled, line_sound
from parley.testing.line_waves import pcm16_of
from parley.testing.telephone_line import as_heard, through_line

LINES: dict[str, g711.Law] = {"µ-law": "ulaw", "A-law": "alaw"}
ALL = ("words", "detectors", "people", "turns", "sounds")
AT_ONCE = 6
SPEED = 6.0


@asynccontextmanager
async def engines_of(settings: Settings) -> AsyncIterator[Engines]:
    """The engines that hear, ready; who answers and speaks is scripted."""
    own = OwnEngines(responder=ScriptedResponder(then=["Yes."]), synthesizer=ScriptedSynthesizer())
    async with open_engine_room(settings, own) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        while room.not_ready():
            await trio.sleep(0.1)
        yield room.engines
        nursery.cancel_scope.cancel()


# Words


async def word_errors_of(engine: str, sets: Sequence[Sequence[Recording]]) -> list[float]:
    """The share of words that are wrong, for each set of recordings."""
    kind, _, model = engine.partition(":")
    wanted = {"stream_asr_engine": kind, "stream_asr_lanes": 1}
    if model:
        wanted["stream_model_whisper"] = model
    settings = Settings.defaults(**wanted)
    shares = []
    async with engines_of(settings) as engines:
        transcriber = engines.transcriber(SessionInfo.outside("words", settings.hearing))
        for recorded in sets:
            errors = words = 0
            for recording in recorded:
                spoken = words_of(recording.spoken or "")
                text = await hear(transcriber, recording.pcm16, Tally())
                errors += word_errors(spoken, words_of(text))
                words += len(spoken)
            shares.append(errors / max(1, words))
    return shares


def over_a_line(recorded: Sequence[Recording], **line: object) -> list[Recording]:
    return [
        replace(recording, pcm16=as_heard(through_line(recording.pcm16, **line)))  # type: ignore[arg-type]
        for recording in recorded
    ]


async def print_words(folder: Path, engines: Sequence[str], noise_db: float) -> None:
    wide = recordings(folder)
    sets = {"wide band": wide, "8 kHz, G.711": over_a_line(wide, noise_db=None)}
    for name, law in LINES.items():
        sets[f"{name}, {noise_db:.0f} dB noise"] = over_a_line(wide, law=law, noise_db=noise_db)
    words = sum(len(words_of(recording.spoken or "")) for recording in wide)
    print(f"\nWord errors, {len(wide)} recordings, {words} words\n")
    print("| recognizer | " + " | ".join(sets) + " |")
    print("|---|" + "---|" * len(sets))
    for engine in engines:
        shares = await word_errors_of(engine, list(sets.values()))
        print(f"| {engine} | " + " | ".join(f"{100 * s:.1f} %" for s in shares) + " |", flush=True)


# Detectors


def utterances(detector: Detector, pcm16: bytes, *, line: bool) -> tuple[int, int, int]:
    """How many there are with the default settings, how many ms they last in all, and how many of
    them were left out as sounds of the line; half a second of silence before and one behind."""
    detector.reset()
    frame_ms = detector.frame_samples * 1000 // detector.rate_hz
    hearing = Settings.defaults().hearing
    endpointer = Endpointer(
        EndpointerSettings(
            frame_ms=frame_ms,
            silence_ms=hearing.silence_ms,
            min_speech_ms=hearing.min_speech_ms,
            max_utterance_ms=hearing.max_utterance_ms,
            onset_ms=hearing.onset_ms,
        )
    )
    heard = LineHearing()
    pcm16 = bytes(16_000) + pcm16 + bytes(32_000)
    size = detector.frame_samples * 2
    found = lasted_ms = left_out = 0
    for at in range(0, len(pcm16) - size + 1, size):
        frame = pcm16[at : at + size]
        inside, before_ms = endpointer.in_utterance, endpointer.spoken_ms
        voiced = detector.is_speech(frame)
        if line:
            voiced = heard.speech(frame, voiced, inside=inside)
        if endpointer.push(voiced) in (Edge.END, Edge.TOO_LONG):
            if line and heard.only_lines:
                left_out += 1
            else:
                found += 1
                lasted_ms += before_ms
            heard.forget()
    return found, lasted_ms, left_out


def print_detectors(folder: Path, noise_db: float) -> None:
    wide = [r for r in load_folder(folder) if len(r.pcm16) < 32_000 * 12]
    sets = {
        "wide band": wide,
        "8 kHz, G.711": over_a_line(wide, noise_db=None),
        f"µ-law, {noise_db:.0f} dB noise": over_a_line(wide, noise_db=noise_db),
    }
    print(
        f"\nDetectors: {len(wide)} recordings of people. Missed, and the seconds heard as speech\n"
    )
    print(
        "| detector | " + " | ".join(sets) + " | left out as line sounds | sounds taken for speech"
    )
    print("|---|" + "---|" * (len(sets) + 2))
    sounds = [
        as_heard(through_line(line_sound(n), g711.RATE_HZ, noise_db=None)) for n in LINE_SOUNDS
    ]
    on_a_line = lambda: SileroDetector(TELEPHONE_THRESHOLD, narrow_band=True)  # noqa: E731
    for name, make in (DETECTORS | {"silero, as for a telephone": on_a_line}).items():
        cells, left_out = [], 0
        for recorded in sets.values():
            found = [utterances(make(), r.pcm16, line=True) for r in recorded]
            left_out += sum(left for _, _, left in found)
            missed = sum(not count for count, _, _ in found)
            cells.append(f"{missed}, {sum(ms for _, ms, _ in found) / 1000:.1f} s")
        alone = sum(bool(utterances(make(), pcm16, line=False)[0]) for pcm16 in sounds)
        gated = sum(bool(utterances(make(), pcm16, line=True)[0]) for pcm16 in sounds)
        cells += [str(left_out), f"{alone} of {len(sounds)}, with the rules {gated}"]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


# Turns


class OnALine(Settings):
    """The settings, for whom hearing is that of a telephone."""

    @property
    def hearing(self) -> Hearing:
        return replace(super().hearing, threshold=TELEPHONE_THRESHOLD, narrow_band=True)


def print_turns(folder: Path, noise_db: float) -> None:
    """Only the rules as they are by default."""
    wide = load_folder(folder)
    sets = {
        "wide band": (wide, Settings.defaults()),
        "8 kHz, G.711": (over_a_line(wide, noise_db=None), OnALine.defaults()),
        f"µ-law, {noise_db:.0f} dB noise": (
            over_a_line(wide, noise_db=noise_db),
            OnALine.defaults(),
        ),
    }
    print(f"\nTurns: {len(wide)} recordings\n")
    print(
        "| rule | line | answers too soon | taken back | first sound, short / long turns, median |"
    )
    print("|---|---|---|---|---|")
    for line, (recorded, settings) in sets.items():
        with tempfile.TemporaryDirectory() as name:
            for recording in recorded:
                wav = wav_bytes(recording.pcm16, HEARING_RATE_HZ)
                Path(name, f"{recording.name}.wav").write_bytes(wav)
            plan = Plan(recordings=Path(name), kept=Path(name, "kept"))
            result = bench_talk_over(plan, settings, Console(quiet=True))
        for row in result.rows:
            if row["point"] == "default":
                times = [row["short_ms"].median, row["long_ms"].median]
                waits = " / ".join("-" if ms is None else f"{ms:.0f} ms" for ms in times)
                cells = [row["engine"], line, row["cut"], row["taken_back"], waits]
                print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


# Sounds


async def print_sounds(detectors: Sequence[str], noise_db: float) -> None:
    print("\nSounds of the line that are answered as words, with the default recognizer\n")
    print("| detector | line | no rules | with the rules | which |")
    print("|---|---|---|---|---|")
    for detector in detectors:
        settings = Settings.defaults(stream_vad_engine=detector)
        async with engines_of(settings) as engines:
            for line, noise in (("quiet", None), (f"{noise_db:.0f} dB noise", noise_db)):
                wrong = [
                    {name: h for name, h in heard.items() if h.finals or h.answered}
                    for heard in [
                        await hear_all(engines, settings, noise, on_a_line=on_a_line)
                        for on_a_line in (False, True)
                    ]
                ]
                which = "; ".join(f"{n}: {' / '.join(h.finals)}" for n, h in wrong[1].items())
                counts = " | ".join(f"{len(w)} of {len(LINE_SOUNDS)}" for w in wrong)
                print(f"| {detector} | {line} | {counts} | {which or 'none'} |", flush=True)


async def hear_all(
    engines: Engines, settings: Settings, noise_db: float | None, *, on_a_line: bool
) -> dict[str, Heard]:
    """Every sound, in a call of its own."""
    heard: dict[str, Heard] = {}
    room = trio.CapacityLimiter(AT_ONCE)

    async def one(name: str) -> None:
        async with room:
            sound = through_line(line_sound(name), g711.RATE_HZ, noise_db=noise_db)
            heard[name] = await hear_line(
                engines, sound, settings=settings, on_a_line=on_a_line, speed=SPEED
            )

    async with trio.open_nursery() as nursery:
        for name in LINE_SOUNDS:
            nursery.start_soon(one, name)
    return heard


# People


def over(pcm16: bytes, sound: bytes) -> bytes:
    """The sound over the middle of the other one. Both at 8 kHz."""
    both = np.frombuffer(pcm16, "<i2").astype(np.int32)
    middle = len(both) // 2
    part = both[middle : middle + len(sound) // 2]
    part += np.frombuffer(sound, "<i2")[: len(part)]
    return np.clip(both, -32_768, 32_767).astype("<i2").tobytes()


async def print_people(folder: Path, noise_db: float) -> None:
    """Whether anybody is lost, and how many words are wrong, in whole calls."""
    keys, key = pcm16_of(dialled("471#", 0.12, 0.12)), pcm16_of(dialled("5", 0.15, 0.0))
    beep, music = line_sound("beep 1000 Hz"), line_sound("hold music, strings")
    gap = bytes(g711.RATE_HZ // 5 * 2)
    cases: dict[str, Callable[[bytes], bytes]] = {
        "nothing": lambda spoken: spoken,
        "keys before": lambda spoken: keys + gap + spoken,
        "keys behind": lambda spoken: spoken + gap + keys,
        "a beep before": lambda spoken: beep + gap + spoken,
        "music before": lambda spoken: music + gap + spoken,
        "a key over the middle": lambda spoken: over(spoken, key),
    }
    people = [r for r in recordings(folder) if r.spoken]
    settings = Settings.defaults()
    print(f"\nPeople in calls: {len(people)} recordings, µ-law, {noise_db:.0f} dB noise\n")
    print("| besides | without words | dropped | word errors |\n|---|---|---|---|")
    async with engines_of(settings) as engines:
        for name, make in cases.items():
            lost, left_out, errors, words = [], 0, 0, 0
            for recording in people:
                line = make(through_line(recording.pcm16, noise_db=noise_db))
                heard = await hear_line(engines, line, settings=settings, speed=SPEED)
                spoken = words_of(recording.spoken or "")
                errors += word_errors(spoken, words_of(" ".join(heard.finals)))
                words += len(spoken)
                left_out += heard.left_out
                lost += [] if heard.finals else [recording.name]
            cells = [name, f"{len(lost)} {' '.join(lost)}", str(left_out)]
            print("| " + " | ".join(cells) + f" | {100 * errors / words:.1f} % |", flush=True)


async def run(arguments: argparse.Namespace) -> None:
    if "words" in arguments.only:
        await print_words(arguments.folder, arguments.engines, arguments.noise_db)
    if "detectors" in arguments.only:
        print_detectors(arguments.folder, arguments.noise_db)
    if "people" in arguments.only:
        await print_people(arguments.folder, arguments.noise_db)
    if "turns" in arguments.only:
        await trio.to_thread.run_sync(print_turns, arguments.folder, arguments.noise_db)
    if "sounds" in arguments.only:
        await print_sounds(arguments.detectors, arguments.noise_db)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", default=list(ALL))
    parser.add_argument(
        "--engines", nargs="+", default=["moonshine", "pocketsphinx", "whisper:tiny"]
    )
    parser.add_argument("--detectors", nargs="+", default=["auto", "webrtc", "energy"])
    parser.add_argument("--noise-db", type=float, default=20.0)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    trio.run(functools.partial(run, arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
