"""How a transcription is sent: whole, or as events while the recording is heard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ..http.head import BadRequest
from ..http.refusals import error_body
from ..http.responses import Response, Send, json_response, text_response
from . import sse
from .failures import refused
from .transcription_form import TranscriptionRequest
from .transcription_texts import (
    Segment,
    Transcription,
    as_json,
    as_srt,
    as_verbose_json,
    as_vtt,
)

Tell: TypeAlias = Callable[[Segment], Awaitable[None]]
"""Is given each segment as soon as it is heard."""


def whole_answer(heard: Transcription, request: TranscriptionRequest, task: str) -> Response:
    """In the format that was asked for."""
    match request.format:
        case "json":
            return json_response(as_json(heard))
        case "verbose_json":
            return json_response(as_verbose_json(heard, task=task, words=request.words))
        case "text":
            return text_response(f"{heard.text}\n")
        case "srt":
            return text_response(as_srt(heard.segments))
        case "vtt":
            return text_response(as_vtt(heard.segments), content_type="text/vtt; charset=utf-8")


async def tell_events(send: Send, hear: Callable[[Tell], Awaitable[Transcription]]) -> None:
    """The words as events while they are heard. What fails before the first one has a status of
    its own; later it is the last event."""
    begun = False

    async def tell(segment: Segment) -> None:
        nonlocal begun
        delta = f" {segment.text}" if begun else segment.text
        begun = True
        await send(sse.event({"type": "transcript.text.delta", "delta": delta}))

    try:
        with refused():
            heard = await hear(tell)
    except BadRequest as problem:
        if not begun:
            raise
        body = error_body(problem.status, problem.message, param=problem.param)
        await send(sse.event({"type": "error", **body}))
        return
    done = {"type": "transcript.text.done", "text": heard.text, "usage": heard.usage}
    await send(sse.event(done))
