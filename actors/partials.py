"""What is told of an utterance while it is said: hypotheses, to the client and to the dialogue.

What was told stands in the utterance in hand, so a restarted actor tells nothing twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..conversation.utterance import UtteranceInHand
from ..engines.asr.interface import Transcript
from ..protocol.events import Partial
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time
from .messages import Report, WordsHeard
from .outbox import Outbox


@dataclass(slots=True, kw_only=True)
class Partials:
    """A changed hypothesis is told at most every `min_gap_s`, an unchanged one again after
    `interval_s`, the longest that a talker waits for a fresh one."""

    utterance: UtteranceInHand[Transcript]
    reports: SendsItems[Report]
    outbox: Outbox
    interval_s: float
    min_gap_s: float
    telemetry: Telemetry
    tells_words: Callable[[], bool] = lambda: False
    """Whether the dialogue is told every hypothesis now."""

    async def heard(self, text: str, audio_bytes: int) -> None:
        """A hypothesis for the first `audio_bytes` of the utterance."""
        utterance = self.utterance
        audio_ms = utterance.audio_ms_at(audio_bytes)
        if audio_ms <= utterance.hypothesis_ms:
            return  # it is fed again, and the client knows more already
        utterance.hypothesis_ms = audio_ms
        utterance.hypothesis = utterance.agreement.update(text, audio_ms)
        if self.tells_words():
            spoken_ms = audio_ms - utterance.began_ms
            await self.reports.send(
                WordsHeard(number=utterance.number, text=text, spoken_ms=spoken_ms)
            )
        await self.tell()

    async def tell(self) -> None:
        """Tell the client the hypothesis, if it is new to it and its time has come."""
        utterance = self.utterance
        if utterance.ended is not None or utterance.hypothesis_ms <= utterance.last_partial_ms:
            return  # the final says it all
        shown = utterance.hypothesis
        now_s = current_time()
        changed = shown.text != utterance.last_partial
        wait_s = self.min_gap_s if changed else self.interval_s
        if now_s < utterance.last_partial_s + wait_s:
            return
        utterance.last_partial = shown.text
        utterance.last_partial_s = now_s
        utterance.last_partial_ms = utterance.hypothesis_ms
        if utterance.first_partial_s is None:
            utterance.first_partial_s = now_s
            self.telemetry.stage("first_partial", now_s - utterance.first_sample_s)
        await self.outbox.offer_partial(
            Partial(
                text=shown.text,
                audio_ms=utterance.hypothesis_ms,
                stable_chars=shown.stable_chars,
                utterance=utterance.number,
            )
        )

    def withheld_until_s(self) -> float:
        """When a hypothesis that came too soon after the one before may be told; infinite where
        there is none."""
        utterance = self.utterance
        if utterance.present and utterance.hypothesis.text != utterance.last_partial:
            return utterance.last_partial_s + self.min_gap_s
        return math.inf
