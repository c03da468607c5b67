"""Traces, by OpenTelemetry: a span per conversation, in it one per turn, in that one per stage.

One `Traces` per server where PARLEY_TRACES is on, and nothing at all where it is off. The library
exports: its thread, its variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, …), its
deadlines. A collector that is slow or gone costs spans, which are counted, and no conversation.
Spans hold times, numbers and ids, and never a word that was said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .. import __version__
from ..conversation.caller import Caller
from .turn_spans import ConversationSpans

MAX_WAITING = 2048
"""Spans that wait for the exporter, as the library's own queue holds: 250 turns."""
LAST_EXPORT_S = 3.0
"""For what is left when the server ends."""

PARENT_FIELDS = ("traceparent", "tracestate")
"""W3C Trace Context: the headers of an upgrade by which its sender names the span it belongs to."""


class Traces:
    """`session` begins the spans of a conversation; `aclose` exports what is left."""

    def __init__(self, exporter: SpanExporter, on_dropped: Callable[[], None]) -> None:
        """`on_dropped` is told of each span that is lost; also by the exporter's thread."""
        ours = Resource({"service.name": "parley", "service.version": __version__})
        # Nothing waits at the interpreter's end: `aclose` has waited already.
        self._provider = TracerProvider(
            resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(_Counted(exporter, on_dropped))
        self._tracer: Tracer = self._provider.get_tracer("parley", __version__)

    def session(self, session_id: str, caller: Caller, opened_ms: int) -> ConversationSpans:
        """`opened_ms` is the moment on the wall at which the session's clock begins."""
        return ConversationSpans(
            self._tracer,
            session_id=session_id,
            dialect=caller.dialect,
            opened_ms=opened_ms,
            parent=parent_of(caller),
        )

    async def aclose(self) -> None:
        """Bounded, also when cancelled."""
        with trio.move_on_after(LAST_EXPORT_S, shield=True):
            await trio.to_thread.run_sync(self._provider.shutdown, abandon_on_cancel=True)


def open_traces(on_dropped: Callable[[], None]) -> Traces:
    """With the library's exporter over HTTP, as its variables say."""
    return Traces(OTLPSpanExporter(), on_dropped)


def parent_of(caller: Caller) -> Context | None:
    """The span that whoever opened the connection named; None where there is none that can be
    read, and the conversation begins a trace of its own."""
    given = {name: caller.headers[name] for name in PARENT_FIELDS if name in caller.headers}
    return TraceContextTextMapPropagator().extract(given) if given else None


class _Counted(SpanProcessor):
    """The library's queue and thread, bounded by us so that what is lost is counted."""

    def __init__(self, exporter: SpanExporter, on_dropped: Callable[[], None]) -> None:
        self._given = 0
        self._exporter = _CountedExporter(exporter, on_dropped)
        self._on_dropped = on_dropped
        self._below = BatchSpanProcessor(self._exporter, max_queue_size=MAX_WAITING)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        if self._given - self._exporter.taken >= MAX_WAITING:
            self._on_dropped()
            return
        if span.context is not None and span.context.trace_flags.sampled:
            self._given += 1  # those that are not sampled the library leaves out
            self._below.on_end(span)

    def shutdown(self) -> None:
        self._below.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._below.force_flush(timeout_millis)


class _CountedExporter(SpanExporter):
    """`taken` is written by the library's thread alone."""

    def __init__(self, exporter: SpanExporter, on_dropped: Callable[[], None]) -> None:
        self.taken = 0
        self._below = exporter
        self._on_dropped = on_dropped

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._below.export(spans)
        finally:
            self.taken += len(spans)
            if result is not SpanExportResult.SUCCESS:
                for _ in spans:
                    self._on_dropped()
        return result

    def shutdown(self) -> None:
        self._below.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._below.force_flush(timeout_millis)
