"""The spans of one conversation: made of what its turns' records say, when a turn is over.

    parley.conversation              from the first to the last moment of the session
    └─ parley.turn                   from the first sample of speech (or the typed text) to the end
       ├─ speech … heard             its stages, see conversation/stages.py
       └─ tool                       each call of a tool

Nothing is kept of a turn but the moments of its interruptions and of its calls, which are bounded.
"""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from ..conversation.events import (
    BargedIn,
    Disconnected,
    ReplyOver,
    Resumed,
    SessionEvent,
    TakenBack,
    ToolCalled,
    ToolReturned,
)
from ..conversation.record import TurnRecord
from ..conversation.stages import stages_of
from ..protocol.tool_calls import Outcome

MAX_MOMENTS = 64
"""Of one turn: interruptions that were none, and calls of tools."""

NAMED = {BargedIn: "barge_in", Resumed: "resumed", TakenBack: "taken_back"}


class ConversationSpans:
    """A `SessionTrace`. `end` is called when the session is over."""

    def __init__(
        self,
        tracer: Tracer,
        *,
        session_id: str,
        dialect: str,
        opened_ms: int,
        parent: Context | None = None,
    ) -> None:
        self._tracer = tracer
        self._opened_ns = opened_ms * 1_000_000
        self._common: dict[str, AttributeValue] = {
            "session.id": session_id,
            "parley.dialect": dialect,
        }
        self._span: Span = tracer.start_span(
            "parley.conversation",
            context=parent,
            kind=SpanKind.SERVER,
            attributes=self._common,
            start_time=self._opened_ns,
        )
        self._context = set_span_in_context(self._span)
        self._turns = 0
        self._moments: list[tuple[str, float]] = []
        self._calls: dict[str, tuple[str, float]] = {}
        self._returned: list[tuple[str, float, float, Outcome]] = []

    def told(
        self, event: SessionEvent, turn: TurnRecord | None, *, zero_s: float, now_s: float
    ) -> None:
        """A `SessionTrace`'s."""
        if not self._span.is_recording():
            return  # this conversation is none of the sample
        if isinstance(event, ReplyOver):
            if turn is not None and turn.turn == event.turn:
                outcome = self._outcome(event, turn)
                self._turn(turn, outcome, event.heard, zero_s, now_s)
            self._moments, self._calls, self._returned = [], {}, []
        elif isinstance(event, Disconnected):
            if turn is not None:
                self._turn(turn, "hung_up", turn.heard(now_s), zero_s, now_s)
        elif len(self._moments) + len(self._calls) + len(self._returned) >= MAX_MOMENTS:
            return
        elif isinstance(event, ToolCalled):
            self._calls[event.call.id] = (event.call.name, now_s)
        elif isinstance(event, ToolReturned):
            if (called := self._calls.pop(event.call.id, None)) is not None:
                self._returned.append((*called, now_s, event.result.outcome))
        elif (name := NAMED.get(type(event))) is not None:
            self._moments.append((name, now_s))

    def end(self, after_s: float) -> None:
        """The session is over, so long after it was opened."""
        self._span.set_attribute("parley.turns", self._turns)
        self._span.end(self._ns(after_s))

    def _turn(
        self, record: TurnRecord, outcome: str, heard: str, zero_s: float, now_s: float
    ) -> None:
        self._turns += 1
        stages = stages_of(record, now_s)
        began_s = min([record.final_s, *(stage.began_s for stage in stages)])
        span = self._tracer.start_span(
            "parley.turn",
            context=self._context,
            attributes=self._common | self._attributes(record, outcome, heard),
            start_time=self._ns(began_s - zero_s),
        )
        context = set_span_in_context(span)
        for stage in stages:
            self._child(context, stage.name, stage.began_s - zero_s, stage.ended_s - zero_s)
        for name, called_s, ended_s, result in self._returned:
            child = self._begin(context, "tool", called_s - zero_s)
            child.set_attribute("parley.tool", name)
            if result is Outcome.FAILED:
                child.set_status(Status(StatusCode.ERROR, "the tool failed"))
            child.end(self._ns(ended_s - zero_s))
        for name, at_s in self._moments:
            span.add_event(name, timestamp=self._ns(at_s - zero_s))
        if record.failed:
            span.set_status(Status(StatusCode.ERROR, "the language model failed"))
        span.end(self._ns(now_s - zero_s))

    @staticmethod
    def _attributes(record: TurnRecord, outcome: str, heard: str) -> dict[str, AttributeValue]:
        found: dict[str, AttributeValue] = {
            "parley.turn": record.turn,
            "parley.outcome": outcome,
            "parley.typed": record.last_sample_s is None,
            "parley.early": record.foreseen_s is not None,
            "parley.reply_chars": len(record.text.strip()),
            "parley.heard_chars": len(heard),
        }
        if record.language:
            found["parley.language"] = record.language
        if record.last_sample_s is not None and record.first_audio_s is not None:
            answer_s = record.first_audio_s - record.last_sample_s
            found["parley.answer_ms"] = round(answer_s * 1000, 1)
        return found

    def _outcome(self, event: ReplyOver, record: TurnRecord) -> str:
        if any(name == "taken_back" for name, _ in self._moments):
            return "taken_back"
        if event.interrupted:
            return "interrupted"
        if record.failed:
            return "failed"
        return "too_long" if record.too_long else "completed"

    def _begin(self, context: Context, name: str, after_s: float) -> Span:
        return self._tracer.start_span(
            name, context=context, attributes=self._common, start_time=self._ns(after_s)
        )

    def _child(self, context: Context, name: str, began_s: float, ended_s: float) -> None:
        self._begin(context, name, began_s).end(self._ns(ended_s))

    def _ns(self, after_s: float) -> int:
        """The moment on the wall, of one that is so long after the session's first."""
        return self._opened_ns + int(after_s * 1e9)
