"""`parley bench turn-ends`: how often each end-of-turn engine would cut a speaker off, and how long
after the last word it is certain of the end.

The turns are those of `turn_set.py`, by synthetic voices. The engines are asked as the server asks
them, with the default detector and with what pocketsphinx has understood by then; windows are
tried afterwards. They are chosen on one half of the turns and told of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trio
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..client.recording import load_folder
from ..config import Settings
from ..engines.asr import pocketsphinx_worker as sphinx
from ..engines.turn import smart_turn_worker as smart_turn
from ..engines.turn.combined import combined
from ..engines.turn.smart_turn import SHARPNESS, sharpened
from ..engines.turn.tables import TABLES
from ..engines.turn.text import completeness
from ..engines.vad.webrtc import FRAME_MS, WebRtcDetector
from ..wallclock import utc_now
from .cpu import cpu_s
from .result import Result
from .scene import MS, at_level, loud_spans
from .turn_pauses import Silence, silences_in
from .turn_score import DEFAULT, FIXED, Looked, Outcome, Windows, front, outcome
from .turn_set import NOISE_DBFS, TAIL_MS, Labelled, audio_of, pink, turn_set

TEXT, WORDS, SOUND, BOTH = "text", "text, true words", "smart-turn", "both"
NEAR_MS = 150
"""A silence that the detector sees so long before a labelled time belongs to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`folder` holds the set, or will; `model` is Smart Turn's, without one it is left out;
    `readings` are further recordings, whose ends are found by their level."""

    folder: Path
    model: Path | None = None
    readings: Path | None = None
    seed: int = 1


def bench_turn_ends(plan: Plan, console: Console) -> Result:
    """Raises NotAWav, OSError, EngineFailure, ValueError for labels that are none."""
    made = trio.run(lambda: turn_set(plan.folder, seed=plan.seed))
    sphinx.load()
    notes = list(made.notes)
    model = str(plan.model) if plan.model else None
    if model:
        smart_turn.load(model)
    else:
        notes.append("smart-turn is not measured: no model was given")
    asking = _Asking(with_sound=model is not None)
    turns = []
    with Progress(console=console) as progress:
        for turn in progress.track(made.turns, description="turns"):
            turns.append(asking.looked(audio_of(plan.folder, turn), turn.end_ms, turn))
    pause_ms, frame_ms = asking.pause_ms, FRAME_MS
    rows: list[dict[str, Any]] = []
    halves = {"tuning": [one for one in turns if one.tuning]}
    halves["report"] = [one for one in turns if not one.tuning]
    for engine in asking.engines:
        tried = front(halves["tuning"], engine, pause_ms=pause_ms, frame_ms=frame_ms)
        chosen = [("default", DEFAULT), *(("chosen", windows) for windows, _ in tried)]
        for half, own in halves.items():
            for point, windows in chosen:
                found = outcome(own, engine, windows, pause_ms=pause_ms, frame_ms=frame_ms)
                rows.append(_row(engine, half, point, windows, found))
    if plan.readings is not None:
        read = [asking.looked(*reading) for reading in readings(plan.readings)]
        for engine in asking.engines:
            if engine != WORDS:
                found = outcome(read, engine, DEFAULT, pause_ms=pause_ms, frame_ms=frame_ms)
                rows.append(_row(engine, "readings", "default", DEFAULT, found))
    return Result(
        bench="turn-ends",
        when=utc_now(),
        parameters={
            "turns": len(made.turns),
            "with_pause": sum(turn.pause_ms is not None for turn in made.turns),
            "finished_looking": sum(turn.finished_looking for turn in made.turns),
            "voices": made.voices,
            "seed": made.seed,
            "asked_at_ms": pause_ms,
            "smart_turn_cpu_ms": asking.sound_ms,
        },
        rows=rows,
        notes=notes,
    )


class _Asking:
    """Each engine's answer to each silence."""

    def __init__(self, *, with_sound: bool) -> None:
        hearing = Settings.defaults().hearing
        self.pause_ms = hearing.pause_ms
        self._pad_ms = hearing.speech_pad_ms
        self._detector = WebRtcDetector(hearing.vad_aggressiveness)
        self._with_sound = with_sound
        self._took_ms: list[float] = []
        self.engines = [FIXED, TEXT, WORDS, *((SOUND, BOTH) if with_sound else ())]

    @property
    def sound_ms(self) -> float | None:
        """The median of what one answer of Smart Turn costs, in ms of CPU time."""
        return round(float(np.median(self._took_ms)), 2) if self._took_ms else None

    def looked(self, pcm16: bytes, end_ms: float, turn: Labelled | None = None) -> Looked:
        silences = silences_in(pcm16, self._detector, pause_ms=self.pause_ms, pad_ms=self._pad_ms)
        english = TABLES["en"]
        of_words = [completeness(silence.heard.text, english) for silence in silences]
        likelihoods = {
            FIXED: [0.5] * len(silences),
            TEXT: of_words,
            WORDS: [completeness(_said(silence, turn), english) for silence in silences],
        }
        if self._with_sound:
            of_sound = [self._of_sound(silence) for silence in silences]
            likelihoods[SOUND] = [sharpened(likely, SHARPNESS) for likely in of_sound]
            likelihoods[BOTH] = [combined(*pair) for pair in zip(of_words, of_sound, strict=True)]
        tuning = turn is not None and turn.tuning
        return Looked(silences=silences, likelihoods=likelihoods, end_ms=end_ms, tuning=tuning)

    def _of_sound(self, silence: Silence) -> float:
        began_s = cpu_s()
        likely = smart_turn.likelihood(silence.heard.pcm16)
        self._took_ms.append((cpu_s() - began_s) * 1000)
        return likely


def _said(silence: Silence, turn: Labelled | None) -> str:
    """The true words before a silence, where they are known: else those that were understood."""
    began_ms = silence.counted_ms[0]
    if turn is not None and began_ms > turn.end_ms - NEAR_MS:
        return turn.words
    if turn is not None and turn.pause_ms is not None:
        from_ms, to_ms = turn.pause_ms
        if from_ms - NEAR_MS < began_ms < to_ms:
            return turn.before
    return silence.heard.text


def readings(folder: Path) -> list[tuple[bytes, float]]:
    """Other recordings as turns: PCM16 with quiet behind it, and where speech ends in it, in ms.
    Raises NotAWav."""
    found = []
    for number, recording in enumerate(load_folder(folder)):
        end_ms = loud_spans(recording.pcm16)[-1][1]
        noise = at_level(pink(np.random.default_rng(number), TAIL_MS * MS), NOISE_DBFS)
        tail = (noise * 32768).astype("<i2").tobytes()
        found.append((recording.pcm16[: (end_ms + NEAR_MS) * 2 * MS] + tail, float(end_ms)))
    return found


def _row(engine: str, half: str, point: str, windows: Windows, found: Outcome) -> dict[str, Any]:
    seen = {"turns": found.turns, "cut": found.cut, "open": found.open, "mean_ms": found.mean_ms}
    return {
        "engine": engine,
        "half": half,
        "point": point,
        **asdict(windows),
        **seen,
        "delay_ms": found.delay_ms,
    }


def table_of(result: Result) -> Table:
    """A line per engine and setting, of the half that nothing was chosen on, and the readings."""
    table = Table(
        title=f"ends of {result.parameters['turns']} turns", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for heading in ("engine", "windows, ms", "of", "cut off", "median\nms", "p95\nms"):
        justify: Any = "left" if heading in ("engine", "windows, ms", "of") else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for row in _shown(result.rows):
        delay = row["delay_ms"]
        windows = [row[key] for key in ("floor_ms", "ordinary_ms", "ceiling_ms")]
        table.add_row(
            row["engine"],
            "/".join(str(ms) for ms in dict.fromkeys(windows)),
            row["half"],
            f"{row['cut']} of {row['turns']}",
            *("-" if ms is None else f"{ms:.0f}" for ms in (delay.median, delay.p95)),
        )
    table.caption = (
        "Windows: the silence after which a turn ends that is certainly over, of which nobody "
        "knows, that is certainly not over. Delay: from the last sample of speech."
    )
    return table


def _shown(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["half"] != "tuning"]
