"""The live view, as plain lines and on a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from parley.client.incoming import (
    Answering,
    Final,
    Finalizing,
    Incoming,
    Info,
    Metrics,
    Partial,
    Phrase,
    Problem,
    ReplyComplete,
    Token,
    ToolCalled,
    ToolReturned,
    Transferred,
    Unknown,
)
from parley.client.live import LiveView
from parley.client.utterance import Heard

TALK: list[Incoming] = [
    Info(message="Session created", session_id="s"),
    Partial(text=""),
    Partial(text="what"),
    Partial(text="what"),
    Partial(text="what time"),
    Finalizing(),
    Final(text="what time is it"),
    Metrics(event="latency", t0=100, t1=200, t2=900, t3=None, t4=None),
    Metrics(event="latency"),
    Metrics(event="latency", t0=1),
    Metrics(event="decode", runs=1),
    Token(text="You said: "),
    Token(text="[what] time."),
    Token(done=True),
    Phrase(seq=1, audio_b64=b""),
    ReplyComplete(),
    Unknown(type="barge_in"),
    Problem(code="TTS_FAIL", message="no voice"),
    Final(text=""),
    Token(text="cut off"),
]


def shown(*, terminal: bool, talk: list[Incoming] = TALK) -> str:
    target = io.StringIO()
    console = Console(file=target, force_terminal=terminal, width=100, color_system=None)
    with LiveView(console) as view:
        for i, message in enumerate(talk):
            view.heard(Heard(float(i), message))
    return target.getvalue()


def test_elsewhere_than_on_a_terminal_every_event_is_a_line() -> None:
    assert shown(terminal=False).splitlines() == [
        "info   Session created",
        "  ... what",
        "  ... what time",
        "you    what time is it",
        "server ms after the first sample: first partial 100, final 800",
        "parley You said: [what] time.",
        "  <audio of phrase 1>",
        "event  barge_in",
        "error  TTS_FAIL: no voice",
        "you    (nothing understood)",
        "parley cut off",
    ]


def test_on_a_terminal_the_partial_and_the_reply_grow_in_place() -> None:
    text = shown(terminal=True)
    assert "... what time" in text
    assert "parley You said: \x1b" in text or "parley You said:" in text
    assert "\x1b[" in text
    assert "<audio" not in text


def test_a_tool_is_shown_when_it_is_called_and_when_it_is_over() -> None:
    talk: list[Incoming] = [
        Token(text="One moment."),
        ToolCalled(id="a", name="opening_hours", arguments='{"day": "Monday"}'),
        ToolReturned(id="a", name="opening_hours", output="9 to 18"),
        Token(text="From nine to six."),
    ]
    assert shown(terminal=False, talk=talk).splitlines() == [
        "parley One moment.",
        '→ opening_hours({"day": "Monday"})',
        "← 9 to 18 (1000 ms)",
        "parley From nine to six.",
    ]


def test_results_of_several_calls_say_whose_they_are_and_what_went_wrong() -> None:
    talk: list[Incoming] = [
        ToolCalled(id="a", name="price", arguments='{\n  "of": "roses"\n}'),
        ToolCalled(id="b", name="stock"),
        ToolReturned(id="b", name="stock", outcome="failed", output="error: no shelf"),
        ToolReturned(id="a", name="price", outcome="cancelled"),
        ToolReturned(id="c", name="never", output="x" * 400),
    ]
    assert shown(terminal=False, talk=talk).splitlines() == [
        '→ price({ "of": "roses" })',
        "→ stock()",
        "← stock: failed: error: no shelf (1000 ms)",
        "← cancelled (3000 ms)",
        f"← {'x' * 300}...",
    ]


def test_who_answers_is_shown_when_it_changes_and_a_transfer_as_well() -> None:
    talk: list[Incoming] = [
        Answering(name="desk"),
        Answering(name="desk"),
        Answering(name="florist", voice="de"),
        Transferred(to="+15550100"),
    ]
    assert shown(terminal=False, talk=talk).splitlines() == [
        "agent  desk",
        "now answering: florist",
        "transfer to +15550100",
    ]
