"""Moments of Trio's clock as a session tells them: milliseconds since it began."""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol.events import Latency, TurnTimes
from .record import TurnRecord


@dataclass(frozen=True, slots=True)
class Timings:
    zero_s: float

    def ms(self, moment_s: float | None) -> float | None:
        return None if moment_s is None else round((moment_s - self.zero_s) * 1000, 1)

    def latency(self, record: TurnRecord) -> Latency:
        """t0 first sample of the utterance, t1 first partial, t2 final, t3 first token, t4 first
        reply audio."""
        return Latency(
            t0=self.ms(record.first_sample_s),
            t1=self.ms(record.first_partial_s),
            t2=self.ms(record.final_s),
            t3=self.ms(_told_s(record)),
            t4=self.ms(record.first_audio_s),
        )

    @staticmethod
    def times(record: TurnRecord) -> TurnTimes | None:
        """Where the time of a turn went; None for one that was typed."""
        spoken_s = record.last_sample_s
        if spoken_s is None:
            return None

        def since(moment_s: float | None) -> float | None:
            return None if moment_s is None else round((moment_s - spoken_s) * 1000, 1)

        return TurnTimes(
            decided_ms=since(record.decided_s),
            begun_ms=since(record.foreseen_s),
            final_ms=since(record.final_s),
            token_ms=since(record.first_token_s),
            phrase_ms=since(record.first_phrase_s),
            audio_ms=since(record.first_audio_s),
        )

    @staticmethod
    def stages_ms(record: TurnRecord) -> dict[str, float | None]:
        """The same as lengths since the first sample, for the log."""
        moments = {
            "t_first_partial_ms": record.first_partial_s,
            "t_final_transcript_ms": record.final_s,
            "t_first_token_ms": _told_s(record),
            "t_first_audio_ms": record.first_audio_s,
        }
        return {
            name: None if moment is None else round((moment - record.first_sample_s) * 1000, 1)
            for name, moment in moments.items()
        }


def _told_s(record: TurnRecord) -> float | None:
    """When the first token was told; of a reply that was begun early, with the final."""
    token_s = record.first_token_s
    return None if token_s is None else max(token_s, record.final_s)
