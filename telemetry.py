"""What is counted and measured, for Prometheus. One per server; sessions share it.

The names are a closed set: a counter that nobody declared is a mistake and raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .engines.failures import EngineFailure
from .protocol.codes import Breach
from .protocol.events import TurnTimes

Figures: TypeAlias = Mapping[str, float]
"""By the value of a label."""

Table: TypeAlias = Mapping[tuple[str, ...], float]
"""By the values of several labels."""

STAGE_BUCKETS_S = (
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.1,
    0.2,
    0.35,
    0.5,
    0.75,
    1.0,
    1.5,
    2.5,
    5.0,
    10.0,
    30.0,
)

STAGES = {
    "first_partial": "first sample of an utterance to its first partial transcript",
    "final": "end of an utterance to its final transcript",
    "first_token": "final transcript to the first token of the reply",
    "turn_end": "a short silence to the answer whether the turn is over",
    "speak": "synthesis of one phrase",
    "first_audio": "final transcript to the first reply audio",
    "decided": "last sample of speech to the end of the turn being decided",
    "answer": "last sample of speech to the first reply audio",
    "silence": "the audio that made an interruption certain to the end of the reply",
}

COUNTS = {
    "audio_bytes_in": "audio received from clients, in bytes",
    "frames_out": "frames written to clients",
    "utterances": "utterances transcribed",
    "turns": "turns begun",
    "backchannels": "what a listener said during a reply without interrupting it",
    "taken_back": "replies that came too soon: the person went on, and they never were",
    "resumptions": "replies that went on after an interruption in which nobody said anything",
    "models_cut_off": "requests ended because their reply was suspended for too long",
    "speculations": "replies begun before the end of a turn was certain",
    "speculations_dropped": "of these, begun in vain: each is a request to the language model",
    "second_models": "replies asked of the second model because the first had failed",
    "remarks": "replies that a service cut short: their longest length, or a content filter",
    "interruptions": "replies cut because the person spoke over them",
    "cancellations": "replies cancelled by their client",
    "tool_calls": "tools that the language model called",
    "tools_failed": "calls of tools that failed",
    "conductors_failed": "agents whose code crashed in a call",
    "holds": "replies held for a sound of which it was not known what it is, on a telephone",
    "digits": "keys pressed on a telephone",
    "silent_callers": "times that somebody was asked whether they are there",
    "noises": "utterances over a reply whose words are those that recognizers make of noises",
    "false_alarms": "sounds during a reply that did not last",
    "utterances_cancelled": "utterances cancelled by their client",
    "line_sounds": "sounds of a telephone line that were taken for speech and left out",
    "silent_phrases": "phrases for which the synthesizer had no sound",
    "slow_voices": "sessions whose voice took longer than its audio lasts",
    "backpressure_changes": "times that thinning of partials began or ended",
    "resumes": "conversations that went on over another connection",
    "resumes_refused": "tickets that led to no conversation, so that a new one began",
    "stalled_peers": "sessions closed because their peer read nothing",
    "calls_refused": "requests of telephone services that did not prove whose they are",
    "calls_made": "calls that services were asked to make",
    "call_statuses": "what services told of calls: that they ring, were answered, are over",
    "call_controls_failed": "requests to services that were refused: to end a call, to transfer it",
    "observer_failures": "observers that raised",
    "log_lines_dropped": "lines of the log that nobody read in time, or that could not be written",
    "store_calls_failed": "calls of the shared store that it did not do in time, or at all",
    "store_outages": "times that the shared store was lost",
    "store_overwritten": "values for the store that were replaced before they were written",
    "recordings": "recordings begun",
    "recordings_failed": "recordings that ended early because of the disk",
    "recording_gaps": "entries that recordings lack because the disk was too slow",
    "recordings_archived": "recordings that were put into the archive",
    "recordings_not_archived": "attempts to put one that failed",
}


class Telemetry:
    """Instruments in a registry of their own, so that two servers in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._stage = Histogram(
            "parley_stage_seconds",
            "Time that a stage of the conversation took: "
            + "; ".join(f"{name}: {what}" for name, what in STAGES.items()),
            ["stage"],
            buckets=STAGE_BUCKETS_S,
            registry=self.registry,
        )
        for name in STAGES:
            self._stage.labels(name)
        self._counts = {
            name: Counter(f"parley_{name}", what, registry=self.registry)
            for name, what in COUNTS.items()
        }
        self._drops = Counter(
            "parley_drops", "What was left out, by edge", ["edge"], registry=self.registry
        )
        self._failures = Counter(
            "parley_engine_failures",
            "Engine failures, by kind and type",
            ["engine", "failure"],
            registry=self.registry,
        )
        self._doubts = Counter(
            "parley_asr_doubts",
            "Transcripts that the recognizer's guards did not believe, by reason",
            ["reason"],
            registry=self.registry,
        )
        self._violations = Counter(
            "parley_violations", "Breaches of a dialect", ["breach"], registry=self.registry
        )
        self._restarts = Counter(
            "parley_restarts", "Children restarted", ["child"], registry=self.registry
        )
        self._sessions = Counter(
            "parley_sessions_opened", "Sessions opened", ["dialect"], registry=self.registry
        )
        self._refusals = Counter(
            "parley_sessions_refused", "Connections refused", ["reason"], registry=self.registry
        )

    def stage(self, name: str, seconds: float) -> None:
        self._stage.labels(_known(name, STAGES)).observe(max(seconds, 0.0))

    def turn(self, times: TurnTimes) -> None:
        """Where the time of a turn went."""
        for name, ms in (("decided", times.decided_ms), ("answer", times.audio_ms)):
            if ms is not None:
                self.stage(name, ms / 1000)

    def count(self, name: str, amount: float = 1) -> None:
        self._counts[_known(name, COUNTS)].inc(amount)

    def dropped(self, edge: str) -> None:
        self._drops.labels(edge).inc()

    def engine_failed(self, engine: str, failure: EngineFailure) -> None:
        self._failures.labels(engine, type(failure).__name__).inc()

    def doubted(self, reason: str, times: int) -> None:
        """`reason` is an engine's word, one of a few."""
        self._doubts.labels(reason).inc(times)

    def breach(self, breach: Breach) -> None:
        self._violations.labels(breach.value).inc()

    def restarted(self, child: str) -> None:
        self._restarts.labels(child).inc()

    def session_opened(self, dialect: str) -> None:
        self._sessions.labels(dialect).inc()

    def refused(self, reason: str) -> None:
        self._refusals.labels(reason).inc()

    def gauge(self, name: str, what: str, read: Callable[[], float]) -> None:
        """A figure that is read when it is asked for."""
        Gauge(f"parley_{name}", what, registry=self.registry).set_function(read)

    def gauges(self, name: str, what: str, label: str, read: Callable[[], Figures]) -> None:
        """Several figures of one kind, each under the value of its label, read when they are asked
        for."""
        self.registry.register(_Gauges(f"parley_{name}", what, label, read))

    def tables(
        self,
        name: str,
        what: str,
        labels: Sequence[str],
        read: Callable[[], Table],
        *,
        counts: bool = False,
    ) -> None:
        """As `gauges`, under several labels; `counts`: they are sums that only grow."""
        self.registry.register(_Tables(f"parley_{name}", what, tuple(labels), read, counts))

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


@dataclass(frozen=True, slots=True)
class _Gauges(Collector):
    name: str
    what: str
    label: str
    read: Callable[[], Figures]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(self.name, self.what, labels=[self.label])
        for value, figure in self.read().items():
            family.add_metric([value], figure)
        yield family

    def describe(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily(self.name, self.what, labels=[self.label])]


@dataclass(frozen=True, slots=True)
class _Tables(Collector):
    name: str
    what: str
    labels: tuple[str, ...]
    read: Callable[[], Table]
    counts: bool

    def collect(self) -> Iterator[Metric]:
        family = self._family()
        for values, figure in self.read().items():
            family.add_metric(values, figure)
        yield family

    def describe(self) -> list[Metric]:
        return [self._family()]

    def _family(self) -> CounterMetricFamily | GaugeMetricFamily:
        kind = CounterMetricFamily if self.counts else GaugeMetricFamily
        return kind(self.name, self.what, labels=self.labels)


def _known(name: str, names: dict[str, str]) -> str:
    if name not in names:
        raise KeyError(f"{name!r} is not a declared metric")
    return name
