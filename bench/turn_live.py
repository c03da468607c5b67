"""`parley bench turn-live`: the labelled turns said to a running server in real time, once for each
way to decide when a turn is over.

A server of its own for each, with the engines that are configured, a real socket, dialect A, frames
of 20 ms as a browser sends them, several talkers at once; each turn is a session of its own. Times
are a client's: from when it sent the last sample of speech until it received the message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..client.server_process import ServerProcess, parley_serve, server_process
from ..client.wire import Wire, WireClosed, open_wire
from ..wallclock import utc_now
from .burden import burden_of
from .result import Result, spread
from .scene import MS
from .turn_set import Labelled, audio_of, turn_set

FRAME_MS = 20
TALKERS = 3
LISTEN_S = 4.0
"""After the audio, silence goes on for so long at the most, until the reply is heard."""
EARLY_MS = 30
"""What is told so much before the last sample was sent is told before the end."""
COUNTS = ("speculations", "speculations_dropped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to decide, by the settings that ask for it."""

    name: str
    variables: dict[str, str]


def ways(model: Path | None, engines: Sequence[str] = ()) -> list[Way]:
    """Each engine without and with replies that are begun early; `engines` empty: all."""
    engines = engines or ["fixed", "text", *(["smart-turn", "both"] if model else [])]
    return [
        Way(
            name=f"{engine}, {'begun early' if early else 'not early'}",
            variables={
                "STREAM_TURN_ENGINE": engine,
                "STREAM_SPECULATIONS": str(early),
                **({"STREAM_TURN_MODEL": str(model)} if model else {}),
            },
        )
        for engine in engines
        for early in (0, 2)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlan:
    folder: Path
    log: Path
    model: Path | None = None
    seed: int = 1
    most: int | None = None
    """So many of the turns, evenly chosen; None: all."""
    talkers: int = TALKERS
    engines: Sequence[str] = ()


@dataclass(slots=True)
class Said:
    """One turn as its talker met it. Times in ms since the last sample of speech was sent."""

    turn: Labelled
    told: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """(seconds of Trio's clock, message)."""
    sent_s: list[float] = field(default_factory=list)

    def sent_at(self, ms: float) -> float:
        """When the frame with this moment of the audio was sent."""
        return self.sent_s[min(int(ms // FRAME_MS), len(self.sent_s) - 1)]

    def first(self, kind: str) -> float | None:
        """The first message of a kind behind the end of speech."""
        end_s = self.sent_at(self.turn.end_ms)
        times = [at for at, message in self.told if message["type"] == kind and at >= end_s]
        return (times[0] - end_s) * 1000 if times else None

    @property
    def cut(self) -> bool:
        """Whether its end was decided before it was over."""
        end_s = self.sent_at(self.turn.end_ms) - EARLY_MS / 1000
        return any(at < end_s for at, m in self.told if m["type"] == "final_transcript")

    @property
    def times(self) -> dict[str, Any] | None:
        """The server's own account of the last turn."""
        found = [m for _, m in self.told if m["type"] == "metrics" and m.get("event") == "turn"]
        return found[-1] if found else None


async def bench_turn_live(plan: LivePlan, console: Console) -> Result:
    """Raises ServerFailed, Unreachable, OSError, EngineFailure."""
    made = await turn_set(plan.folder, seed=plan.seed)
    chosen = list(_evenly(made.turns, plan.most))
    plan.log.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    with Progress(console=console) as progress:
        for way in ways(plan.model, plan.engines):
            bar = progress.add_task(way.name, total=len(chosen))

            def command(port: int, way: Way = way) -> list[str]:
                given = [f"{name}={value}" for name, value in way.variables.items()]
                return ["env", *given, *parley_serve(port)]

            async with server_process(plan.log, command) as server:
                said: list[Said] = []
                before = burden_of(server.pid)
                queue = iter(chosen)
                async with trio.open_nursery() as nursery:
                    for _ in range(plan.talkers):
                        nursery.start_soon(
                            _talk, server.url, plan.folder, queue, said, progress, bar
                        )
                after = burden_of(server.pid)
                counts = await _counts(server)
            work_s = after.cpu_s + after.workers_cpu_s - before.cpu_s - before.workers_cpu_s
            rows.append(_row(way, said, work_s, counts))
    return Result(
        bench="turn-live",
        when=utc_now(),
        parameters={
            "turns": len(chosen),
            "with_pause": sum(turn.pause_ms is not None for turn in chosen),
            "talkers": plan.talkers,
            "frame_ms": FRAME_MS,
            "seed": made.seed,
        },
        rows=rows,
        notes=[] if plan.model else ["smart-turn is not measured: no model was given"],
    )


def _evenly(turns: Sequence[Labelled], most: int | None) -> Iterator[Labelled]:
    count = min(most or len(turns), len(turns))
    return (turns[index * len(turns) // count] for index in range(count))


async def _talk(
    url: str,
    folder: Path,
    queue: Iterator[Labelled],
    said: list[Said],
    progress: Progress,
    bar: Any,
) -> None:
    for turn in queue:
        one = Said(turn)
        async with open_wire(url) as wire, trio.open_nursery() as nursery:
            nursery.start_soon(_listen, wire, one)
            await wire.send(
                json.dumps({"type": "start", "sample_rate": MS * 1000, "audio_clock": True})
            )
            await _say(wire, audio_of(folder, turn), one)
            nursery.cancel_scope.cancel()
        said.append(one)
        progress.advance(bar)


async def _say(wire: Wire, pcm16: bytes, one: Said) -> None:
    step = FRAME_MS * MS * 2
    next_s = trio.current_time()
    limit_s = next_s + len(pcm16) / 2 / MS / 1000 + LISTEN_S
    at = 0
    while next_s < limit_s:
        next_s += FRAME_MS / 1000
        await trio.sleep_until(next_s)
        frame = pcm16[at : at + step]
        await wire.send(frame.ljust(step, b"\0"))
        one.sent_s.append(trio.current_time())
        at += step
        if at > one.turn.end_ms * MS * 2 and one.first("tts_chunk") is not None:
            return


async def _listen(wire: Wire, one: Said) -> None:
    try:
        while True:
            frame = await wire.receive()
            message = json.loads(frame)
            message.pop("audio_b64", None)
            one.told.append((trio.current_time(), message))
    except WireClosed:
        return


async def _counts(server: ServerProcess) -> dict[str, int]:
    """Of the server's own counters."""
    request = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answer = b""
    async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        await stream.send_all(request)
        while more := await stream.receive_some(65536):
            answer += more
    text = answer.decode("utf-8", "replace")
    found = {name: re.search(rf"^parley_{name}_total ([0-9.e+]+)", text, re.M) for name in COUNTS}
    return {name: round(float(match[1])) if match else 0 for name, match in found.items()}


def _row(way: Way, said: Sequence[Said], work_s: float, counts: dict[str, int]) -> dict[str, Any]:
    talked_s = sum(len(one.sent_s) for one in said) * FRAME_MS / 1000
    accounts = [times for one in said if (times := one.times) is not None]
    return {
        "way": way.name,
        "turns": len(said),
        "cut": sum(one.cut for one in said),
        "answered": sum(one.first("tts_chunk") is not None for one in said),
        "first_audio_ms": _of(said, "tts_chunk"),
        "final_ms": _of(said, "final_transcript"),
        "waterfall": {
            key: spread(times[key] for times in accounts if times.get(key) is not None).median
            for key in ("begun_ms", "decided_ms", "final_ms", "token_ms", "phrase_ms", "audio_ms")
        },
        "core_per_talker": round(work_s / talked_s, 4) if talked_s else None,
        **counts,
    }


def _of(said: Sequence[Said], kind: str) -> Any:
    return spread(ms for one in said if (ms := one.first(kind)) is not None)


def table_of(result: Result) -> Table:
    """A line per way."""
    table = Table(title=f"{result.parameters['turns']} turns in real time; times in ms")
    for heading in ("engine", "cut off", "answered", "first reply audio\nmedian", "p95", "core"):
        table.add_column(heading, justify="left" if heading == "engine" else "right")
    table.add_column("begun early,\nin vain", justify="right")
    for row in result.rows:
        audio = row["first_audio_ms"]
        cells = ("-" if ms is None else f"{ms:.0f}" for ms in (audio.median, audio.p95))
        table.add_row(
            row["way"],
            f"{row['cut']} of {row['turns']}",
            str(row["answered"]),
            *cells,
            f"{row['core_per_talker']}",
            f"{row['speculations']}, {row['speculations_dropped']}",
        )
    return table
