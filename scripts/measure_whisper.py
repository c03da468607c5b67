"""What Whisper costs on this machine's GPU, or on its CPU: passes, batches, and people who talk.

    python scripts/measure_whisper.py FOLDER --model tiny [--type float16] [--talkers 8 32]
    CUDA_VISIBLE_DEVICES= python scripts/measure_whisper.py FOLDER --model tiny --threads 2
    python scripts/measure_whisper.py FOLDER --random small

FOLDER holds recordings as for measure_words.py. `--model` is a name or a folder, `--random` a shape
with weights that mean nothing. Printed:

    loading    a lane's start, and what the first passes after it take
    pass       a partial of 2 s of speech and finals of 3 and 8 s, alone and in batches, with the
               cost of each in a batch; how many words of the recordings a final has wrong
    talkers    people who talk at once into `--lanes` lanes in real time, without a pause: the lag
               from the newest audio that a partial covers to that partial, what finals take, how
               many words of the finals are wrong, and for how many Parley would think itself fast
               enough in the end. Nobody is refused.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio
from measure_words import recordings, words_of  # type: ignore[import-not-found]

from parley.bench.random_whisper import SHAPES, Shape, make
from parley.client.recording import Recording
from parley.client.report import middle, p95, word_errors
from parley.engines.asr.admission import Admission
from parley.engines.asr.on_demand import OnDemandTranscriber
from parley.engines.asr.whisper import WhisperDecoding, expected, shared_whisper
from parley.engines.asr.whisper_transcriber import WhisperTranscriber
from parley.engines.asr.whisper_worker import Pass, decode, device_of_model, load
from parley.engines.lanes.pool import LanePool, numbered_lanes
from parley.engines.lanes.supervisor import LanesSupervisor
from parley.engines.models.folder import models_folder

RATE_BYTES = 32_000
FRAME_S = 0.1
BIG = {"medium": Shape(24, 1024, 16), "large": Shape(32, 1280, 20)}
TIMES = 9
TURNS = 4


@dataclass(slots=True)
class Outcome:
    lags_ms: list[float] = field(default_factory=list)
    finals_ms: list[float] = field(default_factory=list)
    errors: int = 0
    words: int = 0
    places: int = 0


class Everybody(Admission):
    """Who refuses nobody, and learns what it would allow."""

    def enter(self) -> None:
        self.talking += 1


def passes(speech: bytes, batches: Sequence[int]) -> None:
    decoding = WhisperDecoding(beam=5)

    def of(seconds: float, at: int) -> bytes:
        begin = at * RATE_BYTES * 3 // 2
        return (speech * 3)[begin : begin + int(seconds * RATE_BYTES)]

    def partial(at: int) -> Pass:
        return decoding.partial(of(2.0, at), begins=(), language="en")

    def final(seconds: float, at: int) -> Pass:
        return decoding.final(of(seconds, at), language="en", again=False)

    kinds: dict[str, Callable[[int], Pass]] = {
        "partial, 2 s": partial,
        "final, 3 s": functools.partial(final, 3.0),
        "final, 8 s": functools.partial(final, 8.0),
    }
    for name, make_pass in kinds.items():
        first_ms = timed([make_pass(0)])
        print(f"{name}: the first after loading {first_ms:.0f} ms", flush=True)
    for name, make_pass in kinds.items():
        for size in batches:
            jobs = [make_pass(at) for at in range(size)]
            timed(jobs)
            all_ms = [timed(jobs) for _ in range(TIMES if size < 16 else 4)]
            whole_ms = statistics.median(all_ms)
            print(f"{name}: {size:2} at once {whole_ms:.1f} ms, each {whole_ms / size:.1f} ms",
                  flush=True)  # fmt: skip


def words(all_of: Sequence[Recording]) -> None:
    decoding = WhisperDecoding(beam=5)
    errors = count = 0
    for recording in all_of:
        (found,) = decode([decoding.final(recording.pcm16, language="en", again=False)])
        spoken = words_of(recording.spoken or "")
        errors += word_errors(spoken, words_of(found.text))
        count += len(spoken)
    print(f"words: {errors} of {count} wrong in finals", flush=True)


def timed(jobs: list[Pass]) -> float:
    began_s = time.perf_counter()
    decode(jobs)
    return (time.perf_counter() - began_s) * 1000


async def talk(whisper: OnDemandTranscriber, said: Sequence[Recording], outcome: Outcome) -> None:
    for recording in said:
        await whisper.begin()
        came_s: list[float] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, whisper, came_s, outcome)
            began_s, step = trio.current_time(), int(FRAME_S * RATE_BYTES)
            for number in range(len(recording.pcm16) // step):
                await trio.sleep_until(began_s + (number + 1) * FRAME_S)
                await whisper.feed(recording.pcm16[number * step : (number + 1) * step])
                came_s.append(trio.current_time())
            nursery.cancel_scope.cancel()
        ended_s = trio.current_time()
        final = await whisper.finish()
        outcome.finals_ms.append((trio.current_time() - ended_s) * 1000)
        spoken = words_of(recording.spoken or "")
        outcome.errors += word_errors(spoken, words_of(final.text))
        outcome.words += len(spoken)


async def ask(whisper: OnDemandTranscriber, came_s: list[float], outcome: Outcome) -> None:
    while True:
        found = await whisper.hypothesis()
        if found is None:
            await trio.sleep(0.01)
        else:
            covered = round(found.audio_bytes / RATE_BYTES / FRAME_S)
            outcome.lags_ms.append((trio.current_time() - came_s[covered - 1]) * 1000)


async def talkers(
    init: functools.partial[str | None], lanes: int, count: int, all_of: Sequence[Recording]
) -> Outcome:
    """Each says a few recordings, beginning with another one."""
    own_lanes = numbered_lanes("asr", lanes, init)
    shared = shared_whisper(
        LanePool(own_lanes),
        admission := Everybody(lanes, expected("tiny")),
        language="en",
        decoding=WhisperDecoding(beam=5),
    )
    outcome = Outcome()

    async def one(number: int) -> None:
        first = number * len(all_of) // count
        own = [all_of[(first + turn) % len(all_of)] for turn in range(TURNS)]
        await trio.sleep(0.037 * number)
        await talk(WhisperTranscriber(shared), own, outcome)

    async with trio.open_nursery() as nursery:
        await nursery.start(LanesSupervisor(own_lanes).run)
        while not all(lane.ready for lane in own_lanes):
            await trio.sleep(0.05)
        async with trio.open_nursery() as talking:
            for number in range(count):
                talking.start_soon(one, number)
        nursery.cancel_scope.cancel()
    outcome.places = admission.places
    return outcome


def spread(values: Sequence[float]) -> str:
    return f"{middle(values):.0f} / {p95(values):.0f}" if values else "-"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--random", choices=[*SHAPES, *BIG])
    parser.add_argument("--type", default="")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 4, 16, 32])
    parser.add_argument("--talkers", nargs="*", type=int, default=[])
    arguments = parser.parse_args()
    all_of = list(recordings(arguments.folder))
    with tempfile.TemporaryDirectory() as made:
        folder = models_folder(None) / arguments.model
        if "/" in arguments.model:
            folder = Path(arguments.model)
        elif arguments.random:
            folder = make(Path(made) / "model", (SHAPES | BIG)[arguments.random])
        init = functools.partial(load, str(folder), arguments.type, arguments.threads)
        if arguments.batches:
            began_s = time.perf_counter()
            remark = init()
            took_s = time.perf_counter() - began_s
            print(f"{device_of_model()}: loading took {took_s:.1f} s; {remark or 'no remark'}")
            passes(b"".join(recording.pcm16 for recording in all_of), arguments.batches)
            words(all_of)
        for count in arguments.talkers:
            outcome = trio.run(talkers, init, arguments.lanes, count, all_of)
            print(
                f"{count} talkers, {arguments.lanes} lanes: {len(outcome.lags_ms)} partials, lag "
                f"{spread(outcome.lags_ms)}; {len(outcome.finals_ms)} finals, "
                f"{spread(outcome.finals_ms)} ms (median / p95); {outcome.errors} of "
                f"{outcome.words} words wrong; {outcome.places} places",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
