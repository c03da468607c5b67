"""One who talks, beside uploads to a server with the engines that are configured, in real time.

    python scripts/measure_uploads.py FOLDER [--uploads 16] [--gone-after 0.5] [--seconds 88]
                                      [--path /transcribe] [--turns 6]

FOLDER holds recordings as for measure_words.py. A talker says `--turns` of them on /ws, first
alone. Then as many uploads of so many seconds of speech are sent at once, the talker begins, and
says the same again. With --gone-after their clients hang up after so many seconds; without it they
wait for their answers. Beside both a short text is spoken over HTTP once a second, as a third
party would ask for it. Printed for each part: the talker's partial lag, first audio and errors,
what HTTP answered, and how long the server's processes were busy after the last client had gone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio
from measure_words import recordings  # type: ignore[import-not-found]

from parley.audio.wav import wav_bytes
from parley.bench.burden import burden_of
from parley.client.conversation import Pace
from parley.client.recital import recite
from parley.client.recording import Recording
from parley.client.report import middle, p95
from parley.client.server_process import ServerProcess, server_process
from parley.client.utterance import Utterance

LIMIT_S = 500.0
QUIET_CORE = 0.15
"""A server that nobody asks for anything takes less of a core, in half a second."""


@dataclass(slots=True)
class Part:
    """What was seen while one thing was going on."""

    said: list[Utterance] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    uploads: Counter[str] = field(default_factory=Counter)
    upload_s: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    other_s: list[float] = field(default_factory=list)
    busy_s: float = 0.0


def request(path: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def upload_of(path: str, wav: bytes) -> bytes:
    edge = b"a-boundary"
    body = (
        b"--" + edge + b'\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n" + wav + b"\r\n--" + edge + b"--\r\n"
    )
    return request(path, "multipart/form-data; boundary=a-boundary", body)


async def ask(port: int, whole: bytes, gone_after_s: float | None) -> str:
    """The status that came, or that nobody waited for it."""
    answer = b""
    with trio.move_on_after(gone_after_s if gone_after_s is not None else LIMIT_S):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            with contextlib.suppress(trio.BrokenResourceError):  # refused before it was sent
                await stream.send_all(whole)
            with contextlib.suppress(trio.BrokenResourceError):
                while more := await stream.receive_some(65_536):
                    answer += more
        return answer.split(b" ")[1].decode() if answer else "no answer"
    return "gone"


async def talk(server: ServerProcess, own: Sequence[Recording], part: Part) -> None:
    pace = Pace(rate_hz=16_000, chunk_ms=20, speed=1.0, reply_timeout_s=40.0)
    try:
        await recite(server.url, own, pace, part.said)
    except Exception as error:
        part.problems.append(repr(error))


async def others(server: ServerProcess, part: Part) -> None:
    body = json.dumps({"text": "Good morning."}).encode()
    while True:
        began_s = trio.current_time()
        part.others[
            await ask(server.port, request("/speech/tts", "application/json", body), 60)
        ] += 1
        part.other_s.append(trio.current_time() - began_s)
        await trio.sleep(1.0)


async def upload(port: int, whole: bytes, gone_after_s: float | None, part: Part) -> None:
    began_s = trio.current_time()
    part.uploads[await ask(port, whole, gone_after_s)] += 1
    part.upload_s.append(trio.current_time() - began_s)


async def until_quiet(pid: int) -> float:
    """How long the server and its workers are still at work."""
    began_s = last_s = trio.current_time()
    while trio.current_time() < began_s + 90:
        before = burden_of(pid)
        await trio.sleep(0.5)
        after = burden_of(pid)
        spent = after.cpu_s + after.workers_cpu_s - before.cpu_s - before.workers_cpu_s
        if spent / (after.at_s - before.at_s) < QUIET_CORE:
            return last_s - began_s
        last_s = trio.current_time()
    return last_s - began_s


async def measure(asked: argparse.Namespace, all_of: Sequence[Recording]) -> list[tuple[str, Part]]:
    own = [all_of[number % len(all_of)] for number in range(asked.turns)]
    whole = upload_of(asked.path, wav_bytes(long_speech(all_of, asked.seconds), 16_000))
    alone, beside, after = Part(), Part(), Part()
    with tempfile.TemporaryDirectory() as folder, trio.fail_after(LIMIT_S):
        async with server_process(Path(folder) / "server.log") as server:
            await trio.sleep(1.0)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(others, server, alone)
                await talk(server, own, alone)
                nursery.cancel_scope.cancel()
            async with trio.open_nursery() as beside_it:
                beside_it.start_soon(others, server, beside)
                async with trio.open_nursery() as nursery:
                    for _ in range(asked.uploads):
                        nursery.start_soon(upload, server.port, whole, asked.gone_after, beside)
                    await trio.sleep((asked.gone_after or 0.5) + 0.1)
                    await talk(server, own, beside)
                beside_it.cancel_scope.cancel()
            async with trio.open_nursery() as nursery:
                for _ in range(asked.uploads):
                    nursery.start_soon(upload, server.port, whole, 1.0, after)
            after.busy_s = await until_quiet(server.pid)
    return [("alone", alone), ("beside uploads", beside), ("clients gone after 1 s", after)]


def long_speech(all_of: Sequence[Recording], seconds: float) -> bytes:
    audio, number = bytearray(), 0
    while len(audio) < seconds * 32_000:
        audio += all_of[number % len(all_of)].pcm16 + bytes(16_000)
        number += 1
    return bytes(audio[: int(seconds * 16_000) * 2])


def spread(values: Iterable[float | None]) -> str:
    there = [value for value in values if value is not None]
    return f"{middle(there):.0f} / {p95(there):.0f} ms" if there else "-"


def show(what: str, part: Part) -> None:
    print(what)
    if part.said or part.problems:
        told = Counter(told.code for utterance in part.said for told in utterance.problems)
        print(
            f"  talker: {len(part.said)} turns, errors {dict(told)} {part.problems}, "
            f"partial lag {spread(lag for u in part.said for lag in u.partial_lags_ms())}, "
            f"first audio {spread(u.first_audio_ms() for u in part.said)} (median / p95)"
        )
    if part.uploads:
        print(f"  uploads: {dict(part.uploads)}, after {spread(s * 1000 for s in part.upload_s)}")
    if part.others:
        print(f"  others: {dict(part.others)}, after {spread(s * 1000 for s in part.other_s)}")
    if part.busy_s:
        print(f"  the server was busy for {part.busy_s:.1f} s afterwards")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--uploads", type=int, default=16)
    parser.add_argument("--gone-after", type=float)
    parser.add_argument("--seconds", type=float, default=88.0)
    parser.add_argument("--path", default="/transcribe")
    parser.add_argument("--turns", type=int, default=6)
    asked = parser.parse_args()
    for what, part in trio.run(measure, asked, list(recordings(asked.folder))):
        show(what, part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
