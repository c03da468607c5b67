"""A timeline for the terminal: a line for each thing that matters, with its time and who it was."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from .payload import summary
from .timeline import Fate, Kind, Outcome, Timeline, Turn, Utterance
from .words import clock

STYLES = {
    "caller": "blue",
    "parley": "green",
    "server": "dim",
    "cut": "bold red",
    "error": "bold red",
    "restart": "yellow",
}
"""Of rich, by who tells."""


@dataclass(frozen=True, slots=True)
class Line:
    at_s: float
    who: str
    text: str

    def __str__(self) -> str:
        return f"{clock(self.at_s)}  {self.who:<7}  {plain(self.text)}"


def plain(text: str) -> str:
    """In one line, and without what a terminal would obey or could not show."""
    return "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)


def head(timeline: Timeline) -> list[str]:
    """What stands above the lines."""
    told = [value for name, value in timeline.facts.items() if name in ("opened", "dialect")]
    told += [clock(timeline.duration_s), *summary(timeline)]
    return [
        plain(f"{timeline.title} · {' · '.join(told)}"),
        *(f"! {note}" for note in timeline.notes),
    ]


def lines(timeline: Timeline, *, errors: bool = False) -> list[Line]:
    """In the order of their times; `errors` leaves only what went wrong."""
    found = [*_marks(timeline)]
    known = timeline.heard_known
    words = "no words" if timeline.words_known else "words that were not recorded"
    if not errors:
        found += [line for said in timeline.utterances for line in _utterance(said, words)]
        found += [line for turn in timeline.turns for line in _turn(turn, known, words)]
        found += [
            Line(span.start_s, "parley", f"holds back for {_ms(span.end_s - span.start_s)}")
            for span in timeline.holds
        ]
    else:
        found = [line for line in found if line.who in ("error", "restart")]
    return sorted(found, key=lambda line: line.at_s)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _marks(timeline: Timeline) -> Iterator[Line]:
    who = {
        Kind.ERROR: "error",
        Kind.RESTART: "restart",
        Kind.DEADLINE: "error",
        Kind.CLIENT: "caller",
        Kind.SERVER: "server",
    }
    for mark in timeline.marks:
        if mark.kind is not Kind.INTERRUPTION:  # told with its turn
            yield Line(mark.at_s, who[mark.kind], mark.text)


def _utterance(said: Utterance, no_words: str) -> Iterator[Line]:
    text = f"“{said.text}”" if said.text else no_words
    match said.fate:
        case Fate.TYPED:
            yield Line(said.start_s, "caller", f"types {text}")
        case Fate.FINAL:
            details = f"{len(said.partials)} partials" if said.partials else "no partial"
            if said.final_s is not None:
                details += f", final {_ms(said.final_s - said.end_s)} after the last sound"
            yield Line(said.start_s, "caller", f"{text}  ({details})")
        case Fate.DROPPED:
            length = _ms(said.end_s - said.start_s)
            yield Line(said.start_s, "caller", f"makes a sound of {length}, no speech")
        case Fate.FAILED:
            yield Line(said.start_s, "caller", "speaks, and the recognizer fails")
        case Fate.OPEN:
            yield Line(said.start_s, "caller", "speaks when the recording ends")


def _turn(turn: Turn, known: bool, no_words: str) -> Iterator[Line]:
    """`known`: whether what was heard is."""
    at_s = turn.asked_s if turn.first_audio_s is None else turn.first_audio_s
    times = ", ".join(f"{name} {ms:.0f} ms" for name, ms in turn.latencies_ms.items())
    said = turn.heard if turn.cut_s is not None and known else turn.text
    text = f"“{said}”" if said else no_words
    yield Line(at_s, "parley", f"{text}  ({times})" if times else text)
    if turn.cut_s is not None:
        lost = " ".join(turn.text.split()[len(turn.heard.split()) :])
        never = f"; never heard: “{lost}”" if lost and known else ""
        yield Line(turn.cut_s, "cut", f"reply {turn.number}: {turn.outcome.value}{never}")
    elif turn.outcome is not Outcome.COMPLETE:
        yield Line(turn.end_s, "cut", f"reply {turn.number}: {turn.outcome.value}")
