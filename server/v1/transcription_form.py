"""What a transcription's form asks for. Pure; whatever is wrong is a BadRequest (400)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from ...audio.containers import LOOK_BYTES, NotSound, check_file
from ...conversation.languages import code_of
from ..http.head import BadRequest
from .uploads import Upload

Format: TypeAlias = Literal["json", "text", "srt", "vtt", "verbose_json"]
FORMATS: tuple[Format, ...] = get_args(Format)
STREAMED: Collection[Format] = ("json", "text")
"""With `stream` both are events of the same kind."""

FILE = "file"
FIELDS = frozenset(
    {"model", "language", "response_format", "stream", "timestamp_granularities", "languages"}
)
"""Those that mean something here. OpenAI's others (prompt, temperature, include, ...) are taken
and left out, like those that nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionRequest:
    format: Format
    language: str | None
    """A code; None: what is set."""
    stream: bool
    words: bool
    """Whether the times of words are asked for."""


def transcription_request(upload: Upload, *, translation: bool = False) -> TranscriptionRequest:
    """Raises BadRequest, which names the field."""
    if not upload.has_file:
        raise BadRequest(400, "the form has no field 'file' with a recording", param=FILE)
    if not upload.size:
        raise BadRequest(400, "the recording is empty", param=FILE)
    try:
        check_file(upload.beginning[:LOOK_BYTES])
    except NotSound as problem:
        raise BadRequest(415, str(problem), param=FILE) from None
    format_ = _format(upload)
    granularities = set(upload.all("timestamp_granularities"))
    if unknown := granularities - {"word", "segment"}:
        told = f"timestamp_granularities is word or segment, not {min(unknown)!r}"
        raise BadRequest(400, told, param="timestamp_granularities")
    if granularities and format_ != "verbose_json":
        told = "timestamp_granularities goes with response_format verbose_json"
        raise BadRequest(400, told, param="timestamp_granularities")
    stream = not translation and _flag(upload, "stream")
    if stream and format_ not in STREAMED:
        told = f"stream goes with response_format json or text, not {format_}"
        raise BadRequest(400, told, param="stream")
    return TranscriptionRequest(
        format=format_,
        language=_language(upload),
        stream=stream,
        words="word" in granularities,
    )


def _format(upload: Upload) -> Format:
    asked = upload.get("response_format") or "json"
    if asked == "diarized_json":
        told = "diarized_json is not served here: nobody tells voices apart"
        raise BadRequest(400, told, param="response_format")
    if asked not in FORMATS:
        told = f"response_format is one of {', '.join(FORMATS)}, not {asked[:40]!r}"
        raise BadRequest(400, told, param="response_format")
    return asked


def _language(upload: Upload) -> str | None:
    """Clients send codes, codes with a region and names; `auto` is what some say for none."""
    asked = upload.get("language") or next(iter(upload.all("languages")), None)
    if asked is None or not asked.strip():
        return None
    if asked.strip().lower() == "auto":
        return ""
    code = code_of(asked)
    if code is None:
        raise BadRequest(400, f"the language {asked[:40]!r} is not known", param="language")
    return code


def _flag(upload: Upload, name: str) -> bool:
    asked = (upload.get(name) or "false").lower()
    if asked not in ("true", "false", "1", "0"):
        raise BadRequest(400, f"{name} is true or false, not {asked[:40]!r}", param=name)
    return asked in ("true", "1")
