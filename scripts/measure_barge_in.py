"""Interrupt a live server's replies at random moments, in real time: how does it fall silent?

    python scripts/measure_barge_in.py [--count 30] [--seed 1] [--protocol realtime]

Starts a server of its own with real engines; the client speaks dialect C, or OpenAI's Realtime API,
with frames of 20 ms. What
it says is a recording; the replies are the built-in responder's story. Prints a table.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import sys
import tempfile
from pathlib import Path

import trio

from parley.audio.resampler import Resampler
from parley.audio.wav import read_wav
from parley.client.as_newspeech import AsNewSpeech
from parley.client.caller import RATE_HZ, Ear, Mouth
from parley.client.report import middle, p95
from parley.client.server_process import parley_serve, server_process
from parley.client.speech_edges import speech_edges
from parley.client.wire import Wire, open_wire
from parley.conversation.ledger import Entry

ROOT = Path(__file__).resolve().parent.parent
BEFORE_MS = 100
"""Of quiet before the speech in what is said."""
SPEECH_S = 1.2
"""How long the interrupter talks: well beyond what confirms an interruption."""


def spoken() -> bytes:
    """The recording at 24 kHz, from BEFORE_MS before its speech begins."""
    wav = read_wav(ROOT / "examples/audio/2-umbrella.wav")
    edges = speech_edges(wav.pcm16, wav.rate_hz)
    if edges is None:
        raise ValueError("the recording is silent")
    start = int((edges.onset_ms - BEFORE_MS) * wav.rate_hz / 1000) * 2
    resampler = Resampler(wav.rate_hz, RATE_HZ)
    return resampler.push(wav.pcm16[start : start + int(SPEECH_S * wav.rate_hz) * 2])


async def fetch(port: int, path: str) -> str:
    """The body of a GET on loopback."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answer = b""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(request.encode())
        while more := await stream.receive_some(65536):
            answer += more
    return answer.partition(b"\r\n\r\n")[2].decode()


async def memory_is_right(port: int, ear: Ear, first: int, cut_s: float) -> bool:
    """Whether the words that the server takes for heard are those that its audio had got to here.

    The caller plays what it gets, piece after piece; phrases and their lengths are the server's.
    """
    (session,) = json.loads(await fetch(port, "/sessions"))["sessions"]
    played_until_s, heard_s = 0.0, 0.0
    for at_s, pcm16 in ear.audio[first:]:
        due_s = max(at_s, played_until_s)
        length_s = len(pcm16) / 2 / RATE_HZ
        played_until_s = due_s + length_s
        heard_s += min(max(cut_s - due_s, 0.0), length_s)
    words = []
    for phrase in session["reply"]["phrases"]:
        here_s = min(heard_s, phrase["said_s"])
        heard_s -= here_s
        entry = Entry(phrase["said"], phrase["said_s"])
        words += entry.text_of(here_s).split()
    # The network is a few milliseconds, a word a few hundred: at a word's very end one may differ.
    return abs(len(words) - len(session["reply"]["heard"].split())) <= 1 and (
        " ".join(words).startswith(session["reply"]["heard"])
        or session["reply"]["heard"].startswith(" ".join(words))
    )


async def silence_within(port: int, bound_s: float) -> tuple[int, int]:
    """How many interruptions fell silent within the bound, of how many; by the server's clock."""
    metrics = await fetch(port, "/metrics")
    bucket = re.search(
        rf'^parley_stage_seconds_bucket{{le="{bound_s:g}",stage="silence"}} (.+)$', metrics, re.M
    )
    count = re.search(r'^parley_stage_seconds_count{stage="silence"} (.+)$', metrics, re.M)
    return int(float(bucket[1])) if bucket else 0, int(float(count[1])) if count else 0


async def interrupt(
    wire: Wire, ear: Ear, mouth: Mouth, speech: bytes, after_s: float, port: int
) -> dict[str, float]:
    """One story, one interruption."""
    asked_s = trio.current_time()
    heard_before = len(ear.audio)
    await wire.send(json.dumps({"type": "text", "content": "tell me a story"}))
    await ear.until_audio(heard_before + 1)
    await trio.sleep(after_s)
    mouth.say(speech, onset_ms=BEFORE_MS)
    await ear.until("barge_in", since_s=asked_s, patience_s=5)
    told = ear.since(asked_s, "barge_in")
    cut_s = told[0] if told else trio.current_time()
    right = await memory_is_right(port, ear, heard_before, cut_s) if told else False
    await trio.sleep(0.3)
    after_onset = [at for at, _ in ear.audio if mouth.onset_s < at <= cut_s]
    # Where a reply's beginning is told, what comes from there on is the next one's.
    next_s = min(ear.since(cut_s, "response.created"), default=math.inf)
    late = [at for at, _ in ear.audio if cut_s < at < min(cut_s + 0.3, next_s)]
    # Whatever was said is answered; that reply is let go before the next story.
    await ear.until("tts_complete", since_s=cut_s, patience_s=15)
    await trio.sleep(0.6)  # it was sent; now it has been heard, and nothing is left to interrupt
    return {
        "found": float(bool(told)),
        "memory": float(right),
        "pause_ms": (after_onset[-1] - mouth.onset_s) * 1000 if after_onset else 0.0,
        "told_ms": (cut_s - mouth.onset_s) * 1000,
        "late": float(len(late)),
    }


PATHS = {"newspeech": "/engine", "realtime": "/v1/realtime"}


async def measure(count: int, seed: int, protocol: str) -> int:
    os.environ["STREAM_LOG_TRANSCRIPTS"] = "1"  # or /sessions tells no words
    rng = random.Random(seed)
    speech = spoken()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        async with server_process(Path(folder) / "server.log", parley_serve) as server:
            url = f"ws://127.0.0.1:{server.port}{PATHS[protocol]}"
            async with open_wire(url) as connection, trio.open_nursery() as nursery:
                wire: Wire = connection
                if protocol == "realtime":
                    wire = AsNewSpeech(connection)
                    await wire.open()
                ear, mouth = Ear(), Mouth()
                nursery.start_soon(ear.listen, wire)
                nursery.start_soon(mouth.talk, wire)
                for number in range(count):
                    results.append(
                        await interrupt(
                            wire, ear, mouth, speech, rng.uniform(0.3, 6.0), server.port
                        )
                    )
                    print(f"{number + 1:3d} {results[-1]}", flush=True)
                nursery.cancel_scope.cancel()
            inside, confirmed = await silence_within(server.port, 0.02)
    pauses = [r["pause_ms"] for r in results]
    told = [r["told_ms"] for r in results]
    print(f"interruptions found          {sum(r['found'] for r in results):.0f} of {count}")
    print(f"audio goes on after onset    median {middle(pauses):.0f} ms, p95 {p95(pauses):.0f} ms")
    print(f"onset to barge_in            median {middle(told):.0f} ms, p95 {p95(told):.0f} ms")
    print(f"silent within 20 ms of certainty  {inside} of {confirmed}")
    print(f"memory right to the word     {sum(r['memory'] for r in results):.0f} of {count}")
    print(f"frames after barge_in        {sum(r['late'] for r in results):.0f}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--protocol", choices=sorted(PATHS), default="newspeech")
    arguments = parser.parse_args()
    return trio.run(measure, arguments.count, arguments.seed, arguments.protocol)


if __name__ == "__main__":
    sys.exit(main())
