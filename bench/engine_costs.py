"""What engines cost by themselves: detectors per second of audio, voices per second of speech."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import trio

from ..capacity.costs import Figure
from ..capacity.figures import MEANINGS
from ..config import load_settings
from ..engines.failures import EngineFailure
from ..engines.lanes.supervisor import LanesSupervisor
from ..engines.tts.catalogue import settings_of
from ..engines.tts.open import open_voice
from .scene import MS, NOISES, mixed, scene_of, speech_in
from .vad import _made, judged

VOICES = {"joe": "joe", "espeak": "en-us", "kokoro": "af_heart"}
"""By the name that a plan has for them: as `parley voices` calls them."""

SENTENCES = (
    "The weather will stay dry until the evening.",
    "Your table for four is booked at half past seven.",
    "Turn left at the second traffic light, then go straight on.",
    "Please hold the line while I look that up for you.",
    "I did not understand the last word, could you repeat it?",
)
ROUNDS = 3
SCENE_S = 30.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure as it was found here."""

    name: str
    value: float
    by: str

    def row(self) -> dict[str, object]:
        return {
            "figure": self.name,
            "value": float(f"{self.value:.4g}"),
            "unit": MEANINGS[self.name].unit,
            "sure": "measured",
            "by": f"parley bench costs: {self.by}",
        }

    def figure(self) -> Figure:
        return Figure(value=self.value, sure="measured", by=self.by, where="here")


def detectors(names: Sequence[str], recordings: Path) -> list[Measured]:
    """A session's share of a core, half of the time with speech. Those that are not here are left
    out."""
    pieces = speech_in(recordings)
    pcm16 = mixed(scene_of(pieces, SCENE_S).speech, NOISES[0], pieces)
    labels = {"webrtc": "webrtc 2"}
    made, _ = _made([labels.get(name, name) for name in names])
    found = []
    for name in names:
        detector = made.get(labels.get(name, name))
        if detector is not None:
            _, frame_us = judged(detector, pcm16)
            frame_s = detector.frame_samples / MS / 1000
            core = frame_us / 1e6 / frame_s
            found.append(Measured(f"detector.{name}", core, f"{SCENE_S:.0f} s of audio"))
    return found


async def voices(names: Sequence[str]) -> list[Measured]:
    """CPU seconds of a voice's process per second of speech, and its memory. Voices that are not
    here are left out."""
    found = []
    for name in names:
        try:
            settings = load_settings(settings_of(VOICES[name]) | {"stream_tts_thread_workers": 1})
            found += await _voice(name, settings)
        except EngineFailure:
            continue
    return found


async def _voice(name: str, settings: object) -> list[Measured]:
    before = set(_children())
    async with open_voice(settings) as voice, trio.open_nursery() as nursery:  # type: ignore[arg-type]
        await nursery.start(LanesSupervisor(voice.lanes).run)
        await voice.synthesizer.speak(SENTENCES[0])
        workers = [pid for pid in _children() if pid not in before]
        began_s, speech_s = _cpu_s(workers), 0.0
        for _ in range(ROUNDS):
            for sentence in SENTENCES:
                speech_s += (await voice.synthesizer.speak(sentence)).duration_s
        core = (_cpu_s(workers) - began_s) / speech_s
        mb = max((psutil.Process(pid).memory_info().rss / 2**20 for pid in workers), default=0.0)
        nursery.cancel_scope.cancel()
    by = f"{speech_s:.0f} s of speech"
    return [Measured(f"voice.{name}", core, by), Measured(f"voice.{name}.mb", mb, by)]


def _children() -> list[int]:
    return [child.pid for child in psutil.Process(os.getpid()).children(recursive=True)]


def _cpu_s(pids: Sequence[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(one.user + one.system for one in times)
