"""The times of a voice's words are on the tape, and come back from it to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from parley.engines.tts.interface import Speech, WordTime
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.recording import replay as replaying
from parley.recording.mcap_file import read_recording
from parley.recording.mcap_records import RecordingError
from parley.recording.mcap_writer import McapWriter
from parley.recording.privacy import Privacy
from parley.recording.recorded import replay_recording
from parley.recording.tape import Entry, Recording
from parley.testing.performing import perform
from parley.testing.scenes import SCENES

Clock = trio.testing.MockClock


def timed(text: str, speech: Speech) -> Speech:
    """Words with times that no short number says."""
    third_s = speech.duration_s / 3
    first, second = text.find(" ") % len(text), len(text)
    return replace(
        speech,
        words=(
            WordTime(start=0, end=first, start_s=0.0, end_s=third_s),
            WordTime(start=first + 1, end=second, start_s=third_s, end_s=speech.duration_s),
        ),
    )


@pytest.fixture
def words_are_known(monkeypatch: pytest.MonkeyPatch) -> list[Speech]:
    """What the scripted voice says has words; here is what it said."""
    said: list[Speech] = []
    speak = ScriptedSynthesizer.speak

    async def speak_timed(self: ScriptedSynthesizer, text: str) -> Speech:
        said.append(timed(text, await speak(self, text)))
        return said[-1]

    monkeypatch.setattr(ScriptedSynthesizer, "speak", speak_timed)
    return said


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> list[Speech]:
    """What the sessions that are replayed get from their voice."""
    got: list[Speech] = []
    speak = replaying._Synthesizer.speak

    async def speak_again(self: replaying._Synthesizer, text: str) -> Speech:
        got.append(await speak(self, text))
        return got[-1]

    monkeypatch.setattr(replaying._Synthesizer, "speak", speak_again)
    return got


def from_file(recording: Recording, path: Path) -> Recording:
    with path.open("wb") as out:
        writer = McapWriter(out, recording.header)
        for entry in recording.entries:
            writer.write(entry)
        writer.finish()
    return read_recording(path)


def spoken(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.kind == "tts.speak"]


async def test_words_come_back_from_a_file_as_they_were(
    tmp_path: Path,
    words_are_known: list[Speech],
    replayed: list[Speech],
    autojump_clock: Clock,
) -> None:
    recording = (await perform(SCENES["barge-in"])).recording()
    rows = spoken(recording.entries)[0].data["words"]
    assert rows[0][:3] == [0, words_are_known[0].words[0].end, 0.0]
    again = from_file(recording, tmp_path / "a.mcap")
    told = await replay_recording(again)
    assert told.diverged is None
    assert replayed
    assert replayed == words_are_known[: len(replayed)]


async def test_speech_without_words_is_recorded_as_it_was_before(
    replayed: list[Speech], autojump_clock: Clock
) -> None:
    recording = (await perform(SCENES["barge-in"])).recording()
    assert all(entry.data.keys() == {"said", "rate_hz"} for entry in spoken(recording.entries))
    assert (await replay_recording(recording)).diverged is None
    assert replayed
    assert not any(speech.words for speech in replayed)


async def test_a_recording_without_text_has_no_lengths_of_words(
    words_are_known: list[Speech], autojump_clock: Clock
) -> None:
    entries = spoken((await perform(SCENES["barge-in"])).recording().entries)
    without = [Privacy(text=False).stripped(entry) for entry in entries]
    assert all("words" in entry.data for entry in entries)
    assert not any("words" in entry.data for entry in without)
    assert Privacy(audio=False).stripped(entries[0]).data == entries[0].data


async def test_words_that_are_no_list_are_refused(
    tmp_path: Path, words_are_known: list[Speech], autojump_clock: Clock
) -> None:
    recording = (await perform(SCENES["barge-in"])).recording()
    spoilt = [
        replace(entry, data={**entry.data, "words": 3}) if entry.kind == "tts.speak" else entry
        for entry in recording.entries
    ]
    with pytest.raises(RecordingError, match="words is no array"):
        from_file(replace(recording, entries=spoilt), tmp_path / "a.mcap")
