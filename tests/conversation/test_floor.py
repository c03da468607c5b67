"""Who is speaking, how sure that is, and what it asks of a reply."""

from __future__ import annotations

import math
from typing import Any

import pytest

from parley.conversation.backchannel_words import ENGLISH
from parley.conversation.floor import CLOSE_S, HOLD_S, SURE_MS, Floor, Meaning


def floor(*, listens: bool = False) -> Floor:
    """`listens`: what a listener may say does not interrupt."""
    return Floor(ENGLISH if listens else None, ENGLISH)


def during_reply(*, listens: bool = False, guarded: bool = True, now_s: float = 0.0) -> Floor:
    """An utterance began while a reply was made or heard."""
    one = floor(listens=listens)
    one.began(1, now_s, guarded=guarded, during_reply=True)
    return one


def asked(one: Floor, now_s: float) -> tuple[bool, bool]:
    """Whether it holds a reply, and whether it claims the floor."""
    return one.holds(now_s), one.claims()


HELD, CLAIMED, FREE = (True, False), (False, True), (False, False)


# Sounds


def test_nobody_speaks_at_first() -> None:
    one = floor()
    assert asked(one, 0.0) == FREE
    assert (one.taken, one.at_rest, one.deadline_s(0.0)) == (False, True, math.inf)


def test_a_sound_holds_a_reply_for_a_moment() -> None:
    one = floor()
    one.sound(10.0)
    assert asked(one, 10.0) == asked(one, 10.0 + HOLD_S - 0.01) == HELD
    assert asked(one, 10.0 + HOLD_S) == FREE
    assert one.deadline_s(10.0) == 10.0 + HOLD_S


def test_a_sound_that_was_nothing_holds_no_longer() -> None:
    one = floor()
    one.sound(10.0)
    one.sound_passed()
    assert asked(one, 10.0) == FREE
    assert one.at_rest


def test_a_sound_is_not_rest() -> None:
    one = floor()
    one.sound(10.0)
    assert not one.at_rest


def test_a_sound_passes_into_the_utterance_that_it_begins() -> None:
    one = floor()
    one.sound(10.0)
    one.began(1, 10.1, guarded=False, during_reply=True)
    assert asked(one, 10.1) == CLAIMED


def test_a_moment_that_is_a_hair_away_has_come() -> None:
    one = floor()
    one.sound(10.0)
    assert asked(one, 10.0 + HOLD_S - CLOSE_S / 2) == FREE
    assert one.deadline_s(10.0 + HOLD_S - CLOSE_S / 2) == math.inf


# Utterances


def test_speech_before_any_reply_is_sure_and_claims_the_floor() -> None:
    one = floor()
    one.began(1, 0.0, guarded=False, during_reply=False)
    assert asked(one, 0.0) == CLAIMED
    assert one.taken and one.is_open(1) and not one.is_unsure(1)


def test_what_begins_during_a_reply_only_holds_it() -> None:
    one = during_reply()
    assert asked(one, 0.0) == HELD
    assert not one.taken and not one.is_open(1) and one.is_unsure(1)


def test_what_has_lasted_claims_the_floor() -> None:
    one = during_reply()
    one.confirmed(1, 0.3)
    assert asked(one, 0.3) == CLAIMED
    assert one.taken and one.is_open(1) and not one.is_unsure(1)


def test_a_hold_ends_when_nothing_more_is_heard_of_the_utterance() -> None:
    one = during_reply()
    assert one.deadline_s(0.0) == HOLD_S
    assert asked(one, HOLD_S) == FREE
    assert one.is_unsure(1), "its words may still come"


def test_each_word_prolongs_a_hold() -> None:
    one = during_reply()
    one.words(1, "mm", 200, 0.9)
    assert asked(one, 0.9 + HOLD_S - 0.01) == HELD
    assert one.deadline_s(1.0) == 0.9 + HOLD_S


def test_a_sound_that_did_not_last_holds_no_longer_and_is_judged_by_its_words() -> None:
    one = during_reply()
    one.over(1, 0.2)
    assert asked(one, 0.2) == FREE
    assert one.is_unsure(1) and not one.at_rest


def test_a_claim_lasts_until_the_words_are_there_however_late_they_are() -> None:
    one = during_reply()
    one.confirmed(1, 0.3)
    one.over(1, 1.0)
    assert asked(one, 1000.0) == CLAIMED
    one.heard(1, "")
    assert asked(one, 1000.0) == FREE
    assert one.at_rest


def test_a_claim_ends_with_an_utterance_that_is_dropped() -> None:
    one = during_reply()
    one.confirmed(1, 0.3)
    one.dropped(1)
    assert asked(one, 0.3) == FREE
    assert one.at_rest


def test_the_floor_is_claimed_as_long_as_anybody_claims_it() -> None:
    one = floor()
    for number in (1, 2):
        one.began(number, 0.0, guarded=False, during_reply=True)
    one.heard(1, "")
    assert asked(one, 0.0) == CLAIMED
    one.heard(2, "")
    assert asked(one, 0.0) == FREE


@pytest.mark.parametrize(
    "told",
    [
        lambda one: one.confirmed(7, 1.0),
        lambda one: one.long(7, 1.0),
        lambda one: one.over(7, 1.0),
        lambda one: one.dropped(7),
        lambda one: one.failed(7),
        lambda one: one.words(7, "some words here", 500, 1.0),
        lambda one: one.concluded(7, "words", 1.0),
        lambda one: one.heard(7, "words"),
    ],
)
def test_a_report_on_an_utterance_that_nobody_knows_changes_nothing(told: Any) -> None:
    one = floor()
    told(one)
    assert one.at_rest and asked(one, 1.0) == FREE


# A recognizer that gives up


def test_an_utterance_that_was_given_up_claims_the_floor_until_it_is_over() -> None:
    one = during_reply()
    one.confirmed(1, 0.3)
    one.failed(1)
    assert asked(one, 0.5) == CLAIMED
    assert not one.taken and not one.is_open(1), "no words will come"
    one.over(1, 2.0)
    assert asked(one, 2.0) == FREE
    assert one.at_rest


def test_an_utterance_that_is_given_up_when_it_is_over_is_forgotten() -> None:
    one = during_reply()
    one.confirmed(1, 0.3)
    one.over(1, 1.0)
    one.failed(1)
    assert asked(one, 1.0) == FREE
    assert one.at_rest


def test_a_sound_that_was_given_up_and_was_never_sure_is_forgotten() -> None:
    one = during_reply()
    one.over(1, 0.2)
    one.failed(1)
    assert one.at_rest


def test_a_sound_that_was_given_up_holds_nothing() -> None:
    one = during_reply()
    one.failed(1)
    assert asked(one, 0.0) == FREE


def test_what_is_understood_of_an_utterance_that_was_given_up_means_nothing() -> None:
    one = during_reply()
    one.confirmed(1, 0.3)
    one.failed(1)
    assert one.words(1, "stop it right now", 900, 0.5) is Meaning.NOTHING
    assert one.concluded(1, "stop", 0.5) is Meaning.NOTHING


# Words


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", Meaning.NOTHING),
        ("so", Meaning.NOTHING),
        ("so what", Meaning.NOTHING),
        ("so what now", Meaning.WORDS),
        ("[noise] (laughs) so", Meaning.NOTHING),
    ],
)
def test_three_words_are_speech_whatever_the_final_makes_of_them(
    text: str, meaning: Meaning
) -> None:
    one = during_reply()
    one.confirmed(1, 0.3)
    assert one.words(1, text, 900, 0.5) is meaning


def test_words_of_an_utterance_that_is_not_sure_wait() -> None:
    one = during_reply()
    assert one.words(1, "so what now", 300, 0.2) is Meaning.NOTHING


def test_what_an_utterance_will_have_said_means_words() -> None:
    one = during_reply()
    one.confirmed(1, 0.3)
    assert one.concluded(1, "hello", 1.0) is Meaning.WORDS
    assert one.concluded(1, "[noise]", 1.0) is Meaning.NOTHING
    assert one.is_open(1), "it goes on, or its final comes"


def test_what_a_sound_that_is_not_sure_will_have_said_means_nothing_yet() -> None:
    one = during_reply()
    assert one.concluded(1, "hello", 0.2) is Meaning.NOTHING


@pytest.mark.parametrize("text", ["", "  ", "...", "[noise]"])
def test_a_final_without_words_means_nothing(text: str) -> None:
    one = floor()
    one.began(1, 0.0, guarded=False, during_reply=False)
    assert one.heard(1, text) is Meaning.NOTHING


def test_a_final_of_which_no_beginning_was_told_means_its_words() -> None:
    assert floor().heard(1, "hello") is Meaning.WORDS
    assert floor().heard(1, "") is Meaning.NOTHING


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("no", Meaning.WORDS),
        ("Tuesday", Meaning.WORDS),
        ("yeah", Meaning.BACKCHANNEL),
        ("mm-hmm", Meaning.BACKCHANNEL),
        ("the", Meaning.NOTHING),
        ("ah", Meaning.NOTHING),
        ("[noise]", Meaning.NOTHING),
        ("", Meaning.NOTHING),
    ],
)
@pytest.mark.parametrize("listens", [True, False])
def test_a_sound_that_was_too_short_is_judged_by_its_words(
    listens: bool, text: str, meaning: Meaning
) -> None:
    one = during_reply(listens=listens)
    one.over(1, 0.2)
    assert one.heard(1, text) is meaning


@pytest.mark.parametrize(
    ("text", "confidence", "meaning"),
    [
        ("Tuesday", 0.2, Meaning.NOTHING),
        ("Tuesday", 0.7, Meaning.NOTHING),
        ("Tuesday", 0.8, Meaning.WORDS),
        ("What?", 0.7, Meaning.NOTHING),
        ("What?", 0.9, Meaning.WORDS),
        ("what no", 0.05, Meaning.WORDS),
        ("Tuesday", 0.0, Meaning.WORDS),
        ("no", 0.05, Meaning.WORDS),
        ("okay stop", 0.05, Meaning.WORDS),
        ("the", 0.7, Meaning.NOTHING),
        ("wall", 0.7, Meaning.NOTHING),
        ("yeah", 0.7, Meaning.BACKCHANNEL),
    ],
)
def test_a_guess_at_a_short_sound_is_believed_only_where_it_ends_a_reply(
    text: str, confidence: float, meaning: Meaning
) -> None:
    one = during_reply()
    one.over(1, 0.2)
    assert one.heard(1, text, confidence) is meaning


@pytest.mark.parametrize(
    ("text", "long", "meaning"),
    [
        ("the", False, Meaning.NOTHING),
        ("all", True, Meaning.NOTHING),
        ("ah ah ah", True, Meaning.NOTHING),
        ("Tuesday", False, Meaning.WORDS),
        ("Mm.", False, Meaning.NOTHING),
        ("shop", True, Meaning.NOTHING),
        ("Thank you.", True, Meaning.NOTHING),
        ("Thank you.", False, Meaning.WORDS),
        ("um, Tuesday", True, Meaning.WORDS),
        ("no", True, Meaning.WORDS),
        ("the red one", True, Meaning.WORDS),
    ],
)
@pytest.mark.parametrize("listens", [True, False])
def test_a_hum_over_a_reply_means_nothing_whatever_words_are_made_of_it(
    listens: bool, text: str, long: bool, meaning: Meaning
) -> None:
    one = during_reply(listens=listens)
    one.confirmed(1, 0.3)
    if long:
        one.long(1, 1.5)
    assert one.words(1, text, 800, 1.6) in (Meaning.NOTHING, meaning)
    assert one.concluded(1, text, 1.8) is meaning
    assert one.heard(1, text, 0.7) is meaning


def test_when_there_is_no_reply_each_word_is_one() -> None:
    one = floor()
    one.began(1, 0.0, guarded=False, during_reply=False)
    one.long(1, 1.5)
    assert one.heard(1, "all") is Meaning.WORDS


def test_a_sentence_without_spaces_is_no_drawn_out_word() -> None:
    one = Floor()
    one.began(1, 0.0, guarded=True, during_reply=True)
    one.confirmed(1, 0.3)
    one.long(1, 1.5)
    assert one.heard(1, "今日は天気がいいですね") is Meaning.WORDS


@pytest.mark.parametrize("text", ["no", "yeah", "the"])
def test_without_a_table_for_its_language_a_short_sound_with_words_means_them(text: str) -> None:
    one = Floor()
    one.began(1, 0.0, guarded=True, during_reply=True)
    assert one.heard(1, text) is Meaning.WORDS


# What a listener says


def test_what_may_be_a_listeners_word_only_holds_the_reply() -> None:
    one = during_reply(listens=True)
    one.confirmed(1, 0.3)
    assert asked(one, 0.3) == HELD
    assert one.taken


def test_what_seems_a_listeners_word_lets_the_reply_go_on() -> None:
    one = during_reply(listens=True)
    one.confirmed(1, 0.3)
    assert one.words(1, "yeah", 400, 0.4) is Meaning.NOTHING
    assert asked(one, 0.4) == FREE


def test_other_words_are_believed_when_there_is_enough_speech() -> None:
    one = during_reply(listens=True)
    one.confirmed(1, 0.3)
    one.words(1, "Tuesday", SURE_MS - 1, 0.4)
    assert asked(one, 0.4) == HELD
    one.words(1, "Tuesday", SURE_MS, 0.5)
    assert asked(one, 0.5) == CLAIMED


def test_a_word_that_ends_a_reply_is_believed_at_once() -> None:
    one = during_reply(listens=True)
    one.confirmed(1, 0.3)
    assert one.words(1, "okay stop", 300, 0.4) is Meaning.WORDS
    assert asked(one, 0.4) == CLAIMED


def test_who_speaks_for_longer_than_any_listener_claims_the_floor() -> None:
    one = during_reply(listens=True)
    one.confirmed(1, 0.3)
    one.words(1, "yeah", 400, 0.4)
    one.long(1, 1.5)
    assert asked(one, 1.5) == CLAIMED
    assert one.heard(1, "yeah right") is Meaning.WORDS


def test_a_listeners_word_is_no_answer() -> None:
    one = during_reply(listens=True)
    one.confirmed(1, 0.3)
    assert one.concluded(1, "yeah", 0.8) is Meaning.BACKCHANNEL
    assert one.heard(1, "yeah") is Meaning.BACKCHANNEL


def test_the_beginning_of_a_listeners_word_is_none_when_it_is_all() -> None:
    one = during_reply(listens=True)
    one.confirmed(1, 0.3)
    assert one.words(1, "that makes", 800, 0.9) is Meaning.NOTHING
    assert asked(one, 0.9) == HELD
    assert one.heard(1, "that makes") is Meaning.WORDS


def test_who_has_ended_a_reply_by_words_is_answered_to_the_fewer_words_of_the_final() -> None:
    """A long "please" alone is a hum; behind a hypothesis that ended the reply it is a wish, and
    else the person would have silence instead of the reply and instead of an answer."""
    one = during_reply()
    one.confirmed(1, 0.3)
    one.long(1, 1.6)
    assert one.words(1, "please say it please", 1600, 1.7) is Meaning.WORDS
    assert one.heard(1, "please") is Meaning.WORDS
    for number, final in ((2, "please"), (3, "")):
        one.began(number, 3.0, guarded=True, during_reply=True)
        one.confirmed(number, 3.3)
        one.long(number, 4.6)
        if not final:
            assert one.words(number, "please say it please", 1600, 4.7) is Meaning.WORDS
        assert one.heard(number, final) is Meaning.NOTHING


def test_before_any_reply_a_listeners_word_is_a_word_like_any_other() -> None:
    one = floor(listens=True)
    one.began(1, 0.0, guarded=False, during_reply=False)
    assert asked(one, 0.0) == CLAIMED
    assert one.heard(1, "yeah") is Meaning.WORDS


def test_who_speaks_as_a_reply_begins_may_be_a_listener() -> None:
    one = during_reply(listens=True, guarded=False)
    assert asked(one, 0.0) == HELD
    assert one.heard(1, "yeah") is Meaning.BACKCHANNEL


def test_where_nobody_listens_for_them_such_words_interrupt_when_they_have_lasted() -> None:
    one = during_reply()
    one.confirmed(1, 0.3)
    assert asked(one, 0.3) == CLAIMED
    assert one.heard(1, "yeah") is Meaning.WORDS


def test_a_listener_that_was_given_up_claims_the_floor_until_it_is_over() -> None:
    one = during_reply(listens=True)
    one.confirmed(1, 0.3)
    one.failed(1)
    assert asked(one, 0.3) == CLAIMED
    one.over(1, 0.5)
    assert asked(one, 0.5) == FREE
