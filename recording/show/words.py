"""What the header says, and what a reader must know, in words."""

from __future__ import annotations

from datetime import UTC, datetime

from ..tape import Recording


def clock(seconds: float) -> str:
    """mm:ss.mmm; hours where there are any."""
    whole = round(max(0.0, seconds) * 1000)
    minutes, ms = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02}" if hours else f"{minutes:02}"
    return f"{head}:{ms // 1000:02}.{ms % 1000:03}"


def opened(opened_ms: int) -> str:
    """The time of day, where the recording has one."""
    if opened_ms <= 0:
        return ""
    return datetime.fromtimestamp(opened_ms / 1000, UTC).strftime("%-d %B %Y, %H:%M:%S UTC")


def facts(recording: Recording, duration_s: float) -> dict[str, str]:
    header = recording.header
    told = {
        "session": header.session_id,
        "opened": opened(header.opened_ms),
        "dialect": header.dialect,
        "length": clock(duration_s),
        **{_KINDS.get(kind, kind): name for kind, name in header.engines.items()},
        "recorded by": f"parley {header.parley}" if header.parley else "",
    }
    return {name: value for name, value in told.items() if value}


_KINDS = {"vad": "detector", "asr": "recognizer", "llm": "language model", "tts": "voice"}


def notes(recording: Recording, *, faster: bool, silent: bool) -> list[str]:
    header, found = recording.header, []
    if recording.cut:
        found.append(
            "The recording ends without the session's end: the server was killed, or its disk was "
            "full."
        )
    if recording.gaps:
        entries = "entry is" if recording.gaps == 1 else "entries are"
        found.append(f"{recording.gaps} {entries} missing in between: the disk was too slow.")
    if not header.has_audio:
        found.append(
            "Recorded without audio: there is nothing to hear, and what was heard "
            "of a reply cannot be told."
        )
    if not header.has_text:
        found.append("Recorded without text: words are missing.")
    if silent:
        found.append("Longer than an hour: it is shown without its sound.")
    if faster:
        found.append(
            "The client sent faster than real time: its sound is shown as long as it lasts, and "
            "so later than what was made of it."
        )
    return found
