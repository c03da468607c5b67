"""`parley bench turn`: how long a person waits for each stage of an answer.

A server of its own with the engines that are configured, a real socket, dialect A, recordings in
real time; one session per pass, one turn after the other. All times are a client's: from when it
sent the audio in question until it received the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..audio.pcm import HEARING_RATE_HZ
from ..client.conversation import Pace
from ..client.recital import recite
from ..client.recording import Recording, load_folder
from ..client.report import Row, row_of
from ..client.server_process import parley_serve, server_process
from ..client.utterance import Utterance
from ..config import Settings
from ..engines.room import choices
from ..engines.vad.open import decided
from ..wallclock import utc_now
from .result import Result, Spread, spread

STAGES: tuple[tuple[str, str], ...] = (
    ("silence is decided", "decided_ms"),
    ("final transcript", "final_ms"),
    ("first token", "first_token_ms"),
    ("first reply audio", "first_audio_ms"),
)
"""What happens after the last speech sample, in this order; by its time in a turn."""

_FOLDERS = re.compile(r"[^\s(]*[/\\]")
"""The folders of a path within words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure. Each pass says every recording once, in a session of its own."""

    recordings: Path = Path("examples/audio")
    passes: int = 1
    frame_ms: int = 100
    log: Path = Path("bench-out/turn-server.log")
    """What the server says; its folder is made."""
    command: Callable[[int], Sequence[str]] = parley_serve


async def bench_turn(plan: Plan, settings: Settings, console: Console) -> Result:
    """`settings` are told in the result; the server reads its own, from the same places.

    Raises ServerFailed, Unreachable, ClosedEarly, NoGreeting and NotAWav.
    """
    recordings = load_folder(plan.recordings)
    pace = Pace(rate_hz=HEARING_RATE_HZ, chunk_ms=plan.frame_ms)
    turns: list[tuple[Recording, Utterance]] = []
    plan.log.parent.mkdir(parents=True, exist_ok=True)
    with Progress(console=console) as progress:
        bar = progress.add_task("turns", total=plan.passes * len(recordings))

        def begins(recording: Recording) -> None:
            done = len(turns) + len(utterances)
            progress.update(bar, completed=done, description=recording.name)

        async with server_process(plan.log, plan.command) as server:
            for _ in range(plan.passes):
                utterances: list[Utterance] = []
                await recite(server.url, recordings, pace, utterances, begins=begins)
                turns += zip(recordings, utterances, strict=True)
        progress.update(bar, completed=len(turns), description="turns")
    return Result(
        bench="turn",
        when=utc_now(),
        parameters={
            "recordings": plan.recordings.name,
            "passes": plan.passes,
            "frame_ms": plan.frame_ms,
            **engines_of(settings),
        },
        rows=[row_of_turns(turns)],
    )


def engines_of(settings: Settings) -> dict[str, Any]:
    """What dialect A is served with; of a model or a voice by its path, only the name."""
    chosen = choices(settings)
    return {
        "vad": decided(settings.hearing.vad_engine),
        "silence_ms": settings.hearing.silence_ms,
        **{kind: _FOLDERS.sub("", chosen[kind]) for kind in ("turn", "asr", "llm", "tts")},
    }


def row_of_turns(turns: Sequence[tuple[Recording, Utterance]]) -> dict[str, Any]:
    """All turns together, with `each` of them and the `waterfall` of a turn's medians.

    Times in ms. `partial_lag_ms`: from the newest audio that a partial covers to the partial;
    `first_partial_ms`: from the onset of speech; the others: from the last speech sample. What
    takes place between two of them (`..._took_ms`) is told turn by turn, too.
    """
    heard = [utterance for _, utterance in turns]
    rows = [row_of(utterance, recording.spoken) for recording, utterance in turns]
    times = [_times(utterance) for utterance in heard]
    return {
        "turns": len(turns),
        "answered": sum(row.answered for row in rows),
        "words": sum(row.words or 0 for row in rows),
        "word_errors": sum(row.word_errors or 0 for row in rows),
        "partial_lag_ms": spread(lag for row in rows for lag in row.partial_lags_ms),
        "first_partial_ms": _spread(row.first_partial_ms for row in rows),
        **{key: _spread(time[key] for time in times) for _, key in STAGES},
        **{
            f"{key.removesuffix('_ms')}_took_ms": _spread(
                _between(time[before], time[key]) for time in times
            )
            for (_, before), (_, key) in pairwise(STAGES)
        },
        "decode_rtf": spread(
            metrics.rtf for one in heard for metrics in one.metrics if metrics.rtf is not None
        ),
        "waterfall": _server_waterfall(heard) or _waterfall(times),
        "each": [_each(row, time) for row, time in zip(rows, times, strict=True)],
    }


def _times(utterance: Utterance) -> dict[str, float | None]:
    return {
        "decided_ms": utterance.decided_ms(),
        "final_ms": utterance.final_ms(),
        "first_token_ms": utterance.first_token_ms(),
        "first_audio_ms": utterance.first_audio_ms(),
    }


def _spread(values: Any) -> Spread:
    return spread(value for value in values if value is not None)


def _between(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _waterfall(times: Sequence[dict[str, float | None]]) -> list[dict[str, Any]]:
    """Stage by stage from and to when, medians of the turns that have all stages; their marks
    are in order in every turn, so the medians are."""
    whole = [time for time in times if None not in time.values()]
    stages = []
    before = 0.0
    for name, key in STAGES if whole else ():
        at = _spread(time[key] for time in whole).median or 0.0
        stages.append({"stage": name, "from_ms": before, "to_ms": at})
        before = at
    return stages


ACCOUNT = (
    ("the reply is begun", "begun_ms"),
    ("the end is decided", "decided_ms"),
    ("final transcript", "final_ms"),
    ("first token", "token_ms"),
    ("first phrase", "phrase_ms"),
    ("first reply audio", "audio_ms"),
)
"""What a server that tells the times of its turns tells of them."""


def _server_waterfall(heard: Sequence[Utterance]) -> list[dict[str, Any]]:
    """The same by the server's own account, in the order in which it happened: a reply that is
    begun early has its first phrase before the end of the turn is decided."""
    accounts = [m for one in heard for m in one.metrics if m.event == "turn"]
    marks = []
    for name, key in ACCOUNT:
        at = _spread(getattr(account, key) for account in accounts).median
        if at is not None:
            marks.append((at, name))
    marks.sort(key=lambda mark: mark[0])
    befores = [0.0, *(at for at, _ in marks)]
    return [
        {"stage": name, "from_ms": before, "to_ms": at}
        for before, (at, name) in zip(befores, marks, strict=False)
    ]


def _each(row: Row, times: dict[str, float | None]) -> dict[str, Any]:
    found = {"first_partial_ms": row.first_partial_ms, **times}
    return {
        "name": row.name,
        "words": row.words,
        "word_errors": row.word_errors,
        **{key: value if value is None else round(value, 1) for key, value in found.items()},
    }


LINES = (
    ("partial lag", "partial_lag_ms", "the newest audio it covers"),
    ("first partial", "first_partial_ms", "the onset of speech"),
    *((name, key, "the last speech sample") for name, key in STAGES),
    ("final transcript", "final_took_ms", "silence is decided"),
    ("first token", "first_token_took_ms", "final transcript"),
    ("first reply audio", "first_audio_took_ms", "first token"),
)
"""Until what, by which key, from where."""


def table_of(result: Result) -> Table:
    """A line per stage."""
    (row,) = result.rows
    table = Table(title=f"{row['answered']} of {row['turns']} turns answered; times in ms")
    table.add_column("until")
    table.add_column("since")
    for heading in ("count", "median", "p95", "most"):
        table.add_column(heading, justify="right")
    for name, key, since in LINES:
        found: Spread = row[key]
        cells = (found.median, found.p95, found.most)
        times = ("-" if cell is None else f"{cell:.0f}" for cell in cells)
        table.add_row(name, since, str(found.count), *times)
    stages = ", ".join(f"{stage['stage']} {stage['to_ms']:.0f}" for stage in row["waterfall"])
    table.caption = f"{row['word_errors']} wrong of {row['words']} words\nin the server: {stages}"
    return table
