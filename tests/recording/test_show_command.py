"""`parley show`, and its text form."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio
from typer.testing import CliRunner, Result

from parley.commands.app import app
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.recording.show.reading import timeline_of
from parley.recording.show.text import Line, head, lines
from parley.recording.show.timeline import Fate, Outcome, Token, Turn, Utterance
from parley.recording.show.words import clock
from parley.recording.tape import Recording
from support.recordings import made, recorded, recording_of

Clock = trio.testing.MockClock
Show = Callable[..., Result]


class RecordingError(Exception):
    pass


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    """Runs the command on a recording, or on an error that reading it brings."""

    def run(found: Recording | str, *arguments: str) -> Result:
        def read_recording(path: Path) -> Recording:
            if isinstance(found, str):
                raise RecordingError(found)
            return found

        reader: Any = ModuleType("parley.recording.mcap_file")
        reader.RecordingError, reader.read_recording = RecordingError, read_recording
        monkeypatch.setitem(sys.modules, "parley.recording.mcap_file", reader)
        monkeypatch.chdir(tmp_path)
        return CliRunner().invoke(app, ["show", str(tmp_path / "talk.mcap"), *arguments])

    return run


def test_it_writes_a_page_beside_the_recording_and_says_where(show: Show, tmp_path: Path) -> None:
    told = show(made("two-turns"))
    assert told.exit_code == 0
    assert told.stdout.splitlines()[-1] == str(tmp_path / "talk.html")
    assert (tmp_path / "talk.html").read_text().startswith("<!DOCTYPE html>")


def test_it_writes_where_it_is_told(show: Show, tmp_path: Path) -> None:
    told = show(made("typed-twice"), "--out", "deep/page.html")
    assert told.exit_code == 0
    assert (tmp_path / "deep/page.html").exists()


@pytest.mark.parametrize("opened", [True, False])
def test_it_opens_a_browser_only_when_asked(
    show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: bool
) -> None:
    asked: list[str] = []

    def browse(address: str) -> bool:
        asked.append(address)
        return opened

    monkeypatch.setattr("webbrowser.open", browse)
    show(made("typed-twice"))
    assert asked == []
    told = show(made("typed-twice"), "--open")
    assert asked == [(tmp_path / "talk.html").as_uri()]
    assert told.exit_code == (0 if opened else 1)


def test_what_cannot_be_read_is_one_line(show: Show) -> None:
    told = show("talk.mcap: it is no recording")
    assert told.exit_code == 2
    assert told.stderr == "parley: talk.mcap: it is no recording\n"


def test_an_unknown_dialect_is_one_line(show: Show) -> None:
    told = show(recording_of([], PROMPT_VOICE, dialect="klingon"))
    assert told.exit_code == 2
    assert told.stderr.startswith("parley: ")
    assert "klingon" in told.stderr


def test_a_page_that_cannot_be_written_is_one_line(show: Show, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = show(recording_of([], PROMPT_VOICE), "--out", "file/page.html")
    assert told.exit_code == 2
    assert "cannot be written" in told.stderr


def test_text_and_a_page_are_not_both(show: Show) -> None:
    assert show(recording_of([], PROMPT_VOICE), "--text", "--out", "x.html").exit_code == 2


def test_text_is_plain_where_there_is_no_terminal(show: Show, tmp_path: Path) -> None:
    told = show(made("interruption"), "--text")
    assert told.exit_code == 0
    assert "\x1b" not in told.stdout
    assert "00:02.620  cut      reply 1: interrupted; never heard: “is off. Is there”" in (
        told.stdout.splitlines()
    )
    assert not (tmp_path / "talk.html").exists()


def test_only_what_went_wrong_where_that_is_asked(show: Show) -> None:
    told = show(made("two-turns-lane-lost"), "--errors")
    assert [line[11:18] for line in told.stdout.splitlines() if line.startswith("00:")] == [
        "restart"
    ]
    told = show(recording_of([], PROMPT_VOICE), "--errors")
    assert told.stdout.splitlines()[-1] == "nothing went wrong"


async def test_a_conversation_reads_like_one(autojump_clock: Clock) -> None:
    timeline = timeline_of(await recorded("in-base64"))
    assert head(timeline)[0].endswith("io-speech · 00:11.660 · 2 turns")
    assert [str(line) for line in lines(timeline)][:5] == [
        "00:00.000  caller   microphone opened",
        "00:00.000  caller   “turn the light off”  (4 partials, final 783 ms after the last sound)",
        "00:02.043  parley   “The light is off. Is there more?”  "
        "(first audio 1143 ms, final words 783 ms, first token 983 ms)",
        "00:02.893  parley   holds back for 150 ms",
        "00:03.560  caller   “stop that now please”  "
        "(3 partials, final 783 ms after the last sound)",
    ]


def one_turn(**changes: Any) -> Turn:
    known: dict[str, Any] = {"number": 1, "asked": "hello", "asked_s": 1.0, "speech_end_s": 0.4}
    turn = Turn(**known, tokens=[Token(1.2, "Well, "), Token(1.3, "yes.")], end_s=2.0)
    for name, value in changes.items():
        setattr(turn, name, value)
    return turn


@pytest.mark.parametrize(
    ("fate", "told"),
    [
        (Fate.TYPED, "types “hello”"),
        (Fate.FINAL, "“hello”  (no partial, final 600 ms after the last sound)"),
        (Fate.DROPPED, "makes a sound of 400 ms, no speech"),
        (Fate.FAILED, "speaks, and the recognizer fails"),
        (Fate.OPEN, "speaks when the recording ends"),
    ],
)
def test_each_utterance_says_what_became_of_it(fate: Fate, told: str) -> None:
    timeline = timeline_of(recording_of([], PROMPT_VOICE))
    said = Utterance(start_s=0.0, end_s=0.4, text="hello", final_s=1.0, fate=fate)
    timeline.utterances.append(said)
    assert [line.text for line in lines(timeline)] == [told]


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        (one_turn(outcome=Outcome.COMPLETE), ["“Well, yes.”"]),
        (one_turn(outcome=Outcome.FAILED), ["“Well, yes.”", "reply 1: failed"]),
        (
            one_turn(outcome=Outcome.CANCELLED, cut_s=2.0),
            ["no words", "reply 1: cancelled; never heard: “Well, yes.”"],
        ),
    ],
)
def test_each_turn_says_how_it_ended(turn: Turn, told: list[str]) -> None:
    timeline = timeline_of(recording_of([], PROMPT_VOICE))
    timeline.turns.append(turn)
    assert [line.text for line in lines(timeline)] == told


def test_a_terminal_is_told_nothing_that_it_would_obey() -> None:
    line = Line(1.0, "caller", "types “\x1b[2Jhello\nworld \ud83d”")
    assert str(line) == "00:01.000  caller   types “ [2Jhello world  ”"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "00:00.000"), (61.0005, "01:01.000"), (3599.9996, "1:00:00.000"), (-1, "00:00.000")],
)
def test_times_are_told_to_the_millisecond(seconds: float, told: str) -> None:
    assert clock(seconds) == told
