"""Is memory flat? 2,000 utterances through one lane, 10,000 detectors made and dropped.

    python scripts/soak.py [--utterances 2000] [--moonshine FOLDER] [--model FOLDER]

`--model` is a folder with a Whisper model; `--only-models` leaves detectors and pocketsphinx out.

Prints the resident memory and its slope: kilobytes per utterance over the second half, when
whatever is made once has been made.
"""

from __future__ import annotations

import argparse
import functools
import gc
import sys
from pathlib import Path

import psutil
import trio

from parley.client.recording import load_folder
from parley.config import Settings
from parley.engines.asr.admission import Admission
from parley.engines.asr.interface import Transcriber
from parley.engines.asr.moonshine import MoonshineDecoding
from parley.engines.asr.moonshine_worker import decode as decode_moonshine
from parley.engines.asr.moonshine_worker import load as load_moonshine
from parley.engines.asr.on_demand import OnDemandTranscriber, Shared
from parley.engines.asr.pocketsphinx import EXPECTED, PocketsphinxTranscriber
from parley.engines.asr.pocketsphinx_worker import load as load_pocketsphinx
from parley.engines.asr.whisper import WhisperDecoding, shared_whisper
from parley.engines.asr.whisper_worker import load as load_whisper
from parley.engines.lanes.lane import Lane
from parley.engines.lanes.pool import LanePool
from parley.engines.vad.open import DETECTORS

ROOT = Path(__file__).resolve().parent.parent
SPEECH_S = 1.2
EVERY = 20


def slope_kb(samples: list[tuple[int, float]]) -> float:
    """Least squares over (count, megabytes), in kilobytes per count."""
    n = len(samples)
    mean_x = sum(x for x, _ in samples) / n
    mean_y = sum(y for _, y in samples) / n
    over = sum((x - mean_x) * (y - mean_y) for x, y in samples)
    return 1024 * over / sum((x - mean_x) ** 2 for x, _ in samples)


def rss_mb(pid: int | None = None) -> float:
    return float(psutil.Process(pid).memory_info().rss / 2**20)


def report(name: str, samples: list[tuple[int, float]]) -> None:
    late = samples[len(samples) // 2 :]
    print(
        f"{name}: {samples[0][1]:.1f} MB after {samples[0][0]}, {samples[-1][1]:.1f} MB after "
        f"{samples[-1][0]}; second half {slope_kb(late):+.2f} kB each",
        flush=True,
    )


async def soak_lane(name: str, lane: Lane, transcriber: Transcriber, utterances: int) -> None:
    recordings = load_folder(ROOT / "examples/audio")
    samples: list[tuple[int, float]] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(lane.run)
        for number in range(1, utterances + 1):
            pcm16 = recordings[number % len(recordings)].pcm16
            start = 16_000 + number % 7 * 3200
            await transcriber.begin()
            told = await transcriber.feed(pcm16[start : start + int(SPEECH_S * 32_000)])
            if told is None:
                await transcriber.hypothesis()
            await transcriber.finish()
            if number % EVERY == 0:
                samples.append((number, rss_mb(lane.pid)))
        nursery.cancel_scope.cancel()
    report(f"{name}, {utterances} utterances", samples)


def soak_detectors(count: int) -> None:
    for name, make in DETECTORS.items():
        samples: list[tuple[int, float]] = []
        for number in range(1, count + 1):
            detector = make(Settings.defaults().hearing)
            detector.is_speech(bytes(detector.frame_samples * 2))
            if number % (count // 50) == 0:
                gc.collect()
                samples.append((number, rss_mb()))
        report(f"detector {name}, {count} made and dropped", samples)


async def soak(
    utterances: int, detectors: int, moonshine: Path | None, model: Path | None, only_models: bool
) -> int:
    if not only_models:
        soak_detectors(detectors)
        lane = Lane("asr-1", load_pocketsphinx)
        transcriber = PocketsphinxTranscriber(LanePool([lane]))
        await soak_lane("pocketsphinx", lane, transcriber, utterances)
    if moonshine is not None:
        lane = Lane("asr-1", functools.partial(load_moonshine, str(moonshine), 1))
        heard = Shared(
            pool=LanePool([lane]),
            admission=Admission(9, EXPECTED),
            decoding=MoonshineDecoding(),
            decode=decode_moonshine,
            language="en",
        )
        await soak_lane("moonshine", lane, OnDemandTranscriber(heard), utterances)
    if model is not None:
        lane = Lane("asr-1", functools.partial(load_whisper, str(model), "int8", 1))
        decoding = WhisperDecoding(beam=5)
        admission = Admission(9, EXPECTED)
        shared = shared_whisper(LanePool([lane]), admission, language="en", decoding=decoding)
        await soak_lane("whisper", lane, OnDemandTranscriber(shared), utterances)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--utterances", type=int, default=2000)
    parser.add_argument("--detectors", type=int, default=10_000)
    parser.add_argument("--moonshine", type=Path, default=None)
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--only-models", action="store_true")
    given = parser.parse_args()
    return trio.run(
        soak, given.utterances, given.detectors, given.moonshine, given.model, given.only_models
    )


if __name__ == "__main__":
    sys.exit(main())
