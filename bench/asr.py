"""`parley bench asr`: what hearing costs.

Three questions. What does a partial cost on a tight window, and what does stock faster-whisper take
for the same words? Does the cost of an utterance's partials grow with its length or with its
square? How fast and how right are the engines on recordings whose words are known?

The first two need no weights that mean anything: the models are made on the spot, in the published
shapes with random weights, and are said to be so.
"""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import trio
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..client.recording import Recording, load_folder
from ..client.report import normalized_words, word_errors
from ..config import Settings
from ..engines.asr.admission import Admission, Expected
from ..engines.asr.on_demand import OnDemandTranscriber
from ..engines.asr.whisper import (
    LEAST_WINDOW_S,
    PARTIAL_MARGIN_S,
    WhisperDecoding,
    shared_whisper,
)
from ..engines.asr.whisper_window import FULL_FRAMES, frames_of
from ..engines.asr.whisper_worker import Pass, decode, load
from ..engines.kit import SessionInfo
from ..engines.lanes.lane import Lane
from ..engines.lanes.pool import LanePool
from ..engines.room import open_engine_room
from ..wallclock import utc_now
from .asr_worker import stock
from .random_whisper import SHAPES, make
from .result import Result, Spread, spread

RATE_BYTES = 32_000
SPEECH_S = 3.0
TOKENS = 15
"""For 3 s of speech: five tokens a second."""
AGREED = 10
"""Of these, so many stand at the third second: two hypotheses a second apart agree on them. That
they are given saves next to nothing."""
PARTIALS_S = (1, 2, 3, 5, 8, 12)
"""12 s: the longest tail that a partial looks at."""
LENGTHS_S = (5, 10, 20, 30)
TOKENS_PER_S = TOKENS / SPEECH_S
LAG_S = 30
FRAME_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class AsrPlan:
    shapes: Sequence[str] = tuple(SHAPES)
    times: int = 5
    recordings: Path = Path("examples/audio")
    threads: int = 1
    growth_shape: str = "base"


async def bench_asr(plan: AsrPlan, console: Console) -> Result:
    """Raises NotAWav, EngineFailure, and ValueError for a shape that is none."""
    for shape in plan.shapes:
        if shape not in SHAPES:
            raise ValueError(f"no shape {shape!r}; known: {', '.join(SHAPES)}")
    recordings = load_folder(plan.recordings)
    speech = b"".join(recording.pcm16 for recording in recordings)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
        bar = progress.add_task(
            "asr", total=len(plan.shapes) + len(LENGTHS_S) + 1 + len(recordings)
        )
        for name in plan.shapes:
            model = await trio.to_thread.run_sync(make, Path(folder) / name, SHAPES[name])
            async with _lane(model, plan.threads) as lane:
                rows.append(await _window(name, lane, speech, plan.times))
                progress.advance(bar)
                if name == plan.growth_shape:
                    rows += [await _length(name, lane, speech, s, plan.times) for s in PARTIALS_S]
                    for length_s in LENGTHS_S:
                        rows.append(await _growth(name, lane, speech, length_s))
                        progress.advance(bar)
                    rows.append(await _lag(name, lane, speech))
                    progress.advance(bar)
        rows += await _engine(Settings.defaults(), recordings, lambda: progress.advance(bar))
    return Result(
        bench="asr",
        when=utc_now(),
        parameters={
            "threads": plan.threads,
            "times": plan.times,
            "speech_s": SPEECH_S,
            "tokens": TOKENS,
            "weights": "random, in the published shapes",
        },
        rows=rows,
    )


@asynccontextmanager
async def _lane(model: Path, threads: int) -> AsyncIterator[Lane]:
    lane = Lane("bench", functools.partial(load, str(model), "int8", threads))
    async with trio.open_nursery() as nursery:
        await nursery.start(lane.run)
        yield lane
        nursery.cancel_scope.cancel()


async def _window(name: str, lane: Lane, speech: bytes, times: int) -> dict[str, Any]:
    """A partial on SPEECH_S of speech: ours, ours in the full window, and stock."""
    pcm16 = speech[: int(SPEECH_S * RATE_BYTES)]
    tight = Pass(
        pcm16=pcm16,
        frames=frames_of(SPEECH_S, PARTIAL_MARGIN_S, LEAST_WINDOW_S),
        beam=1,
        tokens=TOKENS,
        language="en",
    )
    (first,) = await lane.call(decode, [tight])
    agreed = replace(tight, begins=first.tokens[:AGREED])
    ours_ms = await _timed(lane, [tight], times)
    agreed_ms = await _timed(lane, [agreed], times)
    batch_ms = await _timed(lane, [tight] * 4, times)
    stock_ms, made = [], 0
    for _ in range(times):
        ms, made = await lane.call(stock, pcm16, 1, TOKENS)
        stock_ms.append(ms)
    ours, known, theirs = spread(ours_ms), spread(agreed_ms), spread(stock_ms)
    return {
        "kind": "window",
        "model": f"{name}, int8, random weights",
        "window_frames": tight.frames,
        "stock_frames": FULL_FRAMES,
        "tokens": TOKENS,
        "stock_tokens": made,
        "tight_ms": ours,
        "agreed_tokens": AGREED,
        "agreed_ms": known,
        "batch_of_4_each_ms": spread(batch_ms),
        "stock_ms": theirs,
        "ratio": round((theirs.median or 0.0) / (known.median or 1.0), 1),
        "ratio_nothing_agreed": round((theirs.median or 0.0) / (ours.median or 1.0), 1),
    }


async def _timed(lane: Lane, passes: list[Pass], times: int) -> list[float]:
    """Milliseconds of each decode, after one that warms up."""
    await lane.call(decode, passes)
    return [(await lane.call(decode, passes))[0].ms for _ in range(times)]


async def _length(
    name: str, lane: Lane, speech: bytes, length_s: int, times: int
) -> dict[str, Any]:
    """One partial on so much speech, of which two thirds are agreed: how late it is at least."""
    tokens = TOKENS * length_s // 3
    whole = Pass(
        pcm16=speech[: length_s * RATE_BYTES],
        frames=frames_of(length_s, PARTIAL_MARGIN_S, LEAST_WINDOW_S),
        beam=1,
        tokens=tokens,
        language="en",
    )
    (first,) = await lane.call(decode, [whole])
    agreed = replace(whole, begins=first.tokens[: tokens * 2 // 3])
    return {
        "kind": "partial",
        "model": f"{name}, int8, random weights",
        "audio_s": length_s,
        "tokens": tokens,
        "nothing_agreed_ms": spread(await _timed(lane, [whole], times)),
        "two_thirds_agreed_ms": spread(await _timed(lane, [agreed], times)),
    }


async def _growth(name: str, lane: Lane, speech: bytes, length_s: int) -> dict[str, Any]:
    """All partials of an utterance, one after every second of it, and its final."""
    transcriber = _alone(lane)
    await transcriber.begin()
    longest_s = all_s = 0.0
    for second in range(length_s):
        await transcriber.feed(speech[second * RATE_BYTES : (second + 1) * RATE_BYTES])
        began_s = trio.current_time()
        await transcriber.hypothesis()
        longest_s = max(longest_s, trio.current_time() - began_s)
        all_s += trio.current_time() - began_s
        await trio.sleep(0.3)  # what it keeps between two partials
    began_s = trio.current_time()
    await transcriber.finish()
    return {
        "kind": "growth",
        "model": f"{name}, int8, random weights",
        "audio_s": length_s,
        "partials_ms": round(all_s * 1000, 1),
        "partials_ms_per_s": round(all_s * 1000 / length_s, 1),
        "longest_partial_ms": round(longest_s * 1000, 1),
        "final_ms": round((trio.current_time() - began_s) * 1000, 1),
    }


def _alone(lane: Lane) -> OnDemandTranscriber:
    """One that has the lane for itself."""
    decoding = WhisperDecoding(
        beam=1,
        guard=lambda decoded: None,  # random weights say nothing that could be believed
        tokens=lambda audio_s: math.ceil(audio_s * TOKENS_PER_S),  # nor do they come to an end
    )
    admission = Admission(99, Expected(rtf=0.1, final_s=0.1))
    return OnDemandTranscriber(
        shared_whisper(LanePool([lane]), admission, language="en", decoding=decoding)
    )


async def _lag(name: str, lane: Lane, speech: bytes) -> dict[str, Any]:
    """Somebody who talks on, in real time: how old what a partial covers is when it comes."""
    transcriber = _alone(lane)
    await transcriber.begin()
    step = int(FRAME_S * RATE_BYTES)
    came_s: list[float] = []
    lags_s: list[float] = []
    async with trio.open_nursery() as nursery:

        async def talk() -> None:
            began_s = trio.current_time()
            for number in range(int(LAG_S / FRAME_S)):
                await trio.sleep_until(began_s + number * FRAME_S)
                await transcriber.feed(speech[number * step : (number + 1) * step])
                came_s.append(trio.current_time())

        nursery.start_soon(talk)
        while len(came_s) < LAG_S / FRAME_S:
            found = await transcriber.hypothesis()
            if found is None:
                await trio.sleep(0.01)
            else:
                lags_s.append(trio.current_time() - came_s[found.audio_bytes // step - 1])
    await transcriber.abandon()
    return {
        "kind": "lag",
        "model": f"{name}, int8, random weights",
        "audio_s": LAG_S,
        "partials": len(lags_s),
        "lag_ms": spread(lags_s, 1000),
    }


async def _engine(
    settings: Settings, recordings: Sequence[Recording], advance: Any
) -> list[dict[str, Any]]:
    """The configured engine, as the server uses it, fed in real frames as fast as it takes them."""
    errors = words = 0
    rtfs, finals_ms = [], []
    async with open_engine_room(settings) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        transcriber = room.engines.transcriber(SessionInfo.outside("bench", settings.hearing))
        for recording in recordings:
            await transcriber.begin()
            step = int(FRAME_S * RATE_BYTES)
            for at in range(0, len(recording.pcm16), step):
                if await transcriber.feed(recording.pcm16[at : at + step]) is None:
                    await transcriber.hypothesis()
            began_s = trio.current_time()
            transcript = await transcriber.finish()
            finals_ms.append((trio.current_time() - began_s) * 1000)
            rtfs.append(transcript.rtf)
            spoken = normalized_words(recording.spoken or "")
            errors += word_errors(spoken, normalized_words(transcript.text))
            words += len(spoken)
            advance()
        nursery.cancel_scope.cancel()
    return [
        {
            "kind": "engine",
            "model": room.chosen["asr"],
            "recordings": len(recordings),
            "words": words,
            "word_errors": errors,
            "rtf": spread(rtfs),
            "final_ms": spread(finals_ms),
        }
    ]


def tables_of(result: Result) -> list[Table]:
    window = Table(title=f"a partial on {SPEECH_S:g} s of speech, {TOKENS} tokens, median ms")
    for column in (
        "model", "tight", f"{AGREED} agreed", "in a batch of 4", "stock", "stock/tight",
        "stock/agreed",
    ):  # fmt: skip
        window.add_column(column, justify="left" if column == "model" else "right")
    partial = Table(title="a partial by the length of the speech, median ms")
    for column in ("model", "speech s", "tokens", "nothing agreed", "two thirds agreed"):
        partial.add_column(column, justify="left" if column == "model" else "right")
    growth = Table(title="an utterance's partials, one a second")
    for column in ("model", "speech s", "all ms", "ms per s", "longest ms", "final ms"):
        growth.add_column(column, justify="left" if column == "model" else "right")
    lag = Table(title="somebody who talks on, in real time")
    for column in ("model", "speech s", "partials", "lag ms median / p95"):
        lag.add_column(column, justify="left" if column == "model" else "right")
    engine = Table(title="the configured engine on recordings")
    for column in ("engine", "words wrong", "rtf median / p95", "final ms median / p95"):
        engine.add_column(column, justify="left" if column == "engine" else "right")
    for row in result.rows:
        if row["kind"] == "window":
            window.add_row(
                row["model"],
                _median(row["tight_ms"]),
                _median(row["agreed_ms"]),
                _median(row["batch_of_4_each_ms"]),
                _median(row["stock_ms"]),
                f"{row['ratio_nothing_agreed']:.1f}",
                f"{row['ratio']:.1f}",
            )
        elif row["kind"] == "partial":
            partial.add_row(
                row["model"],
                str(row["audio_s"]),
                str(row["tokens"]),
                _median(row["nothing_agreed_ms"]),
                _median(row["two_thirds_agreed_ms"]),
            )
        elif row["kind"] == "growth":
            keys = ("audio_s", "partials_ms", "partials_ms_per_s", "longest_partial_ms", "final_ms")
            growth.add_row(row["model"], *(f"{row[key]:.0f}" for key in keys))
        elif row["kind"] == "lag":
            lag.add_row(
                row["model"],
                str(row["audio_s"]),
                str(row["partials"]),
                f"{row['lag_ms'].median:.0f} / {row['lag_ms'].p95:.0f}",
            )
        else:
            engine.add_row(
                row["model"],
                f"{row['word_errors']} of {row['words']}",
                f"{row['rtf'].median:.2f} / {row['rtf'].p95:.2f}",
                f"{row['final_ms'].median:.0f} / {row['final_ms'].p95:.0f}",
            )
    return [window, partial, growth, lag, engine]


def _median(found: Spread) -> str:
    return "-" if found.median is None else f"{found.median:.0f}"
