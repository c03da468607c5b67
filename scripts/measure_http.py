"""What OpenAI's clients get over HTTP: an hour transcribed, the first sound, a connection.

    python scripts/measure_http.py FOLDER [--minutes 60] [--engine moonshine]

FOLDER holds recordings (.wav), which are repeated until they last as long as is asked for. A server
with real engines runs in this process; the client sits in a thread of it, but its file is on disk.
Prints peak memory of the server and of its worker processes before and after, the time to the first
words and the real-time factor; the time to the first byte of speech and to the last; and how long
200 requests take on one connection.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import psutil
import structlog
import trio

from parley.audio.resampler import Resampler
from parley.audio.wav import NotAWav, read_wav
from parley.config import Settings
from parley.engines.room import EngineRoom, open_engine_room
from parley.server.tree import Server, open_listeners

TEXT = (
    "Good morning. The train to the coast leaves from platform nine at half past ten. "
    "It stops at every village on the way, so it takes a little longer than the express. "
    "If you sit on the left, you will see the old bridge and, when the weather is clear, the sea. "
    "Tickets are checked after the second stop. Have a good journey, and enjoy the day."
)
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")


def recordings(folder: Path) -> Iterator[bytes]:
    """PCM16 at 16 kHz of each, with a second of silence behind it, again and again."""
    sounds = []
    for path in sorted(folder.glob("*.wav")):
        try:
            wav = read_wav(path)
        except NotAWav:
            continue
        resampler = Resampler(wav.rate_hz)
        sounds.append(resampler.push(wav.pcm16) + resampler.flush() + bytes(32_000))
    if not sounds:
        raise SystemExit(f"{folder} holds no recordings")
    while True:
        yield from sounds


def write_long(path: Path, folder: Path, seconds: float) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        written = 0
        for sound in recordings(folder):
            out.writeframes(sound)
            written += len(sound)
            if written >= seconds * 32_000:
                return


def memory_mb(pid: int) -> str:
    """Now, and the most so far."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    kb = {line.split(":")[0]: int(line.split()[1]) for line in status if line.startswith("Vm")}
    return f"{kb['VmRSS'] / 1024:.0f} MB (peak {kb['VmHWM'] / 1024:.0f})"


def memories(room: EngineRoom) -> dict[str, str]:
    lanes = {lane.name: memory_mb(lane.pid) for lane in room.lanes if lane.pid}
    return {"server": memory_mb(psutil.Process().pid), **lanes}


def an_hour(client: openai.OpenAI, path: Path, seconds: float) -> None:
    began_s, first_s, words = time.perf_counter(), 0.0, 0
    with path.open("rb") as file:
        events: Any = client.audio.transcriptions.create(model="x", file=file, stream=True)
        for event in events:
            first_s = first_s or time.perf_counter() - began_s
            if event.type == "transcript.text.done":
                words = len(event.text.split())
    took_s = time.perf_counter() - began_s
    print(
        f"  {seconds / 60:.0f} minutes, {path.stat().st_size / 1e6:.0f} MB: "
        f"first words after {first_s:.2f} s, all {words} after {took_s:.1f} s, "
        f"real-time factor {took_s / seconds:.3f}"
    )


def speech(client: openai.OpenAI) -> None:
    for wanted in FORMATS:
        firsts, wholes, size = [], [], 0
        for _ in range(3):
            began_s, size, first_s = time.perf_counter(), 0, 0.0
            create: Any = client.audio.speech.with_streaming_response.create
            with create(model="x", voice="alloy", input=TEXT, response_format=wanted) as made:
                for piece in made.iter_bytes():
                    first_s = first_s or time.perf_counter() - began_s
                    size += len(piece)
            firsts.append(first_s)
            wholes.append(time.perf_counter() - began_s)
        print(
            f"  {wanted:5} first byte {statistics.median(firsts) * 1000:4.0f} ms, "
            f"whole {statistics.median(wholes) * 1000:5.0f} ms, {size / 1000:.0f} kB"
        )


def one_connection(port: int) -> None:
    for what, headers in (("one connection", {}), ("one each", {"Connection": "close"})):
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
            began_s = time.perf_counter()
            for _ in range(200):
                client.get("/v1/models/tts-1").raise_for_status()
            print(f"  200 requests, {what}: {(time.perf_counter() - began_s) * 1000:.0f} ms")


async def measure(folder: Path, seconds: float, engine: str) -> None:
    settings = Settings.defaults(stream_asr_engine=engine, stream_model_whisper="tiny-int8")
    async with open_engine_room(settings) as room:
        server = Server(settings, room)
        listeners = await open_listeners("127.0.0.1", 0)
        port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            await nursery.start(server.run, listeners)
            while room.not_ready() or not room.media_lane.ready:
                await trio.sleep(0.1)
            await trio.to_thread.run_sync(_measure_all, port, room, folder, seconds)
            nursery.cancel_scope.cancel()


def _measure_all(port: int, room: EngineRoom, folder: Path, seconds: float) -> None:
    client = openai.OpenAI(
        api_key="none", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0, timeout=7200
    )
    with client, tempfile.TemporaryDirectory() as place:
        print(f"{room.chosen['asr']}, {room.chosen['tts']}")
        print("Connections")
        one_connection(port)
        print("Speech")
        speech(client)
        print("Transcription")
        path = Path(place) / "long.wav"
        write_long(path, folder, min(60.0, seconds))
        an_hour(client, path, min(60.0, seconds))
        print(f"  memory before: {memories(room)}")
        write_long(path, folder, seconds)
        an_hour(client, path, seconds)
        print(f"  memory after:  {memories(room)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--engine", default="auto")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    trio.run(measure, asked.folder, asked.minutes * 60, asked.engine)


if __name__ == "__main__":
    main()
