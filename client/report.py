"""Numbers of a conversation: word errors, latencies, their medians and p95, and the tables.

Plain functions over what `utterance` recorded; no I/O but the rich tables they return.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table

from .utterance import Utterance

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def normalized_words(text: str) -> list[str]:
    """Lower-case words without punctuation; apostrophes inside a word stay."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))


def word_errors(spoken: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest words to insert, delete or replace to get from one to the other."""
    row = list(range(len(heard) + 1))
    for i, want in enumerate(spoken, 1):
        diagonal, row[0] = row[0], i
        for j, got in enumerate(heard, 1):
            replaced = diagonal + (want != got)
            diagonal = row[j]
            row[j] = min(row[j] + 1, row[j - 1] + 1, replaced)
    return row[-1]


def p95(values: Iterable[float]) -> float | None:
    """The smallest value that 95 % of all values do not exceed; None of nothing."""
    ordered = sorted(values)
    return ordered[math.ceil(0.95 * len(ordered)) - 1] if ordered else None


def middle(values: Iterable[float]) -> float | None:
    """The median; None of nothing."""
    listed = list(values)
    return median(listed) if listed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One recording. Latencies in ms, None where the thing never came; see `utterance`.

    `words` and `word_errors` are None where nobody said what was spoken.
    """

    name: str
    transcript: str
    reply: str
    partials: int
    partial_lags_ms: tuple[float, ...]
    first_partial_ms: float | None
    final_ms: float | None
    first_audio_ms: float | None
    words: int | None
    word_errors: int | None
    answered: bool

    @property
    def wer(self) -> float | None:
        if self.words is None or self.word_errors is None:
            return None
        return self.word_errors / max(1, self.words)


def row_of(utterance: Utterance, spoken: str | None = None) -> Row:
    """The numbers of one recording; `spoken` is what was really said."""
    want = None if spoken is None else normalized_words(spoken)
    return Row(
        name=utterance.name,
        transcript=utterance.transcript,
        reply=utterance.reply,
        partials=len(utterance.partials),
        partial_lags_ms=tuple(utterance.partial_lags_ms()),
        first_partial_ms=utterance.first_partial_ms(),
        final_ms=utterance.final_ms(),
        first_audio_ms=utterance.first_audio_ms(),
        words=None if want is None else len(want),
        word_errors=None
        if want is None
        else word_errors(want, normalized_words(utterance.transcript)),
        answered=utterance.answered,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median and p95 of `count` measurements, in ms."""

    count: int
    median_ms: float | None
    p95_ms: float | None

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread:
        there = [value for value in values if value is not None]
        return cls(count=len(there), median_ms=middle(there), p95_ms=p95(there))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All recordings together; partial lags are pooled over all partials."""

    recordings: int
    answered: int
    partial_lag: Spread
    first_partial: Spread
    final: Spread
    first_audio: Spread
    words: int
    word_errors: int

    @property
    def wer(self) -> float | None:
        return self.word_errors / self.words if self.words else None


def summary_of(rows: Sequence[Row]) -> Summary:
    judged = [row for row in rows if row.words is not None]
    return Summary(
        recordings=len(rows),
        answered=sum(row.answered for row in rows),
        partial_lag=Spread.of(lag for row in rows for lag in row.partial_lags_ms),
        first_partial=Spread.of(row.first_partial_ms for row in rows),
        final=Spread.of(row.final_ms for row in rows),
        first_audio=Spread.of(row.first_audio_ms for row in rows),
        words=sum(row.words or 0 for row in judged),
        word_errors=sum(row.word_errors or 0 for row in judged),
    )


def as_json(rows: Sequence[Row], about: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data for a file: what `about` says, the rows and the summary, ms rounded to 0.1."""
    summary = summary_of(rows)
    data: dict[str, Any] = {
        **about,
        "recordings": [{**asdict(row), "wer": row.wer} for row in rows],
        "summary": {**asdict(summary), "wer": summary.wer},
    }
    rounded: dict[str, Any] = _rounded(data)
    return rounded


def table_of(rows: Sequence[Row]) -> Table:
    """Per recording, and where there are several their medians and p95."""
    judged = any(row.words is not None for row in rows)
    table = Table(title="Latency in ms", title_justify="left", caption_justify="left")
    table.add_column("recording")
    for heading in ("partial lag", "first partial", "final", "first audio"):
        table.add_column(heading, justify="right")
    if judged:
        table.add_column("word errors", justify="right")
    for row in rows:
        lags = middle(row.partial_lags_ms)
        cells = [_ms(v) for v in (lags, row.first_partial_ms, row.final_ms, row.first_audio_ms)]
        table.add_row(row.name, *cells, *([_errors(row.word_errors, row.words)] if judged else []))
    if len(rows) > 1:
        table.add_section()
        whole = summary_of(rows)
        spreads = (whole.partial_lag, whole.first_partial, whole.final, whole.first_audio)
        errors = [_errors(whole.word_errors, whole.words)] if judged else []
        table.add_row("median", *(_ms(s.median_ms) for s in spreads), *errors)
        table.add_row("p95", *(_ms(s.p95_ms) for s in spreads))
    table.caption = (
        "partial lag: from the audio a partial covers · first partial: from the onset of speech · "
        "final, first audio: from the last speech sample · all from when that audio was sent"
    )
    return table


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _errors(errors: int | None, words: int | None) -> str:
    if errors is None or not words:
        return "-"
    return f"{errors}/{words} ({100 * errors / words:.1f} %)"


def _rounded(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: round(v, 4) if key == "wer" and v is not None else _rounded(v)
                for key, v in value.items()
            }
        case list() | tuple():
            return [_rounded(item) for item in value]
        case float():
            return round(value, 1)
        case _:
            return value
