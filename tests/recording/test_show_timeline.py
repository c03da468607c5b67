"""What is read out of a recording is what the session itself knew."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
import trio

from parley.audio.pcm import HEARING_RATE_HZ
from parley.client.in_memory import InMemoryClient
from parley.conversation.events import BargedIn
from parley.engines.failures import EngineFailure, LaneLost
from parley.engines.llm.scripted import HANG
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.recording.show.reading import UnknownDialect, timeline_of
from parley.recording.show.text import lines
from parley.recording.show.timeline import Fate, Kind, Outcome
from parley.recording.tape import Entry, Recording
from parley.session.life import Session
from parley.testing import silence, speech
from parley.testing.performing import perform
from parley.testing.scene import Scene
from parley.testing.scenes import SCENES
from support.recordings import lively_recording, recorded, recording_of, words_sent

Clock = trio.testing.MockClock

SAID = (
    *("The light is off. Is there more?", "A timer is set.", "Ring. It is time."),
    *("Let me see.", "It is noon."),
)
"""The replies of the scenes without an agent that are said to their end."""

BESIDE = (
    *("agent-slow-tool-and-a-hum", "agent-silent-caller", "agent-crashes"),
    "realtime-by-hand",
)
"""Scenes in which more is said than replies: that a tool is slow, that nobody speaks. Or less:
replies that are text alone."""


@pytest.mark.few(12)
@pytest.mark.parametrize(
    "scene",
    # Audio from outside is taken for the reply's: in this dialect the frames look the same. And a
    # telephone service is told of a cut before it is known to be one.
    [
        scene
        for scene in SCENES.values()
        if scene.name != "broadcast-newspeech" and not scene.dialect.profile.telephone
    ],
    ids=lambda scene: scene.name,
)
async def test_what_was_heard_is_what_the_session_remembered(
    scene: Scene, autojump_clock: Clock
) -> None:
    told: list[str] = []

    def watch(event: object) -> None:
        if isinstance(event, BargedIn):
            told.append(event.heard)

    performance = await perform(scene, watchers=[watch])
    timeline = timeline_of(performance.recording())
    cut = [turn for turn in timeline.turns if turn.outcome is Outcome.INTERRUPTED]
    assert [turn.heard for turn in cut] == told
    for turn in timeline.turns:
        if turn.outcome is Outcome.COMPLETE:
            if scene.name not in BESIDE:
                assert turn.heard == turn.text
            assert scene.agent is not None or turn.text in SAID


@pytest.mark.parametrize("name", ["two-turns", "interruption"])
async def test_moments_are_those_of_the_servers_own_clock(name: str, autojump_clock: Clock) -> None:
    recording = await recorded(name)
    timeline = timeline_of(recording)
    told = [m for m in words_sent(recording, "metrics") if m["event"] == "latency"]
    assert len(told) == len(timeline.turns) == 2
    spoken = [said for said in timeline.utterances if said.fate is Fate.FINAL]
    for turn, said, server in zip(timeline.turns, spoken, told, strict=True):
        assert said.start_s * 1000 == pytest.approx(server["t0"], abs=0.2)
        assert said.partials[0].at_s * 1000 == pytest.approx(server["t1"], abs=0.2)
        assert said.final_s == turn.asked_s
        assert turn.asked_s * 1000 == pytest.approx(server["t2"], abs=0.2)
        assert turn.first_token_s is not None
        assert turn.first_token_s * 1000 == pytest.approx(server["t3"], abs=0.2)
        assert turn.first_audio_s is not None
        assert turn.first_audio_s * 1000 == pytest.approx(server["t4"], abs=0.2)


async def test_speech_lies_where_it_was_said(autojump_clock: Clock) -> None:
    timeline = timeline_of(await recorded("interruption"))
    assert [(round(v.start_s, 2), round(v.end_s, 2)) for v in timeline.voiced] == [
        (0.0, 0.9),
        (2.3, 3.1),
    ]
    loud = timeline.caller[int(2.31 * HEARING_RATE_HZ) : int(3.09 * HEARING_RATE_HZ)]
    assert (loud == 8000).all()
    assert not timeline.caller[int(0.91 * HEARING_RATE_HZ) : int(2.29 * HEARING_RATE_HZ)].any()


async def test_partials_grow_into_the_final(autojump_clock: Clock) -> None:
    timeline = timeline_of(await recorded("two-turns"))
    said = timeline.utterances[0]
    assert [partial.text for partial in said.partials] == [
        "turn",
        "turn the",
        "turn the light",
        "turn the light off",
    ]
    assert said.text == "turn the light off"
    assert said.end_s < (said.final_s or 0.0)


async def test_an_interrupted_reply_is_silent_from_the_cut_on(autojump_clock: Clock) -> None:
    timeline = timeline_of(await recorded("interruption"))
    turn, following = timeline.turns
    assert turn.cut_s is not None
    assert turn.latencies_ms["sound to silence"] == pytest.approx(320, abs=1)
    at, until = (
        round(turn.cut_s * HEARING_RATE_HZ),
        round((following.first_audio_s or 0) * HEARING_RATE_HZ),
    )
    assert timeline.parley[at - 100 : at].all()
    assert not timeline.parley[at:until].any()
    assert timeline.lost[at + 1 : at + 100].all()
    assert not timeline.lost[:at].any()
    (mark,) = [mark for mark in timeline.marks if mark.kind is Kind.INTERRUPTION]
    assert mark.at_s == turn.cut_s


async def test_a_click_holds_the_reply_and_is_no_utterance(autojump_clock: Clock) -> None:
    timeline = timeline_of(await recorded("in-base64"))
    (hold,) = timeline.holds
    assert hold.end_s - hold.start_s == pytest.approx(0.15, abs=0.01)
    assert all(turn.outcome is Outcome.COMPLETE for turn in timeline.turns)


async def test_a_sound_that_was_dropped_has_its_own_length(autojump_clock: Clock) -> None:
    timeline = timeline_of(await lively_recording())
    fates = [said.fate for said in timeline.utterances]
    assert fates == [Fate.FINAL, Fate.FINAL, Fate.DROPPED, Fate.FINAL, Fate.FINAL]
    cough = timeline.utterances[2]
    assert 0.1 < cough.end_s - cough.start_s < 0.3
    assert timeline.holds
    assert timeline.count(Kind.RESTART) == 1
    assert [turn.outcome for turn in timeline.turns] == [
        Outcome.INTERRUPTED,
        *[Outcome.COMPLETE] * 3,
    ]


async def test_a_recognizer_that_began_again_makes_no_second_utterance(
    autojump_clock: Clock,
) -> None:
    timeline = timeline_of(await recorded("two-turns-lane-lost"))
    assert [said.text for said in timeline.utterances] == [
        "turn the light off",
        "stop that now please",
    ]
    (mark,) = [mark for mark in timeline.marks if mark.kind is Kind.RESTART]
    assert "LaneLost: gone" in mark.text


async def _ask_twice(client: InMemoryClient, session: Session) -> None:
    for words in ("one", "two"):
        await client.say(type="text", content=words)
        await trio.sleep(2)


async def test_failures_are_marked_where_they_happened(autojump_clock: Clock) -> None:
    scene = replace(
        SCENES["typed-twice"],
        peer=_ask_twice,
        replies=(
            [0.1, "Yes. ", 0.1, EngineFailure("refused", retryable=False)],
            [0.1, "No. ", HANG],
        ),
        tts={"failures": {2: LaneLost("gone")}},
        settings={"stream_failure_sentence": ""},
    )
    timeline = timeline_of(await recorded(scene))
    first, second = timeline.turns
    assert first.outcome is Outcome.FAILED
    assert first.heard == "Yes."
    assert second.outcome is Outcome.UNFINISHED
    assert [mark.text for mark in timeline.marks if mark.kind is Kind.ERROR] == [
        "the language model failed (EngineFailure: refused)",
        "LLM_FAIL: refused",
    ]
    assert [mark.text for mark in timeline.marks if mark.kind is Kind.RESTART] == [
        "the voice failed (LaneLost: gone) and was started again"
    ]


async def _too_late(client: InMemoryClient, session: Session) -> None:
    await client.say(type="text", content="hello")
    await trio.sleep(60)


async def test_only_deadlines_that_came_too_late_are_marked(autojump_clock: Clock) -> None:
    scene = replace(SCENES["typed-twice"], peer=_too_late, replies=[[HANG]])
    timeline = timeline_of(await recorded(scene))
    assert [m.text for m in timeline.marks if m.kind is Kind.DEADLINE] == [
        "too late: the language model"
    ]
    (turn,) = timeline.turns
    assert (turn.asked, turn.outcome) == ("hello", Outcome.FAILED)


async def _cancelled(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(900) + silence(1400))
    await client.say(type="cancel")
    await trio.sleep(1)


async def test_speech_after_a_stop_is_shown_where_audio_opens_the_microphone(
    autojump_clock: Clock,
) -> None:
    async def talk(client: InMemoryClient, session: Session) -> None:
        await client.say(type="control", action="stop_listening")
        for sample in (*[speech(100)] * 7, *[silence(100)] * 9):
            await trio.sleep(0.1)
            await client.say(type="audio", data=base64.b64encode(sample).decode())
        await client.wait_for("transcript", where=lambda m: m["is_final"])

    timeline = timeline_of(await recorded(replace(SCENES["in-base64"], peer=talk)))
    assert [u.text for u in timeline.utterances] == ["turn the light off"]


async def test_a_cancelled_reply_is_cut_and_no_interruption(autojump_clock: Clock) -> None:
    timeline = timeline_of(await recorded(replace(SCENES["two-turns"], peer=_cancelled)))
    (turn,) = timeline.turns
    assert turn.outcome is Outcome.CANCELLED
    assert turn.cut_s == pytest.approx(2.3)
    assert not timeline.count(Kind.INTERRUPTION)


async def test_typed_words_have_no_silence_to_be_measured_from(autojump_clock: Clock) -> None:
    timeline = timeline_of(await recorded("typed-twice"))
    assert [said.fate for said in timeline.utterances] == [Fate.TYPED, Fate.TYPED]
    assert timeline.turns[0].latencies_ms.keys() == {"first audio", "first token"}
    assert timeline.turns[0].asked == "hello"


def _without_audio(recording: Recording) -> Recording:
    entries = [replace(entry, audio=None) for entry in recording.entries]
    return replace(
        recording, header=replace(recording.header, has_audio=False), entries=entries, gaps=2
    )


async def test_a_recording_without_audio_says_so_and_guesses_nothing(
    autojump_clock: Clock,
) -> None:
    timeline = timeline_of(_without_audio(await recorded("typed-twice")))
    assert not timeline.has_audio
    assert not timeline.parley.any()
    assert [turn.outcome for turn in timeline.turns] == [Outcome.INTERRUPTED, Outcome.COMPLETE]
    assert any("without audio" in note for note in timeline.notes)
    assert any("2 entries are missing" in note for note in timeline.notes)


async def test_verdicts_lie_where_they_were_without_the_sound_too(autojump_clock: Clock) -> None:
    recording = await recorded("interruption")
    heard, unheard = timeline_of(recording), timeline_of(_without_audio(recording))
    assert [v.start_s for v in unheard.voiced] == pytest.approx([v.start_s for v in heard.voiced])
    assert [u.end_s for u in unheard.utterances] == pytest.approx(
        [u.end_s for u in heard.utterances]
    )


def _without_words(entry: Entry) -> Entry:
    data = {
        key: "" if key in ("token", "said", "message") and value else value
        for key, value in entry.data.items()
    }
    if entry.kind in ("in", "out") and data.get("text"):
        frame = json.loads(data["text"])
        keep = ("type", "code", "event", "data", "audio_b64")
        data["text"] = json.dumps(
            {k: v if k in keep or not isinstance(v, str) else "" for k, v in frame.items()}
        )
    return replace(entry, data=data)


@pytest.mark.parametrize("name", ["interruption", "in-base64"])
async def test_without_words_there_are_still_turns(name: str, autojump_clock: Clock) -> None:
    whole = await recorded(name)
    entries = [_without_words(entry) for entry in whole.entries]
    header = replace(whole.header, has_text=False)
    wordless, full = timeline_of(replace(whole, header=header, entries=entries)), timeline_of(whole)
    assert [t.latencies_ms for t in wordless.turns] == [t.latencies_ms for t in full.turns]
    assert [t.outcome for t in wordless.turns] == [t.outcome for t in full.turns]
    assert (wordless.parley == full.parley).all()
    assert (wordless.caller == full.caller).all()
    assert {t.text for t in wordless.turns} == {""}
    assert "“" not in "".join(line.text for line in lines(wordless))


async def test_a_recording_that_was_cut_says_so(autojump_clock: Clock) -> None:
    whole = await recorded("two-turns")
    half = [entry for entry in whole.entries if entry.at_s < 2.5]
    timeline = timeline_of(replace(whole, entries=half, cut=True))
    assert [turn.outcome for turn in timeline.turns] == [Outcome.UNFINISHED]
    assert "killed" in timeline.notes[0]


def test_an_empty_recording_is_short_and_empty() -> None:
    timeline = timeline_of(recording_of([], PROMPT_VOICE))
    assert (timeline.turns, timeline.utterances, timeline.marks) == ([], [], [])
    assert timeline.duration_s > 0


def test_a_dialect_that_nobody_speaks_is_an_error() -> None:
    with pytest.raises(UnknownDialect, match="klingon"):
        timeline_of(recording_of([], PROMPT_VOICE, dialect="klingon"))


async def test_a_call_is_shown_with_its_words_and_its_cuts(autojump_clock: Clock) -> None:
    timeline = timeline_of((await perform(SCENES["telephone-interrupted"])).recording())
    said = [utterance.text for utterance in timeline.utterances if utterance.text]
    assert said == ["is it raining", "stop it please"]
    assert timeline.turns[0].text.startswith("It will be dry until noon, and then")
    assert timeline.turns[0].outcome is Outcome.INTERRUPTED
