"""A conversation as it happens, on a terminal or as plain lines.

On a terminal the growing partial stands dim at the bottom, and the reply beside it as its tokens
come; what is final moves up into the scroll. Elsewhere (a pipe, a log) every event is a line.
"""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from .incoming import (
    Answering,
    Final,
    Info,
    Interrupted,
    Metrics,
    Partial,
    Phrase,
    Problem,
    ReplyComplete,
    Resume,
    Sound,
    Token,
    ToolCalled,
    ToolReturned,
    Transferred,
    Unknown,
)
from .utterance import Heard

MAX_SHOWN_CHARS = 300
"""Of a tool's arguments, and of its result: a few lines of a terminal."""


class LiveView:
    """A context manager; give its `heard` to a conversation as the listener."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # Redrawn on every event; rich's own refresh would need a thread.
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._partial = ""
        self._reply = ""
        self._agent = ""
        self._called_at: dict[str, float] = {}
        """The calls of tools that are not over, by their ids."""

    def __enter__(self) -> LiveView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush_reply()
        self._live.stop()

    def line(self, text: str, style: str = "") -> None:
        """One line above what moves."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def heard(self, heard: Heard) -> None:
        match heard.message:
            case Partial(text=text):
                if text != self._partial and not self._console.is_terminal and text:
                    self.line(f"  ... {text}")
                self._partial = text
            case Final(text=text):
                self._partial = ""
                self._flush_reply()
                self.line(f"you    {text}" if text else "you    (nothing understood)", "bold")
            case Token(text=text, done=done):
                self._reply += text
                if done:
                    self._flush_reply()
            case Problem(code=code, message=message):
                self._flush_reply()
                self.line(f"error  {code}: {message}", "red")
            case Info(message=message):
                self.line(f"info   {message}", "dim")
            case Metrics(event="latency") as metrics:
                self._latency(metrics)
            case ReplyComplete():
                self._flush_reply()
            case ToolCalled() as call:
                self._flush_reply()
                self._called_at[call.id] = heard.at
                self.line(f"→ {call.name}({_in_a_line(call.arguments)})", "magenta")
            case ToolReturned() as result:
                self._flush_reply()
                self._returned(result, heard.at)
            case Answering(name=name):
                self._flush_reply()
                told = "now answering: " if self._agent else "agent  "
                if name != self._agent:
                    self.line(f"{told}{name}", "dim")
                self._agent = name
            case Transferred(to=to):
                self._flush_reply()
                self.line(f"transfer to {to}", "dim")
            case Resume(resumed=True):
                self.line("info   connected again: the conversation goes on", "dim")
            case Resume(why=why) if why:
                self.line(f"info   connected again, but as a new conversation: {why}", "yellow")
            case Resume():
                return
            case Unknown(type=kind):
                self.line(f"event  {kind}", "dim")
            case Interrupted(heard=words):
                self._flush_reply()
                self.line(f"cut    heard of it: {words.strip() or 'nothing'}", "dim")
            case Sound():
                return
            case Phrase(seq=seq):
                if not self._console.is_terminal:
                    self.line(f"  <audio of phrase {seq}>")
            case _:
                return
        self._redraw()

    def _flush_reply(self) -> None:
        if self._reply.strip():
            self.line(f"parley {self._reply.strip()}", "cyan")
        self._reply = ""

    def _returned(self, result: ToolReturned, at: float) -> None:
        """By the server's clock, or else by this client's. A result says whose it is where other
        calls are not over."""
        began = self._called_at.pop(result.id, None)
        name = f"{result.name}: " if self._called_at else ""
        outcome = "" if result.outcome == "done" else result.outcome
        told = ": ".join(part for part in (outcome, _in_a_line(result.output)) if part)
        ms = result.ms
        if ms is None and began is not None:
            ms = round(1000 * (at - began))
        took = "" if ms is None else f" ({ms} ms)"
        style = "red" if result.outcome == "failed" else "magenta"
        self.line(f"← {name}{told}{took}", style)

    def _latency(self, metrics: Metrics) -> None:
        """The server's own view: milliseconds after the utterance's first sample."""
        if metrics.t0 is None:
            return
        named = (
            ("first partial", metrics.t1),
            ("final", metrics.t2),
            ("first token", metrics.t3),
            ("first audio", metrics.t4),
        )
        told = [f"{name} {t - metrics.t0:.0f}" for name, t in named if t is not None]
        if told:
            self.line(f"server ms after the first sample: {', '.join(told)}", "dim")

    def _redraw(self) -> None:
        if not self._console.is_terminal:
            return
        parts = [Text(f"... {self._partial}", style="dim")] if self._partial else []
        if self._reply:
            parts.append(Text(f"parley {self._reply}", style="cyan"))
        self._live.update(Group(*parts), refresh=True)


def _in_a_line(text: str) -> str:
    """The text without breaks of lines, and not too long."""
    text = " ".join(text.split())
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}..."
