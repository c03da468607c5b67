"""Where speech begins and ends, in frames of 30 ms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.endpointer import Edge, Endpointer, EndpointerSettings

SETTINGS = EndpointerSettings(
    frame_ms=30, silence_ms=300, min_speech_ms=300, max_utterance_ms=3000, onset_ms=90
)


def edges(pattern: str, *, guarded: bool = False) -> list[tuple[int, Edge]]:
    """(frame number, edge) for a pattern of `#` (speech) and `.` (silence)."""
    endpointer = Endpointer(SETTINGS)
    found = []
    for number, sign in enumerate(pattern):
        edge = endpointer.push(sign == "#", guarded=guarded)
        if edge is not None:
            found.append((number, edge))
    return found


def test_speech_begins_when_it_has_lasted_for_the_onset() -> None:
    assert edges("..###") == [(4, Edge.ONSET)]


def test_a_click_is_no_speech() -> None:
    assert edges("..##..##..#.##..") == []


def test_it_ends_when_silence_has_lasted() -> None:
    assert edges("###" + "." * 10) == [(2, Edge.ONSET), (12, Edge.END)]


def test_a_pause_that_is_too_short_does_not_end_it() -> None:
    assert edges("###" + "." * 9 + "##" + "." * 9) == [(2, Edge.ONSET)]


def test_a_single_voiced_frame_does_not_start_the_count_of_silence_again() -> None:
    assert edges("###" + "....#......") == [(2, Edge.ONSET), (13, Edge.END)]


def test_an_utterance_that_is_too_long_is_cut_and_the_next_begins_at_once() -> None:
    found = edges("#" * 110)
    assert found == [(2, Edge.ONSET), (99, Edge.TOO_LONG), (102, Edge.ONSET)]


def test_a_guarded_sound_is_confirmed_when_it_has_lasted() -> None:
    assert edges("#" * 12, guarded=True) == [
        (0, Edge.SOUND),
        (2, Edge.ONSET),
        (10, Edge.CONFIRMED),
    ]


def test_a_guarded_sound_that_does_not_last_is_a_false_alarm() -> None:
    assert edges("#####" + "." * 8, guarded=True) == [
        (0, Edge.SOUND),
        (2, Edge.ONSET),
        (12, Edge.FALSE_ALARM),
    ]


@pytest.mark.parametrize("frame_ms", [10, 20, 30, 32])
def test_a_sound_of_250_ms_is_never_confirmed_wherever_the_frames_cut_it(frame_ms: int) -> None:
    settings = EndpointerSettings(
        frame_ms=frame_ms, silence_ms=700, min_speech_ms=300, max_utterance_ms=30_000
    )
    endpointer = Endpointer(settings)
    touched = -(-250 // frame_ms) + 1
    found = [endpointer.push(number < touched, guarded=True) for number in range(touched + 40)]
    assert Edge.FALSE_ALARM in found
    assert Edge.CONFIRMED not in found


def test_a_guarded_utterance_ends_like_any_other_once_it_is_confirmed() -> None:
    found = edges("#" * 11 + "." * 10, guarded=True)
    assert [edge for _, edge in found] == [Edge.SOUND, Edge.ONSET, Edge.CONFIRMED, Edge.END]


def test_a_guarded_click_is_a_sound_at_once_and_soon_nothing() -> None:
    assert edges("..#....", guarded=True) == [(2, Edge.SOUND), (6, Edge.QUIET)]


def test_clicks_in_a_row_are_one_sound() -> None:
    assert edges("#.#..#.##....", guarded=True) == [(0, Edge.SOUND), (12, Edge.QUIET)]


def test_clicks_without_end_are_a_sound_for_half_a_second_until_there_is_quiet() -> None:
    assert edges("##.." * 20 + ".." + "#....", guarded=True) == [
        (0, Edge.SOUND),
        (16, Edge.QUIET),
        (82, Edge.SOUND),
        (86, Edge.QUIET),
    ]


def test_speech_after_clicks_without_end_begins_all_the_same() -> None:
    found = edges("##.." * 10 + "#" * 11, guarded=True)
    assert [edge for _, edge in found] == [Edge.SOUND, Edge.QUIET, Edge.ONSET, Edge.CONFIRMED]


def test_without_a_guard_a_click_is_nothing_at_all() -> None:
    assert edges("..#....") == []


def test_closing_the_microphone_ends_what_is_pending() -> None:
    endpointer = Endpointer(SETTINGS)
    for _ in range(5):
        endpointer.push(True)
    assert endpointer.flush() is Edge.END
    assert not endpointer.in_utterance


def test_closing_the_microphone_makes_an_unconfirmed_sound_a_false_alarm() -> None:
    endpointer = Endpointer(SETTINGS)
    for _ in range(5):
        endpointer.push(True, guarded=True)
    assert endpointer.flush() is Edge.FALSE_ALARM


def test_closing_the_microphone_in_silence_ends_nothing() -> None:
    endpointer = Endpointer(SETTINGS)
    endpointer.push(True)
    assert endpointer.flush() is None


@pytest.mark.parametrize("frame_ms", [10, 20, 30, 32])
def test_the_window_of_silence_is_counted_in_audio_whatever_the_frame(frame_ms: int) -> None:
    endpointer = Endpointer(
        EndpointerSettings(
            frame_ms=frame_ms, silence_ms=700, min_speech_ms=300, max_utterance_ms=30_000
        )
    )
    while endpointer.push(True) is not Edge.ONSET:
        pass
    frames = 1
    while endpointer.push(False) is not Edge.END:
        frames += 1
    assert 700 <= frames * frame_ms < 700 + frame_ms


@given(st.lists(st.booleans(), max_size=300), st.booleans())
def test_edges_always_come_in_their_order(frames: list[bool], guarded: bool) -> None:
    endpointer = Endpointer(SETTINGS)
    sounding, open_, confirmed = False, False, False
    for voiced in frames:
        match endpointer.push(voiced, guarded=guarded):
            case Edge.SOUND:
                assert guarded and not sounding and not open_
                sounding = True
            case Edge.QUIET:
                assert sounding and not open_
                sounding = False
            case Edge.ONSET:
                assert not open_
                assert guarded or not sounding  # a sound may have been given up before
                sounding, open_, confirmed = False, True, not guarded
            case Edge.CONFIRMED:
                assert open_ and not confirmed
                confirmed = True
            case Edge.FALSE_ALARM:
                assert open_ and not confirmed
                open_ = False
            case Edge.END | Edge.TOO_LONG:
                assert open_ and confirmed
                open_ = False
        assert endpointer.in_utterance is open_


def paused(floor_ms: int | None = 300) -> Endpointer:
    """Frames of 30 ms; a pause is told after 150 ms."""
    return Endpointer(
        EndpointerSettings(
            frame_ms=30,
            silence_ms=700,
            min_speech_ms=300,
            max_utterance_ms=5000,
            pause_ms=150,
            floor_ms=floor_ms,
        )
    )


def told(endpointer: Endpointer, voiced: bool, ms: int) -> list[Edge]:
    return [e for _ in range(ms // 30) if (e := endpointer.push(voiced)) is not None]


def test_a_short_silence_is_told_once_and_so_is_what_ends_it() -> None:
    endpointer = paused(None)
    assert told(endpointer, True, 600) == [Edge.ONSET]
    assert told(endpointer, False, 450) == [Edge.PAUSE]
    assert told(endpointer, True, 300) == [Edge.RESUMED]
    assert told(endpointer, False, 120) == []
    assert told(endpointer, True, 300) == []
    assert told(endpointer, False, 900) == [Edge.PAUSE, Edge.END]


def test_at_the_floor_somebody_must_decide() -> None:
    endpointer = paused()
    told(endpointer, True, 600)
    assert told(endpointer, False, 300) == [Edge.PAUSE, Edge.UNDECIDED]
    assert endpointer.decide(900) is None
    assert told(endpointer, False, 570) == []
    assert told(endpointer, False, 30) == [Edge.END]


def test_a_window_that_has_passed_already_is_the_end() -> None:
    endpointer = paused()
    told(endpointer, True, 600)
    told(endpointer, False, 300)
    assert endpointer.decide(200) is Edge.END
    assert not endpointer.in_utterance
    assert endpointer.decide(200) is None


def test_who_is_never_answered_goes_on_being_undecided() -> None:
    endpointer = paused()
    told(endpointer, True, 600)
    assert set(told(endpointer, False, 3000)) == {Edge.PAUSE, Edge.UNDECIDED}
    assert Edge.TOO_LONG in told(endpointer, False, 3000), "the longest utterance holds"
