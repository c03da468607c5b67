"""`parley bench talk-over --live`: the recorded turns said to a running server in real time.

A server of its own for each end-of-turn engine, with the engines that are configured, a real
socket, dialect A, frames of 20 ms; each recording is a session. Times are a client's: from when it
sent the last sample of speech until it received the first sound of a reply.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..audio.pcm import BYTES_PER_MS
from ..client.recording import load_folder
from ..client.server_process import parley_serve, server_process
from ..client.wire import Wire, WireClosed, open_wire
from ..config import Settings
from ..engines.kit import SessionInfo
from ..engines.vad.open import chosen_detector, decided
from ..wallclock import utc_now
from .burden import burden_of
from .heard_turn import HeardTurn, heard_turn
from .result import Result
from .talk_over import SHORT_MS, delays

FRAME_MS = 20
LISTEN_S = 4.0
"""After the recording silence goes on for so long at the most, until a reply is heard."""
EARLY_MS = 30
"""A reply that begins so much before the last sample was sent begins before the end."""
START = '{"type":"start","sample_rate":16000,"audio_clock":true}'


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlan:
    recordings: Path
    engines: Sequence[str]
    log: Path
    talkers: int = 1


@dataclass(slots=True)
class Said:
    """One turn as its talker met it."""

    turn: HeardTurn
    sent_s: list[float] = field(default_factory=list)
    replies_s: list[float] = field(default_factory=list)
    """When the first sound of each reply came."""
    finals: list[str] = field(default_factory=list)
    taken_back: int = 0
    _audible: bool = False

    def told(self, message: dict[str, Any], at_s: float) -> None:
        match message["type"]:
            case "tts_chunk" if not self._audible:
                self._audible = True
                self.replies_s.append(at_s)
            case "barge_in" | "tts_complete":
                self._audible = False
            case "final_transcript":
                self.finals.append(message["text"])
            case "reply_taken_back":
                self.taken_back += 1

    @property
    def end_s(self) -> float:
        """When the last sample of speech was sent; inf: it is still to come."""
        frame = self.turn.end_ms // FRAME_MS
        return self.sent_s[frame] if frame < len(self.sent_s) else float("inf")

    @property
    def too_soon(self) -> int:
        return sum(at_s < self.end_s - EARLY_MS / 1000 for at_s in self.replies_s)

    @property
    def delay_ms(self) -> float | None:
        after = [at_s for at_s in self.replies_s if at_s >= self.end_s - EARLY_MS / 1000]
        return (after[0] - self.end_s) * 1000 if after else None


async def bench_talk_over_live(plan: LivePlan, settings: Settings, console: Console) -> Result:
    """Raises ServerFailed, Unreachable, NotAWav, OSError."""
    kept = plan.log.parent / "talk-over"
    kept.mkdir(parents=True, exist_ok=True)
    info = SessionInfo.outside("/ws", settings.hearing)
    name = decided(settings.hearing.vad_engine)
    turns = [
        heard_turn(recording.name, recording.pcm16, chosen_detector(info), name, kept)
        for recording in load_folder(plan.recordings)
    ]
    for turn in turns:
        turn.keep()
    rows = []
    with Progress(console=console) as progress:
        for engine in plan.engines:
            bar = progress.add_task(engine, total=len(turns))

            def command(port: int, engine: str = engine) -> list[str]:
                return ["env", f"STREAM_TURN_ENGINE={engine}", *parley_serve(port)]

            async with server_process(plan.log, command) as server:
                said: list[Said] = []
                queue = iter(turns)
                before = burden_of(server.pid)
                async with trio.open_nursery() as nursery:
                    for _ in range(plan.talkers):
                        nursery.start_soon(_talk, server.url, queue, said, progress, bar)
                after = burden_of(server.pid)
            work_s = after.cpu_s + after.workers_cpu_s - before.cpu_s - before.workers_cpu_s
            rows.append(_row(engine, said, work_s))
    return Result(
        bench="talk-over-live",
        when=utc_now(),
        parameters={
            "recordings": len(turns),
            "minutes": round(sum(turn.end_ms for turn in turns) / 60_000, 1),
            "detector": name,
            "talkers": plan.talkers,
            "frame_ms": FRAME_MS,
        },
        rows=rows,
    )


async def _talk(
    url: str, queue: Iterator[HeardTurn], said: list[Said], progress: Progress, bar: Any
) -> None:
    for turn in queue:
        one = Said(turn)
        async with open_wire(url) as wire, trio.open_nursery() as nursery:
            nursery.start_soon(_listen, wire, one)
            await wire.send(START)
            await _say(wire, one)
            nursery.cancel_scope.cancel()
        said.append(one)
        progress.advance(bar)


async def _say(wire: Wire, one: Said) -> None:
    step = FRAME_MS * BYTES_PER_MS
    pcm16 = one.turn.pcm16
    next_s = trio.current_time()
    limit_s = next_s + one.turn.end_ms / 1000 + LISTEN_S
    at = 0
    while next_s < limit_s:
        next_s += FRAME_MS / 1000
        await trio.sleep_until(next_s)
        await wire.send(pcm16[at : at + step].ljust(step, b"\0"))
        one.sent_s.append(trio.current_time())
        at += step
        if one.delay_ms is not None:
            return


async def _listen(wire: Wire, one: Said) -> None:
    try:
        while True:
            one.told(json.loads(await wire.receive()), trio.current_time())
    except WireClosed:
        return


def _row(engine: str, said: Sequence[Said], work_s: float) -> dict[str, Any]:
    short = [one for one in said if one.turn.end_ms <= SHORT_MS]
    long = [one for one in said if one.turn.end_ms > SHORT_MS]
    talked_s = sum(len(one.sent_s) for one in said) * FRAME_MS / 1000
    return {
        "engine": engine,
        "turns": len(said),
        "cut": sum(one.too_soon for one in said),
        "taken_back": sum(one.taken_back for one in said),
        "answered": sum(one.delay_ms is not None for one in said),
        "words": sum(len(text.split()) for one in said for text in one.finals),
        "short_ms": delays(one.delay_ms for one in short),
        "long_ms": delays(one.delay_ms for one in long),
        "core_per_talker": round(work_s / talked_s, 4) if talked_s else None,
        "each": {one.turn.name: one.too_soon for one in said if one.too_soon},
    }


def live_table(result: Result) -> Table:
    """A line per engine."""
    parameters = result.parameters
    table = Table(
        title=f"{parameters['recordings']} turns, {parameters['minutes']} minutes, in real time",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for heading in ("engine", "answers\ntoo soon", "taken\nback", "words\nheard", "answered"):
        table.add_column(heading, justify="left" if heading == "engine" else "right")
    for heading in ("short turns\nmedian", "p95", "long turns\nmedian", "p95", "core"):
        table.add_column(heading, justify="right")
    for row in result.rows:
        times = [row["short_ms"].median, row["short_ms"].p95]
        times += [row["long_ms"].median, row["long_ms"].p95]
        counts = [row[key] for key in ("cut", "taken_back", "words")]
        table.add_row(
            row["engine"],
            *map(str, counts),
            f"{row['answered']} of {row['turns']}",
            *("-" if ms is None else f"{ms:.0f}" for ms in times),
            f"{row['core_per_talker']}",
        )
    table.caption = "Times: from the last sample of speech to the first sound of the reply, in ms."
    return table
