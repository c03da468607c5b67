"""What was recorded is replayed to the last frame, whatever the scheduler does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.config import Settings
from parley.protocol.dialects import DIALECTS
from parley.recording.mcap_file import read_recording
from parley.recording.mcap_records import RecordingError
from parley.recording.mcap_writer import McapWriter
from parley.recording.recorded import BEFORE, dialect_of, replay_recording, settings_of
from parley.recording.tape import Entry, Header, Recording
from parley.testing.peers import is_played_to
from parley.testing.performing import perform
from parley.testing.scene import Scene
from parley.testing.scenes import DOCUMENT_EVENTS, SCENES
from support.breadth import breadth

pytestmark = pytest.mark.no_cover  # many runs of code that other tests cover

Clock = trio.testing.MockClock
SEEDS = breadth("PARLEY_SEEDS", 2, 4)
"""Schedules that each recording is replayed under."""
LIVE_SEEDS = breadth("PARLEY_SEEDS", 1, 2)
"""Schedules that each scene is run under, which takes longer."""


def test_a_recording_replays_by_the_rules_it_was_made_under() -> None:
    header = Header(
        session_id="s",
        dialect="prompt-voice",
        opened_ms=0,
        settings={"stream_llm_retries": 3},
        detector_frame_samples=480,
        engines={},
        parley="0.1.0",
    )
    old = settings_of(header)
    assert (old.stream_llm_retries, old.speaking.first_phrase_chars) == (3, 0)
    today = settings_of(replace(header, settings=Settings.defaults().public()))
    assert today.speaking == Settings.defaults().speaking


def test_what_a_variable_was_before_it_existed_is_a_variable_and_a_value_it_takes() -> None:
    assert BEFORE.keys() <= Settings.model_fields.keys()
    Settings.defaults(**BEFORE)


def out_of(entries: Sequence[Entry]) -> list[Entry]:
    return [
        replace(entry, data={k: v for k, v in entry.data.items() if k not in ("waited",)})
        for entry in entries
        if entry.kind == "out"
    ]


def digest(entries: Sequence[Entry]) -> str:
    text = json.dumps([[round(e.at_s, 6), dict(e.data), (e.audio or b"").hex()] for e in entries])
    return hashlib.sha256(text.encode()).hexdigest()


async def replayed_as(expected: Sequence[Entry], recording: Recording) -> None:
    """Replay it, and compare what went out."""
    replayed = await replay_recording(recording)
    assert replayed.diverged is None
    out = [e for e in replayed.out if e.kind == "out"]
    if recording.cut:
        sure = len(out_of(recording.entries))
        assert digest(out[:sure]) == digest(expected[:sure])
    else:
        assert digest(out) == digest(expected)


scenes = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)


@pytest.mark.few(12)
@scenes
async def test_a_replay_says_the_same_under_every_schedule(
    scene: Scene, autojump_clock: Clock
) -> None:
    performance = await perform(scene)
    assert len(performance.received) > 10
    recording = performance.recording()
    expected = out_of(recording.entries)
    for seed in range(SEEDS):
        trio._core._run._r.seed(seed)
        await replayed_as(expected, recording)


@pytest.mark.few(12)
@scenes
async def test_a_recording_from_its_file_replays_the_same_whole_and_cut(
    scene: Scene, tmp_path: Path, autojump_clock: Clock
) -> None:
    recording = (await perform(scene)).recording()
    path = tmp_path / "a.mcap"
    with path.open("wb") as out:
        writer = McapWriter(out, recording.header)
        for entry in recording.entries:
            writer.write(entry)
        writer.finish()
    whole = read_recording(path)
    assert digest(whole.entries) == digest(recording.entries)
    expected = out_of(recording.entries)
    await replayed_as(expected, whole)

    data = path.read_bytes()
    for share in (0.4, 0.6, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        cut = read_recording(path)
        assert cut.cut
        assert len(cut.entries) > 5
        await replayed_as(expected, cut)


async def test_a_recording_keeps_what_its_client_chose_by_its_address(
    autojump_clock: Clock,
) -> None:
    recording = (await perform(DOCUMENT_EVENTS)).recording()
    assert dialect_of(recording.header).chosen == {"events": "document"}
    assert any("vad_event" in str(entry.data) for entry in recording.entries)


@pytest.mark.parametrize("choices", [{"events": "both"}, {"events": 5}])
def test_a_choice_that_this_version_does_not_know_is_told(choices: dict[str, Any]) -> None:
    header = Header(
        session_id="s",
        dialect="io-speech",
        opened_ms=0,
        settings={},
        detector_frame_samples=480,
        choices=choices,
    )
    with pytest.raises(RecordingError, match=r"events: '(both|5)' is refused"):
        dialect_of(header)


@pytest.mark.few(12)
@pytest.mark.parametrize(
    "scene",
    # Of two things that the peer does at once, either may come first.
    [
        scene
        for scene in SCENES.values()
        if scene.peer is not is_played_to and not scene.dialect.profile.telephone
    ],
    ids=lambda scene: scene.name,
)
async def test_the_live_session_has_one_order_under_every_schedule(
    scene: Scene, autojump_clock: Clock
) -> None:
    found = set()
    for seed in range(LIVE_SEEDS):
        trio._core._run._r.seed(seed)
        found.add(digest(out_of((await perform(scene)).recording().entries)))
    assert len(found) == 1


async def test_a_recording_that_was_changed_diverges_and_says_where(autojump_clock: Clock) -> None:
    recording = (await perform(SCENES["two-turns"])).recording()
    at = next(i for i, entry in enumerate(recording.entries) if entry.source == "asr.finish#1")
    del recording.entries[at]
    replayed = await replay_recording(recording)
    assert replayed.diverged is not None
    assert "asr.finish#1" in replayed.diverged


def test_there_are_dialects_to_record() -> None:
    recorded = {scene.dialect.profile.name for scene in SCENES.values()}
    assert recorded >= {d.profile.name for d in DIALECTS if not d.profile.telephone}
    assert {"twilio", "plivo"} <= recorded
