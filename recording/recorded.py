"""A recording run again as it was: its dialect and its settings from its header.

Raises RecordingError, one line, for one that cannot be replayed.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from ..config import Settings
from ..protocol.dialect import BadChoice, Dialect
from ..protocol.dialects import DIALECTS
from .mcap_records import RecordingError
from .replay import Replayed, replay
from .tape import Entry, Header, Recording

BEFORE: dict[str, str | int | float | bool] = {
    "stream_first_phrase_chars": 0,
    "stream_phrases": "tokens",
    "stream_failure_sentence": "",
    "stream_turn_learns": False,
    "stream_turn_take_back_ms": 0,
}
"""What variables amounted to before they existed. A recording whose header does not name one was
made then, and replays so, whatever the default is today."""


async def replay_recording(recording: Recording) -> Replayed:
    """A cut one up to the cut. Under a MockClock no time passes."""
    header = recording.header
    if recording.unreplayable is not None:
        raise RecordingError(f"it cannot be replayed: {recording.unreplayable}")
    if header.detector_frame_samples < 1:
        raise RecordingError("it cannot be replayed: no detector was there")
    return await replay(
        told_whole(recording.entries) if recording.cut else recording.entries,
        dialect=dialect_of(header),
        settings=settings_of(header),
        session_id=header.session_id,
        opened_ms=header.opened_ms,
        frame_samples=header.detector_frame_samples,
        turn_end=header.turn_end != "",
        turn_end_needs_text=header.turn_end == "text",
    )


def told_whole(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries of a cut recording up to the last one that is understood. That a slow peer took a
    frame stands before the frame itself, and the cut may fall between the two."""
    sent = {entry.source for entry in entries if entry.kind == "out"}
    for at, entry in enumerate(entries):
        if entry.kind == "sent" and entry.source.replace("sent", "out") not in sent:
            return entries[:at]
    return entries


def dialect_of(header: Header) -> Dialect:
    for dialect in DIALECTS:
        if dialect.profile.name == header.dialect:
            try:
                return dialect.with_choices({k: str(v) for k, v in header.choices.items()})
            except BadChoice as error:
                raise RecordingError(f"its choice is refused by this version: {error}") from error
    raise RecordingError(f"its dialect {header.dialect!r} is not known")


def settings_of(header: Header) -> Settings:
    """As they were; what this version does not know, and secrets, are left out."""
    known = BEFORE | {
        name: header.settings[name] for name in Settings.model_fields if name in header.settings
    }
    try:
        return Settings.defaults(**known)
    except ValidationError as error:
        names = ", ".join(str(problem["loc"][0]).upper() for problem in error.errors())
        raise RecordingError(f"its settings are refused by this version: {names}") from error
