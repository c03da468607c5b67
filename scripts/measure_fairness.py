"""Does one who talks for 30 s delay the final of another? And: is a killed lane back in time?

    python scripts/measure_fairness.py [--seconds 60] [--lanes 1]

Starts servers of its own with the configured engines; everything is in real time. One caller says
short recordings, first alone, then while another talks for 30 s at a stretch, on the same lane.
Then the lane is killed in the middle of a decode, again and again.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import trio

from parley.bench.caller import Caller, Line
from parley.bench.lines import recorded_lines
from parley.bench.tongues import PromptVoice
from parley.client.recording import Recording, load_folder
from parley.client.report import middle, p95
from parley.client.server_process import ServerProcess, parley_serve, server_process
from parley.client.speech_edges import speech_edges
from parley.client.wire import open_wire

ROOT = Path(__file__).resolve().parent.parent
FRAME_MS = 100
LONG_S = 29.0
"""Below STREAM_MAX_UTTERANCE_MS, so that it is one utterance."""


def long_line(recordings: list[Recording]) -> Line:
    """Half a minute of speech without a pause that would end it."""
    speech = b""
    while len(speech) < LONG_S * 32_000:
        for recording in recordings:
            edges = speech_edges(recording.pcm16, 16_000)
            if edges is not None:
                speech += recording.pcm16[int(edges.onset_ms) * 32 : int(edges.last_ms) * 32]
    size = 3200
    speech = speech[: int(LONG_S * 32_000)]
    return Line(frames=[speech[at : at + size] for at in range(0, len(speech), size)], words="")


def caller(server: ServerProcess, next_line: Callable[[], Line], seed: int) -> Caller:
    return Caller(
        connect=functools.partial(open_wire, server.url),
        tongue=PromptVoice(),
        frame_ms=FRAME_MS,
        lead_s=1.0,
        next_line=next_line,
        rng=random.Random(seed),
        hush='{"type":"cancel"}',
    )


async def listen(server: ServerProcess, seconds: float, *, disturbed: bool) -> Caller:
    recordings = load_folder(ROOT / "examples/audio")
    pick = recorded_lines(recordings, rate_hz=16_000, frame_ms=FRAME_MS)
    rng = random.Random(1)
    short = caller(server, lambda: pick(rng), 1)
    line = long_line(recordings)
    async with trio.open_nursery() as nursery:
        if disturbed:
            nursery.start_soon(caller(server, lambda: line, 2).run)
        nursery.start_soon(short.run)
        await trio.sleep(3)
        short.counting = True
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()
    return short


async def kill_lanes(server: ServerProcess, times: int) -> list[float]:
    """Kill every recognizer in mid-utterance; how long until /ready says that they are back."""
    from parley.client.server_process import is_ready

    back_s = []
    recordings = load_folder(ROOT / "examples/audio")
    pick = recorded_lines(recordings, rate_hz=16_000, frame_ms=FRAME_MS)
    rng = random.Random(2)
    talker = caller(server, lambda: pick(rng), 3)
    talker.counting = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talker.run)
        for _ in range(times):
            await trio.sleep(12.0)  # longer than a quick death: no pause is added
            while not 5 < talker.said_frames < 15:
                await trio.sleep(0.05)
            workers = psutil.Process(server.pid).children(recursive=True)
            biggest = max(workers, key=lambda worker: worker.memory_info().rss)
            biggest.kill()
            killed_s = trio.current_time()
            with trio.move_on_after(1.0):
                while await is_ready(server.port):
                    await trio.sleep(0.005)
            while not await is_ready(server.port):
                await trio.sleep(0.02)
            back_s.append(trio.current_time() - killed_s)
        await trio.sleep(12.0)
        nursery.cancel_scope.cancel()
    notes = talker.notes
    print(
        f"while lanes were killed: {notes.complete} of {notes.lines} turns complete, "
        f"{len(notes.wrong)} wrong finals, failures {sorted(set(notes.failures))}"
    )
    return back_s


async def measure(seconds: float, lanes: int, kills: int) -> int:
    os.environ["STREAM_ASR_LANES"] = str(lanes)
    with tempfile.TemporaryDirectory() as folder:
        async with server_process(Path(folder) / "server.log", parley_serve) as server:
            for name, disturbed in (("alone", False), ("beside a long talker", True)):
                short = await listen(server, seconds, disturbed=disturbed)
                finals = [value * 1000 for value in short.notes.final_s]
                print(
                    f"final after the last frame, {name}: median {middle(finals):.0f} ms, "
                    f"p95 {p95(finals):.0f} ms, {len(finals)} finals, "
                    f"{len(short.notes.wrong)} wrong",
                    flush=True,
                )
            back_ms = [value * 1000 for value in await kill_lanes(server, kills)]
            print(
                f"a killed lane is back after: median {middle(back_ms):.0f} ms, "
                f"most {max(back_ms):.0f} ms"
            )
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--kills", type=int, default=3)
    arguments = parser.parse_args()
    return trio.run(measure, arguments.seconds, arguments.lanes, arguments.kills)


if __name__ == "__main__":
    sys.exit(main())
