"""What a transcription is answered with: JSON, plain text, subtitles. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...conversation.languages import LANGUAGES
from ...engines.asr.decoded import compression
from ...engines.asr.interface import TimedWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of a recording and what is said in it; its times count from the recording's start."""

    start_s: float
    end_s: float
    text: str
    confidence: float = 0.0
    """0 where the engine does not say."""
    words: Sequence[TimedWord] = ()


@dataclass(slots=True)
class Transcription:
    """A whole recording's."""

    segments: list[Segment] = field(default_factory=list)
    language: str = ""
    duration_s: float = 0.0

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)

    @property
    def usage(self) -> dict[str, object]:
        """Billed by nobody, but clients read it: whole seconds, as OpenAI counts them."""
        return {"type": "duration", "seconds": math.ceil(self.duration_s)}


def as_json(of: Transcription) -> dict[str, Any]:
    return {"text": of.text, "usage": of.usage}


def as_verbose_json(of: Transcription, *, task: str, words: bool) -> dict[str, Any]:
    """`tokens` are empty and `seek` 0: they mean something to Whisper's own program only."""
    body: dict[str, Any] = {
        "task": task,
        "language": LANGUAGES.get(of.language, of.language),
        "duration": round(of.duration_s, 3),
        "text": of.text,
        "segments": [_segment(number, segment) for number, segment in enumerate(of.segments)],
        "usage": of.usage,
    }
    if words:
        body["words"] = [
            {"word": word.word, "start": round(word.start_s, 3), "end": round(word.end_s, 3)}
            for segment in of.segments
            for word in segment.words
        ]
    return body


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": number,
        "seek": 0,
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(math.log(segment.confidence), 4) if segment.confidence else 0.0,
        "compression_ratio": round(compression(segment.text), 3),
        "no_speech_prob": 0.0,
    }


def as_srt(segments: Iterable[Segment]) -> str:
    return "".join(
        f"{number}\n{_moment(s.start_s, ',')} --> {_moment(s.end_s, ',')}\n{s.text}\n\n"
        for number, s in enumerate(segments, 1)
    )


def as_vtt(segments: Iterable[Segment]) -> str:
    cues = (
        f"{_moment(s.start_s, '.')} --> {_moment(s.end_s, '.')}\n{s.text}\n\n" for s in segments
    )
    return "WEBVTT\n\n" + "".join(cues)


def _moment(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    minutes, ms = divmod(ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}{point}{ms % 1000:03}"
