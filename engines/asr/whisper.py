"""Speech to text by Whisper: partials on tight windows, finals on wider ones."""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ...config import Hearing, Transcribing
from ...cores import share_of
from ..lanes.pool import LanePool, numbered_lanes
from .admission import Admission, Expected
from .decoded import Decoded, Guard
from .on_demand import Shared
from .quiet_cuts import seconds_of
from .recognizer import Recognizer
from .spoken_language import Look
from .whisper_guards import guard_of
from .whisper_transcriber import WhisperTranscriber
from .whisper_window import FULL_FRAMES, frames_of, token_cap
from .whisper_worker import Pass, decode, load_named

PARTIAL_MARGIN_S = 4.0
"""Silence behind the speech that a partial looks at. With 2 s short ones were said twice."""
FINAL_MARGIN_S = 4.0
SHORT_S, SHORT_MARGIN_S = 3.0, 10.0
"""So short a text wants a wider window, in which the model, trained on 30 s, does not say it
again."""
LEAST_WINDOW_S = 3.0


OWN_SHARE = 0.6
"""Its partials cost what they cost; who has cores for Whisper wants them as often as can be."""

LATE_MS = 140.0
"""More than this, and partials are told later than 250 ms after what they cover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperDecoding:
    """What a decode looks at, and what of it is believed. A second look is in the window that the
    model was trained on."""

    beam: int
    """Of the final pass; partials are greedy."""
    late_ms: float = LATE_MS
    own_share: float = OWN_SHARE
    guard: Callable[[Decoded], Guard | None] = guard_of
    tokens: Callable[[float], int] = token_cap
    """The most for so many seconds of audio."""

    def partial(
        self, pcm16: bytes, *, begins: tuple[int, ...], language: str, look: Look | None = None
    ) -> Pass:
        return self._pass(
            pcm16, PARTIAL_MARGIN_S, beam=1, language=language, begins=begins, look=look
        )

    def final(self, pcm16: bytes, *, language: str, again: bool, look: Look | None = None) -> Pass:
        short = seconds_of(len(pcm16)) <= SHORT_S
        margin_s = SHORT_MARGIN_S if short else FINAL_MARGIN_S
        frames = FULL_FRAMES if again else None
        return self._pass(
            pcm16, margin_s, beam=self.beam, language=language, frames=frames, look=look
        )

    def alike(self, looked_s: float, begins: int) -> tuple[str, int, int]:
        """Their windows are of about one size (another would be padded to the widest)."""
        return "partial", int(looked_s // 2), begins

    def _pass(
        self,
        pcm16: bytes,
        margin_s: float,
        *,
        beam: int,
        language: str,
        frames: int | None = None,
        begins: tuple[int, ...] = (),
        look: Look | None = None,
    ) -> Pass:
        audio_s = seconds_of(len(pcm16))
        return Pass(
            pcm16=pcm16,
            frames=frames or frames_of(audio_s, margin_s, LEAST_WINDOW_S),
            beam=beam,
            tokens=self.tokens(audio_s),
            language=language,
            begins=begins,
            look=look,
        )


FINAL_S = {"tiny": 0.1, "base": 0.2, "small": 0.5, "medium": 1.5, "large": 3.0, "turbo": 2.0}
"""About what a final pass takes on a core or two."""
USUAL_FINAL_S = 0.2


def expected(name: str) -> Expected:
    """What a model costs before it was heard to work, by the size in its name."""
    final_s = next((s for size, s in FINAL_S.items() if name.startswith(size)), USUAL_FINAL_S)
    return Expected(rtf=final_s / 4, final_s=final_s)


def lane_threads(wanted: int, lanes: int) -> int:
    """Threads of each lane; where nobody said, the cores are shared."""
    return wanted or max(1, share_of(os.cpu_count()) // lanes)


def shared_whisper(
    pool: LanePool,
    admission: Admission,
    *,
    language: str,
    decoding: WhisperDecoding,
    languages: tuple[str, ...] = (),
) -> Shared:
    """What the transcribers of a server share whose lanes hold Whisper models."""
    return Shared(
        pool=pool,
        admission=admission,
        decoding=decoding,
        decode=decode,
        language=language,
        languages=languages,
    )


@asynccontextmanager
async def opened(transcribing: Transcribing, hearing: Hearing) -> AsyncIterator[Recognizer]:
    """The recognizer as the settings describe it. Nothing can fail here: its lanes load it."""
    threads = lane_threads(transcribing.threads, transcribing.lanes)
    load = functools.partial(
        load_named, transcribing.whisper_model, transcribing.models_dir, threads
    )
    lanes = numbered_lanes("asr", transcribing.lanes, load)
    admission = Admission(len(lanes), expected(transcribing.whisper_model))
    shared = shared_whisper(
        LanePool(lanes),
        admission,
        language="" if transcribing.language == "auto" else transcribing.language,
        languages=transcribing.languages,
        decoding=WhisperDecoding(beam=transcribing.beam),
    )
    yield Recognizer(
        make=lambda session: WhisperTranscriber(shared), lanes=lanes, admission=admission
    )
