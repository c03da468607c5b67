"""People who talk at once to one server, with the engines that are configured, in real time.

    python scripts/measure_talkers.py FOLDER [--talkers 1 5 10] [--turns 6] [--chunk-ms 20]

FOLDER holds recordings as for measure_words.py. Each talker is a session on /ws that says `--turns`
of them, each beginning with another one, and hears each reply to its end. A fresh server for each
number of talkers. Printed per number:

    first partial   from the onset of speech to the first words that are told
    partial lag     from the last audio that a partial covers to that partial
    final           from the end of a turn being decided to its final (the server's own figure)
    first audio     from the last speech sample to the first reply audio, the silence included
    core            CPU seconds of server and workers per second and talker, replies included
    as alone        finals that say the same as those of one talker alone
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import trio
from measure_words import recordings  # type: ignore[import-not-found]

from parley.bench.burden import burden_of
from parley.client.conversation import Pace
from parley.client.recital import recite
from parley.client.recording import Recording
from parley.client.report import middle, p95
from parley.client.server_process import ServerProcess, server_process
from parley.client.utterance import Utterance

LIMIT_S = 600.0


@dataclass(slots=True)
class Outcome:
    talkers: int
    utterances: list[Utterance] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    core: float = 0.0
    metrics: str = ""

    def texts(self) -> dict[str, set[str]]:
        heard: dict[str, set[str]] = {}
        for utterance in self.utterances:
            heard.setdefault(utterance.name, set()).add(utterance.transcript)
        return heard


async def talk(
    server: ServerProcess, own: Sequence[Recording], chunk_ms: int, outcome: Outcome
) -> None:
    said: list[Utterance] = []
    pace = Pace(rate_hz=16_000, chunk_ms=chunk_ms, speed=1.0, reply_timeout_s=40.0)
    try:
        await recite(server.url, own, pace, said)
    except Exception as error:
        outcome.problems.append(repr(error))
    outcome.utterances += said


async def measure(all_of: Sequence[Recording], talkers: int, turns: int, chunk_ms: int) -> Outcome:
    outcome = Outcome(talkers)
    with tempfile.TemporaryDirectory() as folder, trio.fail_after(LIMIT_S):
        async with server_process(Path(folder) / "server.log") as server:
            await trio.sleep(1.0)
            before = burden_of(server.pid)
            async with trio.open_nursery() as nursery:
                for number in range(talkers):
                    first = number * len(all_of) // talkers
                    own = [all_of[(first + turn) % len(all_of)] for turn in range(turns)]
                    nursery.start_soon(talk, server, own, chunk_ms, outcome)
                    await trio.sleep(0.13)
            after = burden_of(server.pid)
            outcome.metrics = await metrics(server.port)
    spent = after.cpu_s + after.workers_cpu_s - before.cpu_s - before.workers_cpu_s
    outcome.core = spent / (after.at_s - before.at_s) / talkers
    return outcome


async def metrics(port: int) -> str:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        text = b""
        while more := await stream.receive_some(65_536):
            text += more
    return text.decode()


def stage(text: str, name: str) -> str:
    """Median and p95 of a stage, as upper edges of the histogram's buckets, in ms."""
    found = re.findall(rf'parley_stage_seconds_bucket{{le="(\S+)",stage="{name}"}} (\S+)', text)
    counts = [(float(edge), float(count)) for edge, count in found]
    total = counts[-1][1] if counts else 0
    edges = [
        next((edge for edge, count in counts if count >= share * total), 0.0)
        for share in (0.5, 0.95)
    ]
    return " / ".join(f"<{1000 * edge:.0f}" for edge in edges) if total else "-"


def spread(values: Iterable[float | None]) -> str:
    there = [value for value in values if value is not None]
    if not there:
        return "-"
    return f"{middle(there):.0f} / {p95(there):.0f}"


def show(outcome: Outcome, alone: dict[str, set[str]]) -> None:
    said = outcome.utterances
    same = sum(u.transcript in alone.get(u.name, {u.transcript}) for u in said)
    print(
        f"{outcome.talkers:3} talkers, {len(said)} turns: "
        f"first partial {spread(u.first_partial_ms() for u in said)}, "
        f"partial lag {spread(lag for u in said for lag in u.partial_lags_ms())}, "
        f"final {stage(outcome.metrics, 'final')}, "
        f"first audio {spread(u.first_audio_ms() for u in said)} ms (median / p95); "
        f"{outcome.core:.3f} core each; {same} of {len(said)} as alone; "
        f"{sum(bool(u.problems) for u in said)} with an error"
    )
    for utterance in said:
        if utterance.transcript not in alone.get(utterance.name, {utterance.transcript}):
            print(f"    {utterance.name}: {utterance.transcript!r}, alone {alone[utterance.name]}")
        for told in utterance.problems:
            print(f"    {utterance.name}: {told.code} {told.message}")
    for problem in outcome.problems:
        print(f"    {problem}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--talkers", nargs="+", type=int, default=[1, 5, 10])
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--chunk-ms", type=int, default=20)
    arguments = parser.parse_args()
    all_of = list(recordings(arguments.folder))
    alone: dict[str, set[str]] = {}
    print(f"{psutil.cpu_count()} cores, {len(all_of)} recordings")
    for talkers in arguments.talkers:
        turns = len(all_of) if talkers == 1 else arguments.turns
        run = functools.partial(measure, all_of, talkers, turns, arguments.chunk_ms)
        outcome = trio.run(run)
        alone = alone or outcome.texts()
        show(outcome, alone)
    return 0


if __name__ == "__main__":
    sys.exit(main())
