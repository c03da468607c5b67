# ruff: noqa: RUF001
"""Words are found again in a row of phonemes, however a phonemizer wrote them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.engines.tts import phoneme_times
from parley.engines.tts.phoneme_times import Sound, from_phonemes, remembered

ALONE: Mapping[str, str] = {
    "the": "ðə",
    "end": "ˈɛnd",
    "of": "ʌv",
    "road,": "ɹˈoʊd, ",
    "to": "tuː",
    "see": "sˈiː",
    "10:30": "tˈɛn θˈɜːɾi",
    "Dr.": "dˈɑːktɚ.",
    "Smith": "smˈɪθ",
    "well": "wˈɛl",
}


def starts(text: str, phonemes: str, alone: Mapping[str, str] = ALONE) -> dict[str, str]:
    """Which phonemes each word begins with, where one phoneme lasts 0.1 s."""
    sounds = [Sound(phoneme, number / 10) for number, phoneme in enumerate(phonemes)]
    words = from_phonemes(text, sounds, len(phonemes) / 10, lambda word: alone[word])
    begins = [round(10 * word.start_s) for word in words]
    ends = [*begins[1:], len(phonemes)]
    return {
        text[word.start : word.end]: phonemes[begin:end].strip(" ")
        for word, begin, end in zip(words, begins, ends, strict=True)
    }


@pytest.mark.parametrize(
    ("text", "phonemes", "found"),
    [
        ("the end", "^ðə ˈɛnd$", ["ðə", "ˈɛnd$"]),
        ("the end", "^ðɪʲ ˈɛnd$", ["ðɪʲ", "ˈɛnd$"]),
        ("end of the road,", "^ˈɛnd ʌvðə ɹˈoʊd,$", ["ˈɛnd", "ʌv", "ðə", "ɹˈoʊd,$"]),
        ("see 10:30 to", "^sˈiː tˈɛn θˈɜːɾi tə$", ["sˈiː", "tˈɛn θˈɜːɾi", "tə$"]),
        ("see 10:30 to", "^sˈiː tˈɛnθɜːɾi ˌoʊklɑk tə$", ["sˈiː", "tˈɛnθɜːɾi ˌoʊklɑk", "tə$"]),
        ("see Dr. Smith", "^sˈiː dˈɑːktɚ.$^ smˈɪθ$", ["sˈiː", "dˈɑːktɚ.$^", "smˈɪθ$"]),
        ("to to to", "^tə tuː tə$", ["tə$"]),
        ("well the see", "wˈɛl ðə sˈiː", ["wˈɛl", "ðə", "sˈiː"]),
    ],
)
def test_each_word_begins_with_its_first_sound(text: str, phonemes: str, found: list[str]) -> None:
    assert list(starts(text, phonemes).values()) == found


def test_a_word_of_which_nothing_is_said_alone_lies_between_its_neighbours() -> None:
    found = starts("the | end", "ðə ˈɛnd", {**ALONE, "|": ""})
    assert list(found) == ["the", "|", "end"]
    assert found["end"] == "ˈɛnd"


def test_what_has_no_phonemes_or_too_many_has_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert from_phonemes("the", [], 1.0, lambda word: "ðə") == ()
    assert from_phonemes("the", [Sound("ð", 0.0)], 1.0, lambda word: "") == ()
    assert from_phonemes("...", [Sound("ð", 0.0)], 1.0, lambda word: "ðə") == ()
    assert from_phonemes("the", [Sound("ð", 0.0)], 1.0, lambda word: "ðə")
    monkeypatch.setattr(phoneme_times, "CELLS_MAX", 3)
    assert from_phonemes("the", [Sound("ð", 0.0)], 1.0, lambda word: "ðəðə") == ()
    # Too long a text is not even written as phonemes.
    assert from_phonemes("the end", [Sound("ð", 0.0)], 1.0, dict[str, str]().__getitem__) == ()


def test_a_word_is_written_once_and_a_long_one_each_time() -> None:
    asked: list[tuple[str, ...]] = []

    def write(*of: str) -> str:
        asked.append(of)
        return of[-1].upper()

    phonemes_of = remembered(write)
    for _ in range(2):
        assert phonemes_of("en", "the") == "THE"
        assert phonemes_of("de", "the") == "THE"
        assert phonemes_of("en", "a" * 33) == "A" * 33
    assert asked == [("en", "the"), ("de", "the"), ("en", "a" * 33), ("en", "a" * 33)]


@given(
    words=st.lists(st.text("abɛ", min_size=1, max_size=4), min_size=1, max_size=8),
    noise=st.text("abɛ .,^$ˈ", max_size=30),
)
def test_whatever_a_voice_says_the_words_are_in_order(words: list[str], noise: str) -> None:
    text = " ".join(words)
    sounds = [Sound(phoneme, number / 10) for number, phoneme in enumerate(noise)]
    times = from_phonemes(text, sounds, 3.0, lambda word: word)
    assert len(times) in (0, len(words))
    moments = [time.start_s for time in times]
    assert moments == sorted(moments)


@given(st.lists(st.text("abɛ", min_size=1, max_size=4), min_size=1, max_size=8))
def test_words_said_as_they_are_alone_are_found_exactly(words: list[str]) -> None:
    row = " ".join(words)
    sounds = [Sound(phoneme, number / 8) for number, phoneme in enumerate(row)]
    times = from_phonemes(row, sounds, len(row) / 8, lambda word: word)
    assert [time.start_s for time in times] == [time.start / 8 for time in times]
