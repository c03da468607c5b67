"""Who answered: by words, by the length of a speech, by the beep behind it."""

from __future__ import annotations

import pytest

from parley.audio.line_tone import LineTone
from parley.conversation.answering_machine import (
    BEEP_QUIET_MS,
    LISTENS_MS,
    MONOLOGUE_MS,
    PERSON_QUIET_MS,
    Answered,
    AnsweringMachine,
)
from parley.conversation.answering_machine_words import SAYINGS, sayings_for


def tone(ended_ms: int, *hertz: float, ms: int = 400, key: str = "") -> LineTone:
    return LineTone(hertz=hertz or (1000.0,), key=key, ms=ms, ended_ms=ended_ms, level_dbfs=-15.0)


def after_speech(text: str, *, ms: int = 3000, language: str = "en") -> AnsweringMachine:
    """Somebody has spoken from 500 ms on."""
    machine = AnsweringMachine(language=language)
    machine.speech_began(500)
    machine.speech_ended(500 + ms)
    machine.heard(text, 500 + ms)
    return machine


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Hi, this is Mary. Please leave a message after the tone."),
        ("en", "You've reached Smith and Sons."),
        ("en", "Your call has been forwarded to an automated voice messaging system."),
        ("en", "The mailbox is full."),
        ("de", "Guten Tag, bitte sprechen Sie nach dem Signalton."),
        ("de", "Hier ist der Anrufbeantworter der Familie Weiß."),
        ("fr", "Bonjour, laissez-moi un message après le bip."),
        ("fr", "Vous êtes bien chez Marie Dupont."),
        ("es", "Deje su mensaje después de la señal."),
        ("es", "Bienvenido al buzón de voz."),
    ],
)
def test_what_only_machines_say_is_a_machine(language: str, text: str) -> None:
    assert after_speech(text, language=language).answered is Answered.MACHINE
    assert after_speech(text, language="").answered is Answered.MACHINE


@pytest.mark.parametrize(
    "text",
    ["Hello?", "Smith and Sons, this is Mary, how can I help you?", "Ja bitte?", "Allô?", "¿Diga?"],
)
def test_a_short_greeting_with_room_for_an_answer_is_a_persons(text: str) -> None:
    machine = after_speech(text, ms=1500, language="")
    assert machine.answered is Answered.UNKNOWN
    assert machine.deadline_ms == 2000 + PERSON_QUIET_MS
    machine.passed(2000 + PERSON_QUIET_MS - 1)
    assert machine.answered is Answered.UNKNOWN
    assert machine.passed(2000 + PERSON_QUIET_MS) is Answered.PERSON
    assert machine.deadline_ms is None


def test_a_service_that_asks_who_calls_is_screening() -> None:
    text = "Hi, if you record your name and reason for calling, I'll see if they are available."
    machine = after_speech(text)
    assert machine.answered is Answered.SCREENING
    assert machine.reason.startswith("words: ")


def test_after_a_service_that_screens_a_mailbox_may_come() -> None:
    machine = after_speech("Please state your name.")
    machine.speech_began(20_000)
    assert machine.heard("Leave a message at the tone.", 23_000) is Answered.MACHINE


def test_not_available_counts_where_the_speech_is_long() -> None:
    assert after_speech("She's not available.", ms=1200).answered is Answered.UNKNOWN
    assert after_speech("She's not available.", ms=3000).answered is Answered.MACHINE


def test_who_talks_on_is_a_machine_while_it_still_talks() -> None:
    machine = AnsweringMachine()
    machine.speech_began(1000)
    assert machine.deadline_ms == 1000 + MONOLOGUE_MS
    assert machine.passed(999 + MONOLOGUE_MS) is Answered.UNKNOWN
    assert machine.passed(1000 + MONOLOGUE_MS) is Answered.MACHINE
    assert machine.reason == "monologue of 6.0 s"


def test_short_pauses_do_not_end_a_monologue() -> None:
    machine = AnsweringMachine()
    for at_ms in (0, 2500, 5000):
        machine.speech_began(at_ms)
        machine.speech_ended(at_ms + 1900)
        machine.passed(at_ms + 2400)
    assert machine.answered is Answered.MACHINE


def test_a_person_who_talks_at_length_in_the_second_speech_stays_a_person() -> None:
    machine = after_speech("Hello?", ms=600)
    machine.passed(10_000)
    machine.speech_began(10_000)
    assert machine.speech_ended(20_000) is Answered.PERSON


def test_a_person_may_speak_of_messages_later() -> None:
    machine = after_speech("Hello?", ms=600)
    machine.passed(5000)
    for at_ms in (6000, 12_000):
        machine.speech_began(at_ms)
        machine.speech_ended(at_ms + 2000)
    assert machine.heard("Would you like to leave a message?", 14_000) is Answered.PERSON


def test_a_machine_may_begin_with_hello_and_a_pause() -> None:
    machine = after_speech("Hello?", ms=600)
    assert machine.passed(3500) is Answered.PERSON
    machine.speech_began(3500)
    machine.speech_ended(6000)
    assert machine.heard("Just kidding, leave a message after the beep.", 6000) is Answered.MACHINE


def test_a_beep_behind_speech_and_quiet_behind_it() -> None:
    machine = after_speech("Smith and Sons", ms=3600)
    machine.tone(tone(5000))
    assert machine.deadline_ms == 5000 + BEEP_QUIET_MS
    assert machine.passed(5000 + BEEP_QUIET_MS) is Answered.MACHINE
    assert machine.beeped
    assert machine.reason == "beep of 1000 Hz"


def test_a_beep_that_is_told_before_the_end_of_the_speech() -> None:
    machine = AnsweringMachine()
    machine.speech_began(500)
    machine.tone(tone(4800))
    machine.passed(5500)
    machine.speech_ended(4200)
    machine.passed(4800 + BEEP_QUIET_MS)
    assert machine.beeped


@pytest.mark.parametrize(
    "no_beep",
    [
        tone(5000, 350.0, 440.0),
        tone(5000, 1000.0, ms=100),
        tone(5000, 250.0),
        tone(5000, 2600.0),
        tone(5000, 1336.0, key="8"),
        tone(20_000),
    ],
)
def test_what_is_no_beep(no_beep: LineTone) -> None:
    machine = after_speech("Smith and Sons", ms=3600)
    machine.tone(no_beep)
    machine.passed(30_000)
    assert not machine.beeped


def test_a_busy_tone_is_no_beep() -> None:
    machine = after_speech("Smith and Sons", ms=3600)
    for ended_ms in range(5000, 9000, 1000):
        machine.tone(tone(ended_ms, 425.0, ms=500))
        machine.passed(ended_ms + 700, tone_now=True)
        machine.passed(ended_ms + BEEP_QUIET_MS, tone_now=True)
    assert not machine.beeped


def test_a_ring_before_anybody_spoke_is_no_beep() -> None:
    machine = AnsweringMachine()
    machine.tone(tone(1000, 425.0, ms=1000))
    machine.passed(4000)
    assert not machine.beeped


def test_speech_behind_a_tone_says_that_it_was_no_beep() -> None:
    machine = after_speech("Smith and Sons", ms=3600)
    machine.tone(tone(5000))
    machine.speech_began(5400)
    machine.speech_ended(6000)
    machine.passed(9000)
    assert not machine.beeped


def test_a_tone_in_the_midst_of_speech_is_no_beep() -> None:
    machine = AnsweringMachine()
    machine.speech_began(500)
    machine.tone(tone(2000))
    machine.speech_ended(4000)
    machine.passed(9000)
    assert not machine.beeped


def test_a_persons_telephone_may_beep() -> None:
    machine = after_speech("Hello?", ms=600)
    machine.passed(4000)
    machine.tone(tone(5000, 440.0, ms=300))
    assert machine.passed(9000) is Answered.PERSON
    assert not machine.beeped


def test_a_sound_that_was_no_speech_is_no_greeting() -> None:
    machine = AnsweringMachine()
    machine.speech_began(500)
    machine.no_speech()
    assert machine.deadline_ms is None
    assert machine.passed(9000) is Answered.UNKNOWN
    machine.speech_began(10_000)
    assert machine.deadline_ms == 10_000 + MONOLOGUE_MS


def test_nothing_is_decided_after_a_while() -> None:
    machine = AnsweringMachine()
    machine.speech_began(LISTENS_MS)
    machine.speech_ended(LISTENS_MS + 9000)
    assert machine.heard("Leave a message after the tone.", LISTENS_MS + 9000) is Answered.UNKNOWN


def test_a_language_without_a_table_has_the_words_of_all() -> None:
    assert sayings_for("pt") == tuple(SAYINGS.values())
    assert sayings_for("de-AT") == (SAYINGS["de"],)
