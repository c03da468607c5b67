"""Interrupt a live server's replies at random moments, in real time: how does it fall silent?

    python scripts/measure_barge_in.py [--count 30] [--seed 1]

Starts a server of its own with real engines; the client speaks dialect C with frames of 20 ms. What
it says is a recording; the replies are the built-in responder's story. Prints a table.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from parley.actors.resampler import Resampler
from parley.client.report import middle, p95
from parley.client.server_process import parley_serve, server_process
from parley.client.speech_edges import speech_edges
from parley.client.wire import Wire, open_wire
from parley.wav import read_wav

ROOT = Path(__file__).resolve().parent.parent
FRAME_MS = 20
FRAME_BYTES = 24 * 2 * FRAME_MS
QUIET = bytes(FRAME_BYTES)
SPEECH_S = 1.2
"""How long the interrupter talks: well beyond what confirms an interruption."""


@dataclass(slots=True)
class Ear:
    """Everything that came, with its time."""

    audio_s: list[float] = field(default_factory=list)
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    async def listen(self, wire: Wire) -> None:
        while True:
            frame = await wire.receive()
            now_s = trio.current_time()
            if isinstance(frame, bytes):
                self.audio_s.append(now_s)
            else:
                self.messages.append((now_s, json.loads(frame)))

    def since(self, moment_s: float, kind: str) -> list[float]:
        return [at for at, m in self.messages if at >= moment_s and m["type"] == kind]


@dataclass(slots=True)
class Mouth:
    """A microphone that is always open: frames of quiet, or of speech once it is told to speak."""

    speech: list[bytes]
    spoken: int | None = None
    onset_s: float = 0.0
    onset_frame: int = 0

    async def talk(self, wire: Wire) -> None:
        next_s = trio.current_time()
        while True:
            next_s += FRAME_MS / 1000
            await trio.sleep_until(next_s)
            frame = QUIET
            if self.spoken is not None and self.spoken < len(self.speech):
                frame = self.speech[self.spoken]
                if self.spoken == self.onset_frame:
                    self.onset_s = trio.current_time()
                self.spoken += 1
            await wire.send(frame)


def spoken_frames() -> tuple[list[bytes], int]:
    """The recording at 24 kHz in frames, from just before its speech begins; the onset's frame."""
    wav = read_wav(ROOT / "examples/audio/2-umbrella.wav")
    edges = speech_edges(wav.pcm16, wav.rate_hz)
    if edges is None:
        raise ValueError("the recording is silent")
    start = int((edges.onset_ms - 100) * wav.rate_hz / 1000) * 2
    resampler = Resampler(wav.rate_hz, 24_000)
    pcm16 = resampler.push(wav.pcm16[start : start + int(SPEECH_S * wav.rate_hz) * 2])
    frames = [
        pcm16[at : at + FRAME_BYTES] for at in range(0, len(pcm16) - FRAME_BYTES, FRAME_BYTES)
    ]
    return frames, 100 // FRAME_MS


async def interrupt(wire: Wire, ear: Ear, mouth: Mouth, after_s: float) -> dict[str, float]:
    """One story, one interruption."""
    asked_s = trio.current_time()
    heard_before = len(ear.audio_s)
    await wire.send(json.dumps({"type": "text", "content": "tell me a story"}))
    while len(ear.audio_s) == heard_before:
        await trio.sleep(0.005)
    await trio.sleep(after_s)
    mouth.spoken = 0
    with trio.move_on_after(5):
        while not ear.since(asked_s, "barge_in"):
            await trio.sleep(0.005)
    told = ear.since(asked_s, "barge_in")
    await trio.sleep(0.3)
    cut_s = told[0] if told else trio.current_time()
    after_onset = [at for at in ear.audio_s if mouth.onset_s < at <= cut_s]
    late = [at for at in ear.audio_s if cut_s < at < cut_s + 0.3]
    # Whatever was said is answered; that reply is let go before the next story.
    with trio.move_on_after(15):
        while not ear.since(cut_s, "tts_complete"):
            await trio.sleep(0.02)
    await trio.sleep(0.6)  # it was sent; now it has been heard, and nothing is left to interrupt
    return {
        "found": float(bool(told)),
        "pause_ms": (after_onset[-1] - mouth.onset_s) * 1000 if after_onset else 0.0,
        "told_ms": (cut_s - mouth.onset_s) * 1000,
        "late": float(len(late)),
    }


async def measure(count: int, seed: int) -> int:
    rng = random.Random(seed)
    frames, onset_frame = spoken_frames()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        async with server_process(Path(folder) / "server.log", parley_serve) as server:
            url = f"ws://127.0.0.1:{server.port}/engine"
            async with open_wire(url) as wire, trio.open_nursery() as nursery:
                ear, mouth = Ear(), Mouth(frames, onset_frame=onset_frame)
                nursery.start_soon(ear.listen, wire)
                nursery.start_soon(mouth.talk, wire)
                for number in range(count):
                    results.append(await interrupt(wire, ear, mouth, rng.uniform(0.3, 6.0)))
                    print(f"{number + 1:3d} {results[-1]}", flush=True)
                nursery.cancel_scope.cancel()
    pauses = [r["pause_ms"] for r in results]
    told = [r["told_ms"] for r in results]
    print(f"interruptions found          {sum(r['found'] for r in results):.0f} of {count}")
    print(f"audio goes on after onset    median {middle(pauses):.0f} ms, p95 {p95(pauses):.0f} ms")
    print(f"onset to barge_in            median {middle(told):.0f} ms, p95 {p95(told):.0f} ms")
    print(f"frames after barge_in        {sum(r['late'] for r in results):.0f}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    return trio.run(measure, arguments.count, arguments.seed)


if __name__ == "__main__":
    sys.exit(main())
