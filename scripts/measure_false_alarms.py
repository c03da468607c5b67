"""Make noises during a live server's replies, in real time: what becomes of the replies?

    python scripts/measure_false_alarms.py [--at-once 3] [--seed 1]

Starts a server of its own with real engines. Every noise of client/noises.py gets a conversation of
its own on dialect C, at a random moment of a reply of some seconds. Prints a table.

espeak's voice flutters, and never says a phrase twice alike. So that replies can be compared sample
by sample, this server keeps what it made of a phrase for the first time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import trio

from parley.client.caller import FRAME_MS, Ear, Mouth
from parley.client.noises import NOISES, noise
from parley.client.report import middle, p95
from parley.client.server_process import server_process
from parley.client.wire import open_wire
from parley.embedding import open_server
from parley.engines.kit import OwnEngines
from parley.engines.lanes.lane import Lane
from parley.engines.lanes.pool import LanePool
from parley.engines.tts.interface import Speech, Synthesizer
from parley.engines.tts.pyttsx3 import Pyttsx3Synthesizer, loader
from parley.supervisor import Child, Supervisor

QUESTION = "count to twelve"
LEVELS_DBFS = (-8.0, -14.0, -26.0)
FIRST_S, LAST_S = 0.2, 3.0
"""When the noise comes, from the reply's first audio; the reply lasts some six seconds."""
PACE_S = 0.08
"""Between two frames of an undisturbed reply."""
HELD_S = 0.05
"""Above its pace by so much, a frame was held back; less is the machine's own jitter."""
PATIENCE_S = 30.0


class SameVoice:
    """The configured voice, which says a phrase the second time as it did the first time."""

    def __init__(self, voice: Synthesizer) -> None:
        self._voice = voice
        self._said: dict[str, Speech] = {}

    async def speak(self, text: str) -> Speech:
        if text not in self._said:
            self._said[text] = await self._voice.speak(text)
        return self._said[text]


async def serve(port: int) -> None:
    """The server's process: until it is told to stop."""
    lane = Lane("tts-1", loader())
    voice = SameVoice(Pyttsx3Synthesizer(LanePool([lane])))
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            await nursery.start(
                Supervisor("voice", [Child(lane.name, run=lane.run, ready=True)]).run
            )
            async with open_server(port=port, own=OwnEngines(synthesizer=voice)):
                await anext(aiter(signals))
            nursery.cancel_scope.cancel()


def this_server(port: int) -> list[str]:
    return [sys.executable, __file__, "--serve", str(port)]


@dataclass(frozen=True, slots=True)
class Heard:
    name: str
    reply: bytes
    complete: int
    barge_ins: int
    finals: int
    pause_s: float
    """By how much the longest gap behind the noise's onset exceeds the pace."""
    until_pause_s: float
    """From the onset to the last frame before that gap."""

    @property
    def held(self) -> bool:
        return self.pause_s > HELD_S


async def one_reply(url: str, name: str, after_s: float, level_dbfs: float) -> Heard:
    """A conversation with one reply. Without a name there is no noise."""
    async with open_wire(url) as wire, trio.open_nursery() as nursery:
        ear, mouth = Ear(), Mouth()
        nursery.start_soon(ear.listen, wire)
        nursery.start_soon(mouth.talk, wire)
        await trio.sleep(1.0)  # the detector has heard the room
        asked_s = trio.current_time()
        await wire.send(json.dumps({"type": "text", "content": QUESTION}))
        await ear.until_audio()
        await trio.sleep(after_s)
        before_s = trio.current_time()
        mouth.say(noise(name, level_dbfs) if name else b"")
        await ear.until("tts_complete", since_s=asked_s, patience_s=PATIENCE_S)
        await trio.sleep(1.5)  # whatever else comes: a second reply, a transcript
        nursery.cancel_scope.cancel()
    onset_s = mouth.onset_s or before_s
    times = [at for at, _ in ear.audio]
    gaps = [(b - a, a) for a, b in itertools.pairwise(times) if b > onset_s]
    gap_s, gap_at_s = max(gaps, default=(0.0, onset_s))
    return Heard(
        name=name,
        reply=b"".join(pcm16 for _, pcm16 in ear.audio),
        complete=len(ear.since(asked_s, "tts_complete")),
        barge_ins=len(ear.since(asked_s, "barge_in")),
        finals=len(ear.since(asked_s, "final_transcript")),
        pause_s=gap_s - PACE_S,
        until_pause_s=gap_at_s - onset_s,
    )


async def measure(at_once: int, seed: int) -> int:
    rng = random.Random(seed)
    results: list[Heard] = []
    with tempfile.TemporaryDirectory() as folder:
        async with server_process(Path(folder) / "server.log", this_server) as server:
            url = f"ws://127.0.0.1:{server.port}/engine"
            quiet = [await one_reply(url, "", 0.5, 0.0) for _ in range(2)]
            room = trio.CapacityLimiter(at_once)

            async def disturb(name: str, after_s: float, level_dbfs: float) -> None:
                async with room:
                    heard = await one_reply(url, name, after_s, level_dbfs)
                results.append(heard)
                print(line(heard, after_s, level_dbfs, quiet[0].reply), flush=True)

            async with trio.open_nursery() as nursery:
                for number, name in enumerate(NOISES):
                    level_dbfs = LEVELS_DBFS[number % len(LEVELS_DBFS)]
                    nursery.start_soon(disturb, name, rng.uniform(FIRST_S, LAST_S), level_dbfs)
    report(results, quiet)
    return 0


def line(heard: Heard, after_s: float, level_dbfs: float, whole: bytes) -> str:
    held = f"held {heard.pause_s * 1000:4.0f} ms" if heard.held else "not held    "
    same = "identical" if heard.reply == whole else "NOT IDENTICAL"
    cut = ", CUT" if heard.barge_ins else ""
    return f"{heard.name:16s} at {after_s:4.2f} s, {level_dbfs:3.0f} dBFS: {held}, {same}{cut}"


def report(results: list[Heard], quiet: list[Heard]) -> None:
    whole = quiet[0].reply
    held = [r for r in results if r.held]
    longest = max(q.pause_s for q in quiet)
    print(f"undisturbed replies alike    {quiet[0].reply == quiet[1].reply}")
    print(f"their longest gap            {longest * 1000:.0f} ms over the pace")
    print(f"noises                       {len(results)}")
    print(f"replies lost                 {sum(not r.complete for r in results)}")
    print(f"replies repeated             {sum(r.complete > 1 for r in results)}")
    print(f"replies cut                  {sum(bool(r.barge_ins) for r in results)}")
    print(f"noises transcribed           {sum(bool(r.finals) for r in results)}")
    print(f"sample-identical             {sum(r.reply == whole for r in results)}")
    print(f"held                         {len(held)}")
    if held:
        pauses = [r.pause_s * 1000 for r in held]
        until = [max(r.until_pause_s, 0.0) * 1000 for r in held]
        print(f"for so long                  median {middle(pauses):.0f}, p95 {p95(pauses):.0f} ms")
        print(f"audio goes on after onset    median {middle(until):.0f}, p95 {p95(until):.0f} ms")
        print(f"(client frames of {FRAME_MS} ms)")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--at-once", type=int, default=3, help="conversations at the same time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        trio.run(serve, arguments.serve)
        return 0
    return trio.run(measure, arguments.at_once, arguments.seed)


if __name__ == "__main__":
    sys.exit(main())
