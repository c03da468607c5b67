"""Two conversations side by side: the first difference in what was sent, or the sum of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from statistics import median
from typing import Any

from .tape import Entry

SHOWN = 160
"""Characters of a frame in a message."""
RESUMED_S = 1.0
"""Speech that goes on so soon after a final was cut short by it."""


def first_difference(recorded: Sequence[Entry], replayed: Sequence[Entry]) -> str | None:
    """Where what went out differs, in words; None where it does not: frames, order, times."""
    pairs = zip_longest(_sent(recorded), _sent(replayed))
    for number, (before, now) in enumerate(pairs, 1):
        if before is None:
            return f"frame {number} is new: {_words(now)}"
        if now is None:
            return f"frame {number} is missing: {_words(before)}"
        if _content(before) != _content(now):
            return (
                f"frame {number}, recorded: {_words(before)}\n"
                f"frame {number}, replayed: {_words(now)}"
            )
        if before.at_s != now.at_s:
            return (
                f"frame {number} went out at {now.at_s:.6f} s and not at {before.at_s:.6f} s: "
                f"{_words(now)}"
            )
    return None


def _sent(entries: Sequence[Entry]) -> Iterator[Entry]:
    return (entry for entry in entries if entry.kind == "out")


def _content(entry: Entry) -> tuple[str | None, bytes | None]:
    return entry.data.get("text"), entry.audio


def _words(entry: Entry) -> str:
    text = entry.data.get("text")
    if text is None:
        text = f"{len(entry.audio or b'')} bytes of audio"
    return f"{text[:SHOWN]}{'…' if len(text) > SHOWN else ''}"


@dataclass(slots=True)
class Summary:
    """What became of a conversation. Times in ms."""

    finals: list[str] = field(default_factory=list)
    turns: int = 0
    interruptions: int = 0
    false_interruptions: int = 0
    """Interruptions by something that held no words."""
    cut_short: int = 0
    """Finals after which the person went on at once."""
    first_audio_ms: list[float] = field(default_factory=list)
    """From the last frame of speech to the first reply audio."""
    errors: list[str] = field(default_factory=list)

    @property
    def median_first_audio_ms(self) -> float | None:
        return median(self.first_audio_ms) if self.first_audio_ms else None


def summary_of(entries: Sequence[Entry]) -> Summary:
    """From the entries of one session, whatever its dialect."""
    found = Summary()
    answered_s: float | None = None
    voiced_s = 0.0
    last_final_s = float("-inf")
    interrupted = False
    foreseen, early, again = False, "", False
    for entry in entries:
        match entry.kind:
            case "asr.conclude":
                foreseen, early = True, ""
            case "asr.begin":
                found.cut_short += entry.at_s - last_final_s < RESUMED_S
            case "detector" if "1" in entry.data.get("speech", ""):
                voiced_s = entry.at_s
            case "asr.finish" if "transcript" in entry.data:
                text = entry.data["transcript"]["text"]
                found.false_interruptions += interrupted and not text
                interrupted = False
                if not text:
                    continue  # a noise: nobody is answered
                found.finals.append(text)
                # A reply that was begun before the end was certain counts when it is taken up.
                found.turns += bool(early) and early.endswith(text)
                foreseen, early, again = False, "", False
                last_final_s = entry.at_s
                answered_s = voiced_s
            case "llm.reply" if foreseen and entry.data.get("conversation"):
                early = str(entry.data["conversation"][-1]["text"])
            case "llm.reply":
                found.turns += not again  # another attempt is no other turn
                again = "failure" in entry.data
            case "llm.token":
                again = "failure" in entry.data
            case "out":
                message = _message(entry)
                if message.get("type") == "barge_in":
                    found.interruptions += 1
                    interrupted = True
                elif message.get("type") == "error":
                    found.errors.append(str(message.get("code")))
                elif answered_s is not None and _is_audio(entry, message):
                    found.first_audio_ms.append((entry.at_s - answered_s) * 1000)
                    answered_s = None
    return found


def _message(entry: Entry) -> dict[str, Any]:
    text = entry.data.get("text")
    if text is None:
        return {}
    message: dict[str, Any] = json.loads(text)
    return message


def _is_audio(entry: Entry, message: dict[str, Any]) -> bool:
    return entry.audio is not None or message.get("type") in ("tts_chunk", "audio_output")
