"""Whole recordings: cut where it is quiet, heard a window at a time, and no talker waits."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
import trio

from parley.config import Settings
from parley.engines.asr.admission import Admission, Expected
from parley.engines.asr.interface import LanguageUnknown, Transcript
from parley.engines.asr.pocketsphinx import PocketsphinxTranscriber
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import EngineBusy
from parley.engines.kit import Engines
from parley.engines.lanes.giving_way import gives_way
from parley.engines.lanes.lane import Lane
from parley.engines.lanes.pool import LanePool
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.energy import EnergyDetector
from parley.server.http.engine_calls import EngineCalls
from parley.server.http.head import BadRequest
from parley.server.http.places import (
    AT_ONCE,
    RECORDINGS_AT_ONCE,
    RECORDINGS_MAX,
    REQUESTS_MAX,
    Places,
)
from parley.server.http.recordings_heard import BUSY_PAUSE_S, RecordingsHeard, windows_of
from parley.telemetry import Telemetry

BYTES_PER_S = 32_000


def speech(seconds: float) -> bytes:
    """Three seconds of a tone and one of silence, again and again."""
    at = np.arange(int(seconds * 16_000))
    tone = 8000 * np.sin(at / 16_000 * 2 * np.pi * 300) * (at // 16_000 % 4 < 3)
    return bytes(tone.astype("<i2").tobytes())


class Patient(ScriptedTranscriber):
    """Notes whether its calls gave way, and how many worked at once."""

    working, most, gave_way = 0, 0, True

    def for_file(self, language: str | None) -> ScriptedTranscriber:
        return self

    async def finish(self) -> Transcript:
        Patient.working += 1
        Patient.most = max(Patient.most, Patient.working)
        Patient.gave_way = Patient.gave_way and gives_way()
        try:
            return await super().finish()
        finally:
            Patient.working -= 1


def heard_by(make: Any, places: Places | None = None) -> RecordingsHeard:
    engines = Engines(
        detector=lambda session: EnergyDetector(0.01),
        transcriber=make,
        responder=ScriptedResponder(),
        synthesizer=ScriptedSynthesizer(),
    )
    calls = EngineCalls(Telemetry())
    return RecordingsHeard(engines, Settings.defaults(), calls, places or Places())


def test_a_short_recording_is_one_window_and_a_long_one_is_cut_in_its_pauses() -> None:
    assert [window.pcm16 for window in windows_of(speech(14))] == [speech(14)]
    windows = list(windows_of(speech(88)))
    assert b"".join(window.pcm16 for window in windows) == speech(88)
    assert max(len(window.pcm16) for window in windows) <= 12 * BYTES_PER_S
    assert all(3 < window.end_s % 4 < 4 for window in windows[:-1])


async def test_what_is_said_in_the_windows_is_said_together(autojump_clock: Any) -> None:
    asr = ScriptedTranscriber([f"w{number}" for number in range(99)], shortest_ms=0)
    text = await heard_by(lambda session: asr).transcript(speech(30))
    assert text == " ".join(f"w{number}" for number in range(len(asr.heard)))
    assert b"".join(asr.heard) == speech(30)
    assert len(asr.heard) > 2


async def test_recordings_share_two_turns_and_give_way(autojump_clock: Any) -> None:
    Patient.working, Patient.most, Patient.gave_way = 0, 0, True
    places = Places()
    heard = heard_by(
        lambda session: Patient(["a"] * 99, shortest_ms=0, delays_s={"finish": 1.0}), places
    )
    async with trio.open_nursery() as nursery:
        for _ in range(16):
            nursery.start_soon(heard.transcript, speech(20))
        await trio.sleep(0.5)
        for _ in range(AT_ONCE):  # who wants something spoken waits for none of them
            with trio.fail_after(0.1):
                async with places.turn():
                    await trio.lowlevel.checkpoint()
    assert (Patient.most, Patient.gave_way) == (RECORDINGS_AT_ONCE, True)
    assert not gives_way()


async def test_of_many_recordings_the_first_are_answered_soon(autojump_clock: Any) -> None:
    heard = heard_by(
        lambda session: ScriptedTranscriber(["a"] * 99, shortest_ms=0, delays_s={"finish": 1.0})
    )
    answered: list[float] = []

    async def ask() -> None:
        await heard.transcript(speech(20))
        answered.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(ask)
    each_s = len(list(windows_of(speech(20))))
    assert answered == [each_s * (1 + number // 2) for number in range(8)]


def test_recordings_leave_places_for_others() -> None:
    places = Places()
    with ExitStack() as stack:
        for _ in range(RECORDINGS_MAX):
            stack.enter_context(places.taken(recording=True))
        with pytest.raises(BadRequest, match="too many requests at once"):
            stack.enter_context(places.taken(recording=True))
        for _ in range(REQUESTS_MAX - RECORDINGS_MAX):
            stack.enter_context(places.taken())
        with pytest.raises(BadRequest, match="too many requests at once"):
            stack.enter_context(places.taken())
    stack.enter_context(places.taken(recording=True))
    stack.close()


async def test_a_recording_that_was_begun_waits_for_a_place(autojump_clock: Any) -> None:
    asr = ScriptedTranscriber(
        ["a"] * 9, shortest_ms=0, fail_on={("begin", 2): EngineBusy("7 people talk")}
    )
    assert (await heard_by(lambda session: asr).transcript(speech(20))).startswith("a a")
    assert trio.current_time() == BUSY_PAUSE_S
    asr = ScriptedTranscriber(["a"], fail_on={("begin", 1): EngineBusy("7 people talk")})
    with pytest.raises(EngineBusy):
        await heard_by(lambda session: asr).transcript(speech(20))


async def test_who_hangs_up_leaves_no_work(autojump_clock: Any) -> None:
    asr = ScriptedTranscriber(["a"] * 99, shortest_ms=0, delays_s={"finish": 0.3})
    heard = heard_by(lambda session: asr)
    with trio.move_on_after(0.5):
        await heard.transcript(speech(88))
    assert (asr.calls["begin"], asr.open) == (2, False)
    await trio.sleep(60)
    assert asr.calls["begin"] == 2


async def test_a_recording_takes_no_talkers_place() -> None:
    admission = Admission(1, Expected(rtf=0.1, final_s=0.1))
    lane = Lane("asr-1", lambda: None)
    talker = PocketsphinxTranscriber(LanePool([lane]), "", admission)
    patient = talker.for_file("en")
    with pytest.raises(LanguageUnknown):
        talker.for_file("de")
    lane._closed = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(patient.begin)
        await trio.testing.wait_all_tasks_blocked()
        assert (admission.talking, lane.held) == (0, 0)
        nursery.start_soon(talker.begin)
        await trio.testing.wait_all_tasks_blocked()
        assert (admission.talking, lane.held) == (1, 1)
        nursery.cancel_scope.cancel()
    assert (admission.talking, lane.held) == (0, 0)
