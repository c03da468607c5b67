"""Listening noises and interruptions, told apart by their words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversation.backchannel import MAX_WORDS, Table, Verdict, judge, words_of
from parley.conversation.backchannel_words import ENGLISH, TABLES, table_for
from support.interjections import (
    BACKCHANNELS,
    HOW_MANY,
    INTERRUPTIONS,
    VOICES,
    backchannels,
    interruptions,
)

GOES_ON, INTERRUPT, UNKNOWN = Verdict.BACKCHANNEL, Verdict.INTERRUPT, Verdict.UNKNOWN
CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"

EXAMPLES = {
    "en": {
        GOES_ON: [
            *(
                "mm-hmm",
                "Mm-hmm.",
                "mm hmm",
                "MHM",
                "uh-huh",
                "yeah",
                "Yeah, yeah.",
                "yep",
                "right",
            ),
            *(
                "okay",
                "OK",
                "O.K.",
                "sure",
                "I see",
                "i see.",
                "got it",
                "go on",
                "Go on!",
                "all right",
            ),
            *(
                "yeah okay I see",
                "mm-hmm mm-hmm mm-hmm mm-hmm",
                "oh okay",
                "that's right",
                f"that{CURLY}s true",
            ),
            *("okay [noise]", "(coughs) yeah", "<sil> right", "aha… yes"),
        ],
        INTERRUPT: [
            *("stop", "Stop!", "wait", "no", "No, no.", "hold on", "hang on", "shut up", "quiet"),
            *("cancel", "but", "actually", "okay stop", "yeah but", "right, wait", "mm-hmm no"),
            *("what time is it", "the weather", "okay the weather", "Paris", "7", "oh well", "I"),
            *("I see the sea", "right now", "go on holiday", "yeah yeah yeah yeah yeah"),
            *("I said so", "got it wrong", "okay how", "stopp", "ja"),
        ],
    },
    "de": {
        GOES_ON: [
            "mhm",
            "Ja.",
            "ja ja",
            "genau",
            "Ach so!",
            "na klar",
            "ich weiß",
            "Ja, verstehe.",
            "OK",
        ],
        INTERRUPT: [
            *("stopp", "Halt!", "warte mal", "nein", "ja aber", "Moment", "doch", "sei still"),
            *("hör auf", "Wie spät ist es?", "ja wie", "weiter nach Berlin", "danke"),
        ],
    },
    "es": {
        GOES_ON: [
            "mhm",
            "sí",
            "Si.",
            "ajá",
            "claro que sí",
            "vale",
            "ya veo",
            "de acuerdo",
            "sigue",
        ],
        INTERRUPT: ["para", "¡Espera!", "no", "sí pero", "un momento", "¿Qué hora es?", "cállate"],
    },
    "fr": {
        GOES_ON: [
            "mhm",
            "oui",
            "Ouais.",
            "d'accord",
            f"D{CURLY}accord !",
            "je vois",
            "c'est ça",
            "vas-y",
        ],
        INTERRUPT: [
            "stop",
            "arrête",
            "attends",
            "non",
            "oui mais",
            "tais-toi",
            "Quelle heure est-il ?",
        ],
    },
}

CASES = [
    (language, text, verdict)
    for language, verdicts in EXAMPLES.items()
    for verdict, texts in verdicts.items()
    for text in texts
]


@pytest.mark.parametrize(("language", "text", "verdict"), CASES)
def test_the_words_tell(language: str, text: str, verdict: Verdict) -> None:
    assert judge(text, table_for(language), final=True) is verdict


@pytest.mark.parametrize("text", ["", " ", "...", "—", "[noise]", "(laughs) <sil>", "*cough*"])
@pytest.mark.parametrize("final", [True, False])
def test_without_words_nobody_knows(text: str, final: bool) -> None:
    assert judge(text, ENGLISH, final=final) is UNKNOWN


@pytest.mark.parametrize("text", ["I", "go", "got", "oh", "okay I", "yeah got", "that's", "all"])
def test_the_beginning_of_a_phrase_is_waited_for_until_no_more_words_come(text: str) -> None:
    assert judge(text, ENGLISH) is UNKNOWN
    assert judge(text, ENGLISH, final=True) is INTERRUPT


@pytest.mark.parametrize("text", ["no", "stop", "but", "what", "the", "I want", "go to", "hold"])
def test_other_words_interrupt_at_once(text: str) -> None:
    assert judge(text, ENGLISH) is INTERRUPT


def test_a_backchannel_is_short() -> None:
    assert judge("yeah", ENGLISH) is GOES_ON
    assert judge(" ".join(["yeah"] * MAX_WORDS), ENGLISH) is GOES_ON
    assert judge(" ".join(["yeah"] * (MAX_WORDS + 1)), ENGLISH) is INTERRUPT


@pytest.mark.parametrize("text", ["", "yeah", "mm-hmm", "はい", "stop"])
@pytest.mark.parametrize("language", ["auto", "ja", "nl", "", "english"])
def test_in_a_language_without_a_table_everything_interrupts(language: str, text: str) -> None:
    assert table_for(language) is None
    assert judge(text, table_for(language)) is INTERRUPT


@pytest.mark.parametrize(("code", "base"), [("en-US", "en"), ("de_AT", "de"), ("FR", "fr")])
def test_a_region_has_the_table_of_its_language(code: str, base: str) -> None:
    assert table_for(code) is TABLES[base]


@pytest.mark.parametrize("text", BACKCHANNELS)
def test_the_test_sounds_are_what_they_are_made_for(text: str) -> None:
    assert judge(text, ENGLISH) is GOES_ON


@pytest.mark.parametrize("text", INTERRUPTIONS)
def test_and_the_others_too(text: str) -> None:
    assert judge(text, ENGLISH) is INTERRUPT


@pytest.mark.slow
def test_forty_of_each_are_spoken_by_every_voice() -> None:
    for sounds, texts in ((backchannels(), BACKCHANNELS), (interruptions(), INTERRUPTIONS)):
        assert len(sounds) == HOW_MANY
        assert {said.take.text for said in sounds} == set(texts)
        assert {said.take.voice for said in sounds} == set(VOICES)
        assert len({said.pcm16 for said in sounds}) == HOW_MANY
    assert all(150 < said.ms < 1000 for said in backchannels())
    assert all(150 < said.ms < 2000 for said in interruptions())


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_does_not_contradict_itself(table: Table) -> None:
    for phrase in table.backchannels:
        assert judge(" ".join(phrase), table, final=True) is GOES_ON, phrase
        assert len(phrase) <= MAX_WORDS
    for phrase in table.interruptions:
        assert judge(" ".join(phrase), table) is INTERRUPT, phrase
        for beside in table.backchannels:
            assert judge(" ".join(beside + phrase), table) is INTERRUPT
            assert judge(" ".join(phrase + beside), table) is INTERRUPT


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mm-hmm.", ("mm", "hmm")),
        (f"It{CURLY}s  5 o'clock!", ("it's", "5", "o'clock")),
        ("si\N{COMBINING ACUTE ACCENT}", ("sí",)),
        ("'quoted'", ("quoted",)),
        ("a_b", ("a", "b")),
        ("[uh] (um) <x> *y*", ()),
    ],
)
def test_words_are_found(text: str, words: tuple[str, ...]) -> None:
    assert words_of(text) == words


@given(st.text(max_size=60), st.sampled_from([*TABLES.values(), None]))
def test_any_text_is_judged(text: str, table: Table | None) -> None:
    verdict = judge(text, table)
    final = judge(text, table, final=True)
    assert final in (verdict, INTERRUPT)
    if verdict is GOES_ON:
        assert final is GOES_ON


PHRASES = st.sampled_from([" ".join(phrase) for phrase in ENGLISH.backchannels])


@given(st.lists(PHRASES, min_size=1, max_size=2), st.sampled_from([" ", ", ", "... ", ". "]))
def test_backchannels_in_a_row_are_one(phrases: list[str], between: str) -> None:
    said = between.join(phrases)
    wanted = GOES_ON if len(said.split()) <= MAX_WORDS else INTERRUPT
    assert judge(said, ENGLISH) is wanted
