"""`parley bench talk-over`: how often people are talked over, and how long they wait.

Recordings of people, each one turn with its pauses, are gone through as the server would: detector,
endpointer, recognizer, end-of-turn engine and patience, frame by frame and as fast as this process
can. A reply that begins before the turn is over is an answer too soon; the person goes on over it
as they did in the recording, and the session learns from that. Then a rule is changed and all of it
is gone through again, for the curve. In real time the same is measured by `talk_over_live.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..client.recording import load_folder
from ..config import Settings
from ..conversation.endpointer import Edge, Endpointer, EndpointerSettings
from ..conversation.patience import GONE_ON_S, NO_OPINION, Patience, Waits, Weights, goes_on
from ..engines.kit import SessionInfo
from ..engines.turn.choice import turn_model
from ..engines.turn.combined import combined
from ..engines.turn.tables import TABLES
from ..engines.turn.text import completeness
from ..engines.vad.open import chosen_detector, decided
from ..wallclock import utc_now
from .heard_turn import HeardTurn, heard_turn, load_engines
from .result import Result, Spread, spread

REPLY_MS = 5000
"""So long a reply lasts that nobody speaks over."""
FIRST_SOUND_MS = 60
"""From the decision to the first sound: measured live with replies that are begun early."""
FIXED_MS = (300, 500, 700, 900, 1200, 1500, 2000)
ENOUGH = (0.9, 1.3, 1.7, 2.1, 2.5, 3.0, 4.0)
SHORT_MS = 4000
"""A turn that is no longer is a short one in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One way to decide. `judge` gives the likelihood that a turn is over, of the turn, where the
    utterance began, the pause, and what was said before."""

    name: str
    judge: Callable[[HeardTurn, int, int, str], float]
    patience: Callable[[], Patience]
    point: str = "default"


@dataclass(slots=True)
class Outcome:
    """Of one turn: when answers began before its end, in ms, and how long after it the first sound
    came; None where that was not within the recording."""

    turn: HeardTurn
    too_soon_ms: list[int] = field(default_factory=list)
    taken_back: int = 0
    delay_ms: int | None = None


def outcome(turn: HeardTurn, rule: Rule, settings: Settings) -> Outcome:
    """Go through a turn once."""
    hearing, take_back_ms = settings.hearing, settings.turning.take_back_ms
    endpointer = Endpointer(
        EndpointerSettings(
            frame_ms=turn.frame_ms,
            silence_ms=hearing.silence_ms,
            min_speech_ms=hearing.min_speech_ms,
            max_utterance_ms=hearing.max_utterance_ms,
            onset_ms=hearing.onset_ms,
            pause_ms=hearing.pause_ms,
            floor_ms=min(hearing.floor_ms, hearing.silence_ms),
        )
    )
    patience, found = rule.patience(), Outcome(turn)
    now_ms = first_ms = onset_ms = silent_from_ms = ended_from_ms = 0
    reply_ms: int | None = None
    said = before = ""
    likelihood = NO_OPINION
    end_ms = turn.end_ms
    for verdict in turn.voiced:
        now_ms += turn.frame_ms
        if reply_ms is not None and now_ms >= reply_ms + REPLY_MS:
            reply_ms, before = None, ""
            patience.answered()
        guarded = reply_ms is not None and not endpointer.in_utterance
        edge = endpointer.push(verdict == "1", guarded=guarded)
        if edge is Edge.UNDECIDED:
            spoken_ms = silent_from_ms - onset_ms
            edge = endpointer.decide(patience.window_ms(likelihood, spoken_ms)) or edge
        match edge:
            case Edge.ONSET:
                onset_ms = now_ms - endpointer.onset_ms
                first_ms = max(0, onset_ms - hearing.speech_pad_ms)
            case Edge.CONFIRMED if reply_ms is not None:
                heard_ms, after_ms = onset_ms - reply_ms, onset_ms - ended_from_ms
                not_done = goes_on(heard_ms / 1000, after_ms)
                if not_done:
                    patience.went_on(after_ms)
                elif heard_ms >= GONE_ON_S * 1000:
                    patience.answered()
                back = not_done and heard_ms < take_back_ms
                before = f"{before} {said}".strip() if back else ""
                found.taken_back += back
                reply_ms = None
            case Edge.PAUSE:
                silent_from_ms = now_ms - endpointer.silent_ms
                likelihood = rule.judge(turn, first_ms, now_ms, before)
                said = turn.text(first_ms, now_ms)
            case Edge.RESUMED:
                patience.bridged(endpointer.bridged_ms)
            case Edge.END | Edge.TOO_LONG:
                patience.ended(silent_from_ms - onset_ms)
                ended_from_ms = silent_from_ms if edge is Edge.END else now_ms
                reply_ms = now_ms + FIRST_SOUND_MS
                if now_ms < end_ms:
                    found.too_soon_ms.append(now_ms)
                elif found.delay_ms is None:
                    found.delay_ms = reply_ms - end_ms
    turn.keep()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`recordings` is a folder of WAV files; what was found out about them is kept in `kept`."""

    recordings: Path
    kept: Path


def bench_talk_over(plan: Plan, settings: Settings, console: Console) -> Result:
    """Raises NotAWav, OSError, ModelProblem, EngineFailure."""
    plan.kept.mkdir(parents=True, exist_ok=True)
    model = turn_model(settings.turning)
    load_engines(settings.transcribing.models_dir, model)
    info = SessionInfo.outside("/ws", settings.hearing)
    name = decided(settings.hearing.vad_engine)
    turns = [
        heard_turn(recording.name, recording.pcm16, chosen_detector(info), name, plan.kept)
        for recording in load_folder(plan.recordings)
    ]
    rules = rules_of(settings, with_sound=model is not None)
    rows = []
    with Progress(console=console) as progress:
        bar = progress.add_task("rules", total=len(rules) * len(turns))
        for rule in rules:
            found = []
            for turn in turns:
                found.append(outcome(turn, rule, settings))
                progress.advance(bar)
            rows.append(row_of(rule.name, rule.point, found))
    return Result(
        bench="talk-over",
        when=utc_now(),
        parameters={
            "recordings": len(turns),
            "minutes": round(sum(turn.end_ms for turn in turns) / 60_000, 1),
            "detector": name,
        },
        rows=rows,
        notes=[] if model else ["the sound is not measured: `parley models pull smart-turn`"],
    )


def rules_of(settings: Settings, *, with_sound: bool) -> list[Rule]:
    """The fixed silence, the words alone, and what is learned besides; with the curve of each."""
    hearing, turning = settings.hearing, settings.turning
    table = TABLES["en"]
    waits = Waits(
        pause_ms=hearing.pause_ms,
        floor_ms=hearing.floor_ms,
        ordinary_ms=hearing.silence_ms,
        ceiling_ms=hearing.ceiling_ms,
    )
    weights = Weights(
        back_off=turning.back_off,
        back_off_most=turning.back_off_most,
        recovery=turning.recovery,
    )

    def nobody(turn: HeardTurn, first_ms: int, now_ms: int, before: str) -> float:
        return NO_OPINION

    def words(turn: HeardTurn, first_ms: int, now_ms: int, before: str) -> float:
        return completeness(f"{before} {turn.text(first_ms, now_ms)}".strip(), table)

    def both(turn: HeardTurn, first_ms: int, now_ms: int, before: str) -> float:
        of_words = words(turn, first_ms, now_ms, before)
        return combined(of_words, turn.sound(first_ms, now_ms))

    rules = []
    for silence_ms in FIXED_MS:
        fixed = replace(waits, ordinary_ms=silence_ms, floor_ms=100, ceiling_ms=silence_ms)
        point = "default" if silence_ms == hearing.silence_ms else "chosen"
        rules.append(
            Rule(
                name="fixed",
                judge=nobody,
                patience=lambda waits=fixed: Patience(waits, learns=False),  # type: ignore[misc]
                point=point,
            )
        )
    judges = [("text", words, False), ("text, learning", words, True)]
    if with_sound:
        judges.append(("both, learning", both, True))
    for name, judge, learns in judges:
        for enough in ENOUGH:
            scaled = _stretched(waits, weights, enough)
            rules.append(
                Rule(
                    name=name,
                    judge=judge,
                    patience=lambda weighed=scaled, learns=learns: Patience(  # type: ignore[misc]
                        weighed[0], weighed[1], learns=learns
                    ),
                    point="default" if enough == weights.enough else "chosen",
                )
            )
    return rules


def _stretched(waits: Waits, weights: Weights, enough: float) -> tuple[Waits, Weights]:
    """The same scale, with another amount of evidence that is enough."""
    scale = (waits.ordinary_ms - waits.pause_ms) / weights.enough
    ordinary_ms = round(waits.pause_ms + scale * enough)
    ceiling_ms = max(waits.ceiling_ms, ordinary_ms)
    return (
        replace(waits, ordinary_ms=ordinary_ms, ceiling_ms=ceiling_ms),
        replace(weights, enough=enough),
    )


def row_of(name: str, point: str, found: Sequence[Outcome]) -> dict[str, Any]:
    short = [one for one in found if one.turn.end_ms <= SHORT_MS]
    long = [one for one in found if one.turn.end_ms > SHORT_MS]
    return {
        "engine": name,
        "point": point,
        "half": "report",
        "turns": len(found),
        "minutes": round(sum(one.turn.end_ms for one in found) / 60_000, 1),
        "cut": sum(len(one.too_soon_ms) for one in found),
        "taken_back": sum(one.taken_back for one in found),
        "delay_ms": delays(one.delay_ms for one in found),
        "short_ms": delays(one.delay_ms for one in short),
        "long_ms": delays(one.delay_ms for one in long),
        "each": {one.turn.name: len(one.too_soon_ms) for one in found if one.too_soon_ms},
    }


def delays(found: Iterable[float | None]) -> Spread:
    """Of those that were answered."""
    return spread(ms for ms in found if ms is not None)


def table_of(result: Result) -> Table:
    """The line of each rule as it is by default."""
    parameters = result.parameters
    table = Table(
        title=f"{parameters['recordings']} turns, {parameters['minutes']} minutes",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for heading in ("rule", "answers\ntoo soon", "taken\nback", "a minute"):
        table.add_column(heading, justify="left" if heading == "rule" else "right")
    for heading in ("short turns\nmedian", "p95", "long turns\nmedian", "p95"):
        table.add_column(heading, justify="right")
    for row in result.rows:
        if row["point"] == "default":
            times = [row["short_ms"].median, row["short_ms"].p95]
            times += [row["long_ms"].median, row["long_ms"].p95]
            table.add_row(
                row["engine"],
                str(row["cut"]),
                str(row["taken_back"]),
                f"{row['cut'] / max(row['minutes'], 0.1):.1f}",
                *("-" if ms is None or math.isnan(ms) else f"{ms:.0f}" for ms in times),
            )
    table.caption = (
        f"Times: from the end of speech to the first sound of the reply, in ms. A short turn has "
        f"{SHORT_MS // 1000} s at most."
    )
    return table
