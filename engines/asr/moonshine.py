"""Speech to text by Moonshine: English, on exactly the audio there is, one thread a lane.

The model comes inside a package (`engines/models`), or is a folder of the user's with the same
three files. It is run by onnxruntime alone.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ...config import Hearing, Transcribing
from ..failures import ModelProblem
from ..lanes.pool import LanePool, numbered_lanes
from ..models.folder import models_folder
from ..models.packaged import MOONSHINE_TINY
from .admission import Admission, Expected
from .decoded import Decoded, Guard, compression, credits_only, repeats
from .moonshine_files import missing_files
from .moonshine_worker import Pass, decode, load
from .on_demand import OnDemandTranscriber, Shared
from .recognizer import Recognizer
from .spoken_language import Look

EXPECTED = Expected(rtf=0.03, final_s=0.08)
"""On a core of 2026."""

OWN_SHARE = 0.12
"""With that a server of two cores has ten people talking at once."""

LATE_MS = 55.0
"""So long takes a look at some three seconds. Who talks on would soon cost a core for themselves,
by partials alone; what is kept for them costs one more look each time."""

OTHERWISE_MS = 300
"""Silence around the second look at what was not believed: a loop seldom begins twice."""

COMPRESSION = 2.4
"""Text that compresses better than this repeats itself (the reference value of Whisper's)."""
GUESS = -1.2
"""Mean log likelihood of the tokens below which a text is a guess."""


def guard_of(decoded: Decoded) -> Guard | None:
    """What is wrong with a text; None where nothing is."""
    text = decoded.text
    if decoded.no_speech > 0.5 or not any(character.isalnum() for character in text):
        return Guard.SILENCE  # "You", and "♪" for tones
    if credits_only(text):
        return Guard.SILENCE
    if decoded.capped:
        return Guard.ENDLESS
    if repeats(text.lower().split()):
        return Guard.REPETITION
    if compression(text) > COMPRESSION:
        return Guard.COMPRESSION
    return Guard.UNSURE if decoded.log_probability < GUESS else None


@dataclass(frozen=True, slots=True)
class MoonshineDecoding:
    """Partials and finals look at the same audio in the same way: it costs little enough."""

    late_ms: float = LATE_MS
    own_share: float = OWN_SHARE

    def partial(
        self, pcm16: bytes, *, begins: tuple[int, ...], language: str, look: Look | None = None
    ) -> Pass:
        return Pass(pcm16=pcm16)

    def final(self, pcm16: bytes, *, language: str, again: bool, look: Look | None = None) -> Pass:
        return Pass(pcm16=pcm16, lead_ms=OTHERWISE_MS if again else 0)

    def alike(self, looked_s: float, begins: int) -> None:
        """No two share a call: a batch is no cheaper."""
        return

    def guard(self, decoded: Decoded) -> Guard | None:
        return guard_of(decoded)


def ready_moonshine(given: str | None, models_dir: str | None) -> Path:
    """The folder of the model: the user's own, or the one that came in a package. Raises
    ModelProblem in one line where it cannot be used."""
    if given is None:
        return MOONSHINE_TINY.check(models_folder(models_dir))
    folder = Path(given).expanduser()
    if missing := missing_files(folder):
        raise ModelProblem(f"{folder} has no {' and no '.join(missing)}: no Moonshine model")
    return folder


def load_ready(given: str | None, models_dir: str | None, threads: int) -> None:
    """A lane's `init`. Looks for the model each time, so a lane that found none finds the one that
    was fetched meanwhile."""
    load(str(ready_moonshine(given, models_dir)), threads)


@asynccontextmanager
async def opened(transcribing: Transcribing, hearing: Hearing) -> AsyncIterator[Recognizer]:
    """The recognizer as the settings describe it. Nothing can fail here: its lanes load it."""
    init = functools.partial(
        load_ready, transcribing.moonshine_model, transcribing.models_dir, threads=1
    )
    lanes = numbered_lanes("asr", transcribing.lanes, init)
    admission = Admission(len(lanes), EXPECTED)
    shared = Shared(
        pool=LanePool(lanes),
        admission=admission,
        decoding=MoonshineDecoding(),
        decode=decode,
        language="en",
        only="en",
    )
    yield Recognizer(
        make=lambda session: OnDemandTranscriber(shared), lanes=lanes, admission=admission
    )
