"""A timeline as the JSON that the page draws from."""

from __future__ import annotations

import base64
from typing import Any

from .sound import BIN_S, peaks
from .timeline import Kind, Outcome, Phrase, Samples, Span, Timeline, Turn, Utterance


def payload(timeline: Timeline) -> dict[str, Any]:
    """Times in seconds, to the tenth of a millisecond."""
    return {
        "title": timeline.title,
        "facts": [[name, value] for name, value in timeline.facts.items()],
        "notes": timeline.notes,
        "summary": summary(timeline),
        "duration": _s(timeline.duration_s),
        "bin": BIN_S,
        "heard_known": timeline.heard_known,
        "words_known": timeline.words_known,
        "caller": _peaks(timeline.caller),
        "parley": _peaks(timeline.parley),
        "lost": _peaks(timeline.lost),
        "voiced": [_span(span) for span in timeline.voiced],
        "holds": [_span(span) for span in timeline.holds],
        "utterances": [_utterance(utterance) for utterance in timeline.utterances],
        "turns": [_turn(turn) for turn in timeline.turns],
        "marks": [
            {"at": _s(mark.at_s), "kind": mark.kind.value, "text": mark.text}
            for mark in timeline.marks
        ],
    }


def summary(timeline: Timeline) -> list[str]:
    """What there is, in a few words."""
    outcomes = [turn.outcome for turn in timeline.turns]
    counts = [
        ("turn", len(outcomes)),
        ("interruption", outcomes.count(Outcome.INTERRUPTED)),
        ("cancellation", outcomes.count(Outcome.CANCELLED)),
        ("error", timeline.count(Kind.ERROR)),
        ("restart", timeline.count(Kind.RESTART)),
    ]
    return [
        f"{count} {word}{'' if count == 1 else 's'}"
        for word, count in counts
        if count or word == "turn"
    ]


def _s(seconds: float) -> float:
    return round(seconds, 4)


def _maybe(seconds: float | None) -> float | None:
    return None if seconds is None else _s(seconds)


def _span(span: Span) -> list[float]:
    return [_s(span.start_s), _s(span.end_s)]


def _peaks(samples: Samples) -> str:
    return base64.b64encode(peaks(samples)).decode("ascii")


def _utterance(utterance: Utterance) -> dict[str, Any]:
    return {
        "start": _s(utterance.start_s),
        "end": _s(utterance.end_s),
        "text": utterance.text,
        "final": _maybe(utterance.final_s),
        "fate": utterance.fate.value,
        "partials": [
            {"at": _s(p.at_s), "text": p.text, "stable": p.stable_chars, "audio_ms": p.audio_ms}
            for p in utterance.partials
        ],
    }


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "number": turn.number,
        "asked": turn.asked,
        "asked_at": _s(turn.asked_s),
        "from": _s(turn.asked_s if turn.speech_end_s is None else turn.speech_end_s),
        "text": turn.text,
        "heard": turn.heard,
        "first_token": _maybe(turn.first_token_s),
        "first_audio": _maybe(turn.first_audio_s),
        "end": _s(turn.end_s),
        "outcome": turn.outcome.value,
        "cut": _maybe(turn.cut_s),
        "tokens": [[_s(token.at_s), token.text] for token in turn.tokens],
        "phrases": [_phrase(phrase) for phrase in turn.phrases],
        "latencies": [[name, round(ms)] for name, ms in turn.latencies_ms.items()],
    }


def _phrase(phrase: Phrase) -> dict[str, Any]:
    return {
        "text": phrase.text,
        "heard": phrase.heard,
        "ready": _s(phrase.ready_s),
        "start": _s(phrase.start_s),
        "end": _s(phrase.end_s),
        "until": _s(phrase.heard_until_s),
    }
