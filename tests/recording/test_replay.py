"""What was recorded is replayed to the last frame, whatever the scheduler does."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import LaneLost
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.dialect import Dialect
from parley.protocol.dialects import DIALECTS
from parley.protocol.io_speech import DIALECT as IO_SPEECH
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.recording.mcap_file import read_recording
from parley.recording.mcap_records import RecordingError
from parley.recording.mcap_writer import McapWriter
from parley.recording.recorded import BEFORE, dialect_of, replay_recording, settings_of
from parley.recording.replay import Replayed, replay
from parley.recording.tap import Tap, TappedTransport, tapped
from parley.recording.tape import Entry, Header, MemoryTape
from parley.session.life import Session
from parley.telemetry import Telemetry
from parley.testing import silence, speech
from parley.transport import memory_pair
from parley.turnstile import Turnstile

Clock = trio.testing.MockClock
Talk = Callable[[InMemoryClient, Session], Awaitable[None]]


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


def engines(*, fail: bool = False) -> Engines:
    return Engines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(
            ["turn the light off", "stop that now please", "thank you"],
            delays_s={"feed": 0.013, "finish": 0.07},
            fail_on={("feed", 4): LaneLost("gone")} if fail else {},
        ),
        responder=ScriptedResponder(
            then=[0.2, "The ", 0.05, "light ", "is ", "off. ", 0.3, "Is ", "there ", 0.9, "more?"]
        ),
        synthesizer=ScriptedSynthesizer(delay_s=0.11),
    )


async def record(
    talk: Talk, dialect: Dialect, *, fail: bool = False
) -> tuple[list[Entry], list[object]]:
    """The tape of a conversation, and what its client received."""
    tape = MemoryTape()
    turnstile = Turnstile()
    tap = Tap(turnstile, tape)
    server_end, client_end = memory_pair(1000)
    session = Session(
        transport=TappedTransport(server_end, tap),
        dialect=dialect,
        engines=tapped(engines(fail=fail), tap),
        settings=Settings.defaults(),
        telemetry=Telemetry(),
        session_id="recorded",
        turnstile=turnstile,
    )
    client = InMemoryClient(client_end)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        nursery.start_soon(client.read)
        await talk(client, session)
        await client_end.close()
    return tape.entries, [message for _, message in client.received]


def out_of(entries: Sequence[Entry]) -> list[Entry]:
    return [
        replace(entry, data={k: v for k, v in entry.data.items() if k not in ("waited",)})
        for entry in entries
        if entry.kind == "out"
    ]


def digest(entries: Sequence[Entry]) -> str:
    text = json.dumps([[round(e.at_s, 6), dict(e.data), (e.audio or b"").hex()] for e in entries])
    return hashlib.sha256(text.encode()).hexdigest()


async def again(entries: Sequence[Entry], dialect: Dialect) -> Replayed:
    return await replay(
        entries,
        dialect=dialect,
        settings=Settings.defaults(),
        session_id="recorded",
        frame_samples=320,
    )


async def two_turns(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(900) + silence(1200))
    await client.wait_for("tts_complete")
    await client.speak(speech(700) + silence(1000))
    await client.wait_for("tts_complete", count=2)
    await client.say(type="stop")
    await trio.sleep(1)


async def interruption(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(900) + silence(1400), chunk_ms=20)
    await client.speak(speech(800) + silence(1200), chunk_ms=20)
    await trio.sleep(3)
    await client.say(type="cancel")
    session.drain()
    await client.wait_closed()


async def typed(client: InMemoryClient, session: Session) -> None:
    await client.say(type="text", content="hello")
    await trio.sleep(1.2)
    await client.say(type="barge_in", energy=0.5)
    await client.say(type="nonsense")
    await client.say(type="text", content="again")
    await trio.sleep(6)


async def played(client: InMemoryClient, session: Session) -> None:
    """Audio from outside, in the middle of a reply and twice at once."""
    await client.say(type="text", content="hello")
    await trio.sleep(0.9)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.play, speech(300), 16_000)
        nursery.start_soon(session.play, silence(200), 16_000)
    await client.say(type="text", content="again")
    await trio.sleep(1)
    await session.play(speech(100), 8_000)
    await trio.sleep(6)


CONVERSATIONS = [
    (two_turns, PROMPT_VOICE),
    (interruption, PROMPT_VOICE),
    (typed, NEWSPEECH),
    (played, NEWSPEECH),
    (played, IO_SPEECH),
]


@pytest.mark.parametrize(
    ("talk", "dialect"), CONVERSATIONS, ids=lambda x: getattr(x, "__name__", "")
)
@pytest.mark.parametrize("fail", [False, True])
async def test_a_replay_says_the_same_under_every_schedule(
    talk: Talk, dialect: Dialect, fail: bool, autojump_clock: Clock
) -> None:
    entries, received = await record(talk, dialect, fail=fail)
    assert len(received) > 10
    expected = digest(out_of(entries))
    for seed in range(25):
        trio._core._run._r.seed(seed)
        replayed = await again(entries, dialect)
        assert replayed.diverged is None
        assert digest([e for e in replayed.out if e.kind == "out"]) == expected, seed


@pytest.mark.parametrize(
    ("talk", "dialect"), CONVERSATIONS, ids=lambda x: getattr(x, "__name__", "")
)
async def test_a_recording_from_its_file_replays_the_same_whole_and_cut(
    talk: Talk, dialect: Dialect, tmp_path: Path, autojump_clock: Clock
) -> None:
    entries, _ = await record(talk, dialect)
    path = tmp_path / "a.mcap"
    header = Header(
        session_id="recorded",
        dialect=dialect.profile.name,
        opened_ms=1_790_000_000_000,
        settings=Settings.defaults().public(),
        detector_frame_samples=320,
    )
    with path.open("wb") as out:
        writer = McapWriter(out, header)
        for entry in entries:
            writer.write(entry)
        writer.finish()
    whole = read_recording(path)
    assert digest(whole.entries) == digest(entries)
    replayed = await again(whole.entries, dialect)
    assert replayed.diverged is None
    expected = out_of(entries)
    assert digest([e for e in replayed.out if e.kind == "out"]) == digest(expected)

    data = path.read_bytes()
    for share in (0.4, 0.6, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        cut = read_recording(path)
        assert cut.cut
        assert len(cut.entries) > 5
        replayed = await again(cut.entries, dialect)
        assert replayed.diverged is None
        sure = len(out_of(cut.entries))
        spoken = [e for e in replayed.out if e.kind == "out"]
        assert digest(spoken[:sure]) == digest(expected[:sure])


async def test_a_recording_replays_with_what_its_client_chose_by_its_address(
    tmp_path: Path, autojump_clock: Clock
) -> None:
    async def one_turn(client: InMemoryClient, session: Session) -> None:
        for sample in (*[speech(100)] * 7, *[silence(100)] * 9):
            await trio.sleep(0.1)
            await client.say(type="audio", data=base64.b64encode(sample).decode())
        await client.wait_for("audio_output")

    dialect = IO_SPEECH.with_choices({"events": "document"})
    entries, _ = await record(one_turn, dialect)
    header = Header(
        session_id="recorded",
        dialect="io-speech",
        opened_ms=0,
        settings=Settings.defaults().public(),
        detector_frame_samples=320,
        choices=dict(dialect.chosen),
    )
    path = tmp_path / "a.mcap"
    with path.open("wb") as out:
        writer = McapWriter(out, header)
        for entry in entries:
            writer.write(entry)
        writer.finish()
    found = read_recording(path)
    assert dialect_of(found.header).chosen == {"events": "document"}
    assert (await replay_recording(found)).diverged is None
    assert any("vad_event" in str(entry.data) for entry in entries)


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


async def test_the_live_session_has_one_order_under_every_schedule(autojump_clock: Clock) -> None:
    found = set()
    for seed in range(25):
        trio._core._run._r.seed(seed)
        entries, _ = await record(interruption, PROMPT_VOICE)
        start_s = entries[0].at_s
        found.add(digest([replace(e, at_s=e.at_s - start_s) for e in out_of(entries)]))
    assert len(found) == 1


async def test_a_recording_that_was_changed_diverges_and_says_where(autojump_clock: Clock) -> None:
    entries, _ = await record(two_turns, PROMPT_VOICE)
    at = next(i for i, entry in enumerate(entries) if entry.source == "asr.finish#1")
    del entries[at]
    replayed = await again(entries, PROMPT_VOICE)
    assert replayed.diverged is not None
    assert "asr.finish#1" in replayed.diverged


def test_there_are_dialects_to_record() -> None:
    assert len(DIALECTS) == 3
