"""How much was heard, by the marks that come back."""

from __future__ import annotations

from parley.protocol.commands import Command, Played, Remark
from parley.protocol.events import ReplyAudio
from parley.protocol.telephone.heard import PENDING, Playback


def audio(turn: int = 1, generation: int = 0) -> ReplyAudio:
    return ReplyAudio(seq=1, pcm16=b"", rate_hz=8000, turn=turn, generation=generation)


def sent(playback: Playback, ms: int, turn: int = 1, generation: int = 0) -> list[str]:
    """Send so much in pieces of 20 ms. Gives the marks between."""
    event = audio(turn, generation)
    return [name for _ in range(ms // 20) if (name := playback.sent(event, 20))]


def flushed(commands: list[Command]) -> float:
    (told,) = commands
    assert isinstance(told, Played)
    assert told.flushed
    return told.ms


def test_a_mark_follows_the_first_piece_and_then_each_part_of_a_second() -> None:
    assert sent(Playback(), 500) == ["1.0.20", "1.0.220", "1.0.420"]


def test_a_phrase_ends_with_a_mark_unless_there_is_one() -> None:
    playback = Playback()
    sent(playback, 100)
    assert playback.mark() == "1.0.100"
    assert playback.mark() == ""


def test_what_came_back_was_played() -> None:
    playback = Playback()
    sent(playback, 500)
    assert playback.back("1.0.220", 400, 400) == [Played(ms=220)]


def test_a_mark_that_nobody_set_is_counted() -> None:
    playback = Playback()
    sent(playback, 100)
    for name in ("", "hello", "1.0", "1.0.-5", "9" * 40, "1.0.20 ", "c"):
        (remark,) = playback.back(name, 0, 0)
        assert isinstance(remark, Remark), name
    for name in ("1.0.5000", "7.0.20", "1.3.20", "c9"):
        assert playback.back(name, 0, 0) == [], name


def test_between_the_last_mark_and_the_clearing_sound_was_played() -> None:
    playback = Playback()
    sent(playback, 1000)
    playback.back("1.0.20", 120, 300)
    playback.back("1.0.220", 320, 460)
    name = playback.clear()
    assert playback.back("1.0.420", 520, 700) == [], "on its way before the clearing arrived"
    for late in ("1.0.620", "1.0.820"):
        assert playback.back(late, 580, 800) == []
    assert flushed(playback.back(name, 580, 800)) == 480


def test_marks_may_be_lost_with_what_was_cleared() -> None:
    playback = Playback()
    sent(playback, 1000)
    playback.back("1.0.20", 120, 300)
    playback.clear()
    assert flushed(playback.cleared(600, 900)) == 500


def test_nothing_was_heard_of_what_was_cleared_before_it_began() -> None:
    playback = Playback()
    sent(playback, 300)
    name = playback.clear()
    playback.back("1.0.20", 80, 100)
    playback.back("1.0.220", 80, 100)
    assert flushed(playback.back(name, 80, 100)) == 0


def test_no_more_is_heard_than_was_sent() -> None:
    playback = Playback()
    sent(playback, 220)
    playback.back("1.0.220", 300, 300)
    name = playback.clear()
    assert flushed(playback.back(name, 2000, 2000)) == 220


def test_marks_of_what_was_cleared_prove_nothing_for_what_follows() -> None:
    playback = Playback()
    sent(playback, 500)
    name = playback.clear()
    sent(playback, 500, generation=1)
    assert playback.back("1.0.420", 500, 500) == []
    playback.back(name, 500, 500)
    assert playback.back("1.0.420", 520, 520) == []
    assert playback.back("1.1.20", 540, 540) == [Played(ms=20)]


def test_so_many_marks_are_on_their_way_at_once() -> None:
    playback = Playback()
    names = sent(playback, 200 * (PENDING + 10))
    assert len(names) == PENDING
    playback.back(names[0], 0, 0)
    assert sent(playback, 400) != []


def test_sound_that_is_no_reply_has_no_marks() -> None:
    playback = Playback()
    assert playback.sent(audio(turn=0), 20) == ""
    assert playback.unplayed
