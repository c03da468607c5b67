"""`parley bench protocols`: how long a person waits for an answer in each protocol.

One server of its own with the engines that are configured, real sockets, recordings in real time in
frames of 20 ms. The protocols take turns, recording by recording, so that whatever else the machine
does meets them alike; each turn is a session of its own. Times are a client's: from when it sent
the last sample of speech until it received the final transcript and the first sound of the reply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..audio.pcm import HEARING_RATE_HZ
from ..client.recording import Recording, load_folder, resampled
from ..client.report import normalized_words
from ..client.server_process import parley_serve, server_process
from ..client.speech_edges import speech_edges
from ..client.wire import Wire, WireClosed, open_wire
from ..config import Settings
from ..wallclock import utc_now
from .result import Result, Spread, spread
from .tongues import TONGUES, Tongue
from .turn import engines_of

FRAME_MS = 20
LISTEN_S = 8.0
"""After the recording, silence goes on for so long at the most, until the reply is heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure. Each pass says every recording once in each protocol."""

    recordings: Path = Path("examples/audio")
    passes: int = 3
    dialects: Sequence[str] = ("newspeech", "realtime")
    log: Path = Path("bench-out/protocols-server.log")
    """What the server says; its folder is made."""
    command: Callable[[int], Sequence[str]] = parley_serve


@dataclass(slots=True)
class Said:
    """One turn as its talker met it."""

    sent_s: list[float] = field(default_factory=list)
    final_s: float | None = None
    words: str = ""
    audio_s: float | None = None
    failures: list[str] = field(default_factory=list)


async def bench_protocols(plan: Plan, settings: Settings, console: Console) -> Result:
    """`settings` are told in the result; the server reads its own, from the same places.

    Raises ServerFailed, Unreachable, NotAWav, and ValueError for a dialect that is none.
    """
    for name in plan.dialects:
        if name not in TONGUES:
            raise ValueError(f"no dialect {name!r}; known: {', '.join(TONGUES)}")
    recordings = load_folder(plan.recordings)
    plan.log.parent.mkdir(parents=True, exist_ok=True)
    turns: dict[str, list[tuple[Recording, Said]]] = {name: [] for name in plan.dialects}
    with Progress(console=console) as progress:
        bar = progress.add_task("turns", total=plan.passes * len(recordings) * len(turns))
        async with server_process(plan.log, plan.command) as server:
            for turn in range(plan.passes * len(recordings)):
                recording = recordings[turn % len(recordings)]
                # Who is first is first in every other turn only.
                for name in plan.dialects if turn % 2 else plan.dialects[::-1]:
                    said = await _talk(server.port, TONGUES[name](), recording)
                    turns[name].append((recording, said))
                    progress.advance(bar)
    return Result(
        bench="protocols",
        when=utc_now(),
        parameters={
            "recordings": plan.recordings.name,
            "passes": plan.passes,
            "frame_ms": FRAME_MS,
            **engines_of(settings),
        },
        rows=[
            {**row_of(name, said), "later_ms": later(turns[plan.dialects[0]], said)}
            for name, said in turns.items()
        ],
    )


async def _talk(port: int, tongue: Tongue, recording: Recording) -> Said:
    said = Said()
    greeted = trio.Event()
    async with (
        open_wire(f"ws://127.0.0.1:{port}{tongue.path}") as wire,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_listen, wire, tongue, said, greeted)
        await greeted.wait()
        for frame in tongue.opening():
            await wire.send(frame)
        await _say(wire, tongue, recording, said)
        nursery.cancel_scope.cancel()
    return said


async def _say(wire: Wire, tongue: Tongue, recording: Recording, said: Said) -> None:
    pcm16 = resampled(recording.pcm16, HEARING_RATE_HZ, tongue.rate_hz)
    step = tongue.rate_hz * FRAME_MS // 1000 * 2
    next_s = trio.current_time()
    limit_s = next_s + len(pcm16) / 2 / tongue.rate_hz + LISTEN_S
    at = 0
    while next_s < limit_s and (said.audio_s is None or at < len(pcm16)):
        next_s += FRAME_MS / 1000
        await trio.sleep_until(next_s)
        await wire.send(tongue.audio(pcm16[at : at + step].ljust(step, b"\0")))
        said.sent_s.append(trio.current_time())
        at += step


async def _listen(wire: Wire, tongue: Tongue, said: Said, greeted: trio.Event) -> None:
    try:
        while True:
            word = tongue.hear(await wire.receive())
            now_s = trio.current_time()
            match word.kind:
                case "greeting":
                    greeted.set()
                case "final" if word.text:
                    said.final_s = now_s
                    said.words = f"{said.words} {word.text}".strip()
                case "audio" if said.audio_s is None:
                    said.audio_s = now_s
                case "failure":
                    said.failures.append(word.text)
    except WireClosed as closed:
        said.failures.append(str(closed))
        greeted.set()


def row_of(name: str, turns: Sequence[tuple[Recording, Said]]) -> dict[str, Any]:
    return {
        "protocol": name,
        "turns": len(turns),
        "answered": sum(said.audio_s is not None for _, said in turns),
        "failures": sorted({failure for _, said in turns for failure in said.failures}),
        "wrong_finals": sum(
            recording.spoken is not None
            and normalized_words(recording.spoken) != normalized_words(said.words)
            for recording, said in turns
        ),
        "final_ms": _spread(_since(recording, said, said.final_s) for recording, said in turns),
        "first_audio_ms": _spread(
            _since(recording, said, said.audio_s) for recording, said in turns
        ),
        "each": [
            {
                "name": recording.name,
                "final_ms": _rounded(_since(recording, said, said.final_s)),
                "first_audio_ms": _rounded(_since(recording, said, said.audio_s)),
            }
            for recording, said in turns
        ],
    }


def later(
    first: Sequence[tuple[Recording, Said]], turns: Sequence[tuple[Recording, Said]]
) -> Spread:
    """How much later the first sound came than for the same recording, said just before or after,
    in the first protocol. Pairs leave out what differs from recording to recording."""
    pairs = zip(
        (_since(recording, said, said.audio_s) for recording, said in first),
        (_since(recording, said, said.audio_s) for recording, said in turns),
        strict=True,
    )
    return spread(
        mine - theirs for theirs, mine in pairs if mine is not None and theirs is not None
    )


def _since(recording: Recording, said: Said, at_s: float | None) -> float | None:
    """Milliseconds since the frame with the last sample of speech was sent."""
    edges = speech_edges(recording.pcm16, HEARING_RATE_HZ)
    if edges is None or at_s is None:
        return None
    return (at_s - said.sent_s[int((edges.last_ms - 1) // FRAME_MS)]) * 1000


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)


def _spread(values: Any) -> Spread:
    return spread(value for value in values if value is not None)


def table_of(result: Result) -> Table:
    """A line per protocol."""
    table = Table(title="From the last sample of speech, in ms")
    table.add_column("protocol")
    for heading in ("answered", "wrong finals", "final\nmedian", "p95"):
        table.add_column(heading, justify="right")
    for heading in ("first reply audio\nmedian", "p95", "most", "later, turn by turn\nmedian"):
        table.add_column(heading, justify="right")
    for row in result.rows:
        final, audio, late = row["final_ms"], row["first_audio_ms"], row["later_ms"]
        times = (final.median, final.p95, audio.median, audio.p95, audio.most, late.median)
        table.add_row(
            row["protocol"],
            f"{row['answered']} of {row['turns']}",
            str(row["wrong_finals"]),
            *("-" if ms is None else f"{ms:.0f}" for ms in times),
        )
    table.caption = f"later: than in {result.rows[0]['protocol']}, for the same recording"
    return table
