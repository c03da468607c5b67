"""How well a detector hears: its verdicts on labelled audio against the truth. Pure.

A voiced frame keeps the next HANGOVER_MS active, as every use of a detector bridges the gaps
within words. Around an onset and an end the truth is not scored: nobody can say to the ms where a
word begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .scene import Marks, Span, runs

HANGOVER_MS = 160
ONSET_MS = 90
"""A stretch without speech counts as false from this length on: it would be taken for an onset."""
ONSET_COLLAR_MS, BEFORE_END_MS, AFTER_END_MS = 100, 200, 300
"""What is not scored around an onset, and before and behind an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Shares of 1; delays in ms, medians over what was found, None of nothing.

    `accuracy` is the share of time that is judged rightly, `recall` the same of the speech alone.
    `found`: utterances that are active for half of their length at least, with a gap before and
    behind them; two that run together are both lost. `onset_ms`: first sample to the end of the
    first voiced frame; `end_ms`: last sample to the end of activity, hangover included.
    """

    accuracy: float
    recall: float
    found: float
    false_per_min: float
    onset_ms: float | None
    end_ms: float | None


def score(voiced: Marks, spans: Sequence[Span], frame_ms: int) -> Score:
    """`voiced` are the verdicts by the ms, `spans` the truth."""
    truth = np.zeros(len(voiced), dtype=np.bool_)
    counts = np.ones(len(voiced), dtype=np.bool_)
    for start, end in spans:
        truth[start:end] = True
        counts[max(0, start - ONSET_COLLAR_MS) : start + ONSET_COLLAR_MS] = False
        counts[end - BEFORE_END_MS : end + AFTER_END_MS] = False
    active = voiced.copy()
    for _, end in runs(voiced):
        active[end : end + HANGOVER_MS] = True
    segments = runs(active)
    found = 0
    onsets, ends = [], []
    for index, (start, end) in enumerate(spans):
        before = spans[index - 1][1] if index else 0
        after = spans[index + 1][0] if index + 1 < len(spans) else len(active)
        alone = not active[before:start].all() and not active[end:after].all()
        if active[start:end].mean() < 0.5 or not alone:
            continue
        found += 1
        mine = [s for s in segments if s[1] > start and s[0] < end]
        if mine[0][0] > start - ONSET_COLLAR_MS:
            onsets.append(mine[0][0] + frame_ms - start)
        ends.append(mine[-1][1] - end)
    false = [segment for segment in segments if _is_false(segment, spans)]
    return Score(
        accuracy=_share((active == truth)[counts]),
        recall=_share(active[truth & counts]),
        found=found / len(spans),
        false_per_min=len(false) / (len(voiced) / 60_000),
        onset_ms=float(np.median(onsets)) if onsets else None,
        end_ms=float(np.median(ends)) if ends else None,
    )


def _share(marks: Marks) -> float:
    return float(marks.mean()) if len(marks) else 0.0


def _is_false(segment: Span, spans: Sequence[Span]) -> bool:
    """Whether it is long enough for an onset, and no utterance is near it."""
    begins, ends = segment
    return ends - begins - HANGOVER_MS >= ONSET_MS and not any(
        ends > start - ONSET_COLLAR_MS and begins < end + AFTER_END_MS for start, end in spans
    )
