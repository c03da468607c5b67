"""The table of dialects. A further one is one file and one line here."""

from __future__ import annotations

from . import io_speech, newspeech, prompt_voice
from .dialect import Dialect
from .realtime import dialect as realtime
from .telephone.dialects import TELEPHONE_DIALECTS

DIALECTS: tuple[Dialect, ...] = (
    prompt_voice.DIALECT,
    io_speech.DIALECT,
    newspeech.DIALECT,
    realtime.DIALECT,
    *TELEPHONE_DIALECTS,
)
