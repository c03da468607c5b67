"""`parley bench vad`: how well the detectors hear speech in noise, and what a frame costs.

No server and no event loop: detectors are plain functions, and labelled audio is given to them as
fast as they take it. Everything but the cost is the same at every run on the same recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..engines.failures import EngineUnavailable
from ..engines.vad.energy import EnergyDetector
from ..engines.vad.interface import Detector
from ..engines.vad.newspeech import NewSpeechDetector
from ..engines.vad.silero import SileroDetector
from ..engines.vad.webrtc import WebRtcDetector
from ..wallclock import utc_now
from .cpu import cpu_s
from .result import Result
from .scene import MS, NOISES, Marks, Noise, mixed, scene_of, speech_in
from .vad_score import score

DETECTORS: dict[str, Callable[[], Detector]] = {
    "webrtc 2": lambda: WebRtcDetector(2),
    "webrtc 3": lambda: WebRtcDetector(3),
    "energy": EnergyDetector,
    "newspeech": NewSpeechDetector,
    "silero": SileroDetector,
}
"""The number behind `webrtc` is its aggressiveness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure. `babble`: whose voices the babble is of; None: those of `audio`."""

    audio: Path = Path("examples/audio")
    babble: Path | None = None
    detectors: Sequence[str] = tuple(DETECTORS)
    seconds: float = 130.0
    """At least so much audio; every recording is in it once at least."""


def bench_vad(plan: Plan, console: Console) -> Result:
    """Raises NotAWav, and ValueError for recordings without speech or a detector that is none."""
    for name in plan.detectors:
        if name not in DETECTORS:
            raise ValueError(f"no detector {name!r}; known: {', '.join(DETECTORS)}")
    pieces = speech_in(plan.audio)
    babblers = speech_in(plan.babble) if plan.babble else pieces
    scene = scene_of(pieces, plan.seconds)
    detectors, notes = _made(plan.detectors)
    rows: list[dict[str, Any]] = []
    with Progress(console=console) as progress:
        bar = progress.add_task("detectors", total=len(NOISES) * len(detectors))
        for noise in NOISES:
            pcm16 = mixed(scene.speech, noise, babblers)
            for name, detector in detectors.items():
                detector.reset()
                voiced, frame_us = judged(detector, pcm16)
                frame_ms = detector.frame_samples // MS
                found = asdict(score(voiced, scene.spans, frame_ms))
                rows.append(
                    {
                        "noise": noise.kind,
                        "snr_db": noise.snr_db,
                        "detector": name,
                        **{k: v if v is None else round(v, 6) for k, v in found.items()},
                        "frame_us": round(frame_us, 2),
                        "frame_ms": frame_ms,
                    }
                )
                progress.advance(bar)
    return Result(
        bench="vad",
        when=utc_now(),
        parameters={
            "recordings": plan.audio.name,
            "babble": plan.babble.name if plan.babble else plan.audio.name,
            "seconds": round(scene.seconds, 1),
            "spoken_s": round(scene.spoken_s, 1),
            "utterances": len(scene.spans),
        },
        rows=rows,
        notes=notes,
    )


def _made(names: Sequence[str]) -> tuple[dict[str, Detector], list[str]]:
    """The detectors that there are, and why the others are missing."""
    detectors, notes = {}, []
    for name in names:
        try:
            detectors[name] = DETECTORS[name]()
        except EngineUnavailable as missing:
            notes.append(f"{name} is not measured: {missing}")
    return detectors, notes


def judged(detector: Detector, pcm16: bytes) -> tuple[Marks, float]:
    """The verdicts by the ms, without hangover, and the CPU time that one took, in µs."""
    step = detector.frame_samples * 2
    frames = [pcm16[at : at + step] for at in range(0, len(pcm16) - step + 1, step)]
    began_s = cpu_s()
    said = [detector.is_speech(frame) for frame in frames]
    took_s = cpu_s() - began_s
    marks = np.zeros(len(pcm16) // 2 // MS, dtype=np.bool_)
    frame_ms = detector.frame_samples // MS
    marks[: len(said) * frame_ms] = np.repeat(said, frame_ms)
    return marks, took_s / max(1, len(said)) * 1e6


def table_of(result: Result) -> Table:
    """A line per noise and detector."""
    at = result.parameters
    table = Table(
        title=f"detectors on {at['seconds']:.0f} s of audio, {at['utterances']} utterances",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # a line fits into 80 columns
    )
    table.add_column("noise, dB", no_wrap=True)
    table.add_column("detector", no_wrap=True)
    for heading in (
        "accuracy",
        "recall",
        "found",
        "false\n/min",
        "onset\nms",
        "end\nms",
        "µs a\nframe",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in result.rows:
        table.add_row(
            str(Noise(row["noise"], row["snr_db"])),
            row["detector"],
            f"{row['accuracy']:.3f}",
            f"{row['recall']:.3f}",
            f"{row['found']:.0%}",
            f"{row['false_per_min']:.1f}",
            *("-" if row[key] is None else f"{row[key]:.0f}" for key in ("onset_ms", "end_ms")),
            f"{row['frame_us']:.0f}",
        )
    table.caption = (
        "Accuracy, recall: shares of time judged rightly, of all and of speech. Found: utterances "
        "heard and kept apart. False: stretches without speech taken for some. docs/VAD.md says "
        "how they are counted."
    )
    return table
