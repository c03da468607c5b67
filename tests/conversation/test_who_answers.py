"""What is told of who took a call, and that it is told once."""

from __future__ import annotations

import math

from parley.audio.line_tone import LineTone
from parley.conversation.who_answers import WhoAnswers

BEEP = LineTone(hertz=(1000.0,), key="", ms=400, ended_ms=0, level_dbfs=-20.0)


def test_it_hears_nothing_before_it_is_asked_to() -> None:
    who = WhoAnswers()
    who.speech_began(1)
    who.heard("please leave a message after the tone", 5)
    who.tone(BEEP, 9)
    assert who.news(20) == []
    assert who.deadline_s == math.inf
    assert not who.listening


def test_a_machine_and_its_beep_are_told_once() -> None:
    who = WhoAnswers()
    who.listen(100)
    who.speech_began(101)
    who.heard("please leave a message after the tone", 104)
    assert who.news(104) == ["machine"]
    who.speech_ended(105)
    who.tone(BEEP, 106)
    assert who.news(106.1) == []
    assert 106.5 < who.deadline_s < 107.5
    assert who.news(who.deadline_s) == ["beep"]
    assert who.news(110) == []
    assert not who.listening, "nothing more is waited for"


def test_a_busy_tone_is_no_beep() -> None:
    who = WhoAnswers()
    who.listen(0)
    who.speech_began(1)
    who.heard("please leave a message", 3)
    who.speech_ended(4)
    assert who.news(4) == ["machine"]
    who.tone(BEEP, 5)
    who.tone_now = lambda: True
    assert who.news(6) == []


def test_a_person_is_told_by_the_room_for_an_answer() -> None:
    who = WhoAnswers()
    who.listen(0)
    who.speech_began(1)
    who.speech_ended(1.6)
    assert who.news(1.6) == []
    assert who.news(who.deadline_s) == ["human"]
