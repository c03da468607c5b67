"""Bugs that crash an actor of a session: what it had in hand is kept, and the session goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from parley.audio.pcm import BYTES_PER_MS
from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.conversation.spoken import HearingCancelled, MicrophoneClosed, MicrophoneOpened
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.interface import Detector
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.commands import Command
from parley.protocol.dialect import Frame
from parley.protocol.prompt_voice import DIALECT, PromptVoiceCodec
from parley.session.life import Session
from parley.testing import open_session, silence, speech
from parley.transport import PeerGone
from support.channels import BrokenOnce

Clock = trio.testing.MockClock

MARKERS = {
    "start": MicrophoneOpened,
    "stop": MicrophoneClosed,
    "cancel": HearingCancelled,
}


def open_with(
    detector: Callable[[], Detector] = ScriptedDetector,
    transcriber: ScriptedTranscriber | None = None,
    faults: Sequence[Frame] = (),
) -> Any:
    """A session whose codec crashes over the frames in `faults`, each as often as it is named."""
    codec = FaultyCodec(faults)
    engines = Engines(
        detector=lambda hearing: detector(),
        transcriber=lambda session_id: (
            transcriber or ScriptedTranscriber([f"words {n}" for n in range(1, 9)])
        ),
        responder=ScriptedResponder(then=["Fine."]),
        synthesizer=ScriptedSynthesizer(ms_per_char=10),
    )
    dialect = msgspec.structs.replace(DIALECT, codec=lambda now_ms, choices: codec)
    return open_session(engines, settings=Settings.defaults(), dialect=dialect)


class FaultyCodec(PromptVoiceCodec):
    def __init__(self, faults: Sequence[Frame]) -> None:
        super().__init__(lambda: 0)
        self._faults = list(faults)

    def decode(self, frame: Frame) -> Sequence[Command]:
        if frame in self._faults:
            self._faults.remove(frame)
            raise ZeroDivisionError
        return super().decode(frame)


def restarts(session: Session, child: str) -> int:
    counted = session._telemetry.registry.get_sample_value(
        "parley_restarts_total", {"child": child}
    )
    return int(counted or 0)


async def say(client: InMemoryClient) -> None:
    await client.speak(speech(600) + silence(900))


async def send_every_marker(client: InMemoryClient) -> None:
    """Start, speak, stop, start again, cancel, speak: each marker counts for what follows."""
    await client.start()
    await say(client)
    await client.wait_for("tts_complete")
    await client.say(type="stop")
    await trio.sleep(0.1)
    await client.start()
    await client.say(type="cancel")
    await trio.sleep(0.1)
    await say(client)
    await client.wait_for("tts_complete", count=2)


def check_whole(client: InMemoryClient) -> None:
    """Both utterances were heard and answered, and of all errors there is the cancel alone."""
    finals = [m["text"] for m in client.of("final_transcript")]
    assert finals == ["words 1", "words 2"]
    assert [error["code"] for error in client.of("error")] == ["CANCELLED"]
    assert client.closed is None


@pytest.mark.parametrize("call", [1, 2, 3, 4])
async def test_a_detector_that_crashes_at_a_marker_does_not_cost_the_marker(
    autojump_clock: Clock, call: int
) -> None:
    resets = 0

    class Fragile(ScriptedDetector):
        def reset(self) -> None:
            nonlocal resets
            resets += 1
            if resets == call:
                raise ZeroDivisionError
            super().reset()

    async with open_with(Fragile) as (session, client):
        await send_every_marker(client)
        check_whole(client)
        assert restarts(session, "vad") == 1
        assert session.parts.machines.cancelling == 0
        assert session.parts.dialogue.listening


@pytest.mark.parametrize("frame", [1, 6, 40, 41])
async def test_a_detector_that_crashes_over_a_frame_costs_no_audio(
    autojump_clock: Clock, frame: int
) -> None:
    judged = 0

    class Fragile(ScriptedDetector):
        def is_speech(self, pcm16: bytes) -> bool:
            nonlocal judged
            judged += 1
            if judged == frame:
                raise ZeroDivisionError
            return super().is_speech(pcm16)

    transcriber = ScriptedTranscriber([f"words {n}" for n in range(1, 9)])
    async with open_with(Fragile, transcriber) as (session, client):
        await client.start()
        await client.speak(speech(2000) + silence(1000))
        await client.wait_for("tts_complete")
        await say(client)
        await client.wait_for("tts_complete", count=2)
        assert restarts(session, "vad") == 1
        assert client.closed is None
        await trio.sleep(1)
        assert session.parts.hearing.heard_bytes == (3000 + 1500) * BYTES_PER_MS
    # In one utterance or in two, of what was said first every sample was heard, once.
    assert b"".join(transcriber.heard[:-1]).startswith(speech(2000))
    assert transcriber.heard[-1].lstrip(b"\0").startswith(speech(600))
    assert client.of("error") == []


@pytest.mark.parametrize("name", MARKERS)
async def test_a_crash_of_the_asr_actor_with_a_marker_in_hand_does_not_cost_it(
    autojump_clock: Clock, name: str
) -> None:
    async with open_with() as (session, client):
        session.parts.reports._channel = BrokenOnce(session.parts.reports._channel, MARKERS[name])
        await send_every_marker(client)
        check_whole(client)
        assert restarts(session, "asr") == 1
        assert session.parts.machines.cancelling == 0


@pytest.mark.parametrize("name", MARKERS)
async def test_a_crash_of_the_receiver_with_a_marker_on_its_way_does_not_cost_it(
    autojump_clock: Clock, name: str
) -> None:
    async with open_with() as (session, client):
        # No actor has begun yet: the channel that the receiver is given has the bug.
        send, receive = session.parts.channels.heard
        session.parts.channels.heard = (BrokenOnce(send, MARKERS[name]), receive)
        await send_every_marker(client)
        check_whole(client)
        assert restarts(session, "receiver") == 1
        assert session.parts.machines.cancelling == 0


@pytest.mark.parametrize("crashes", [1, 2])
async def test_a_codec_that_crashes_over_a_frame_costs_that_frame_at_most(
    autojump_clock: Clock, crashes: int
) -> None:
    odd = bytes([1, 2]) * 160
    async with open_with(faults=[odd] * crashes) as (session, client):
        await client.start()
        await client.transport.send(odd)
        await say(client)
        await client.wait_for("tts_complete")
        await trio.sleep(1)
        assert restarts(session, "receiver") == crashes
        assert client.of("error") == []
        heard_ms = 1500 + (10 if crashes == 1 else 0)
        assert session.parts.hearing.heard_bytes == heard_ms * BYTES_PER_MS


async def test_a_codec_that_crashes_over_every_frame_ends_the_session_as_a_bug(
    autojump_clock: Clock,
) -> None:
    odd = bytes([1, 2]) * 160
    async with open_with(faults=[odd] * 100) as (_, client):
        await client.start()
        with suppress(PeerGone):
            for _ in range(20):
                await client.transport.send(odd)
        gone = await client.wait_closed()
    assert [error["code"] for error in client.of("error")] == ["INTERNAL"]
    assert gone.code == 1011


async def test_a_peer_that_hangs_up_after_a_crash_of_the_receiver_ends_the_session_in_order(
    autojump_clock: Clock,
) -> None:
    before = trio.lowlevel.current_statistics().tasks_living
    async with open_with(faults=["x", "x"]) as (session, client):
        await client.start()
        await client.transport.send("x")
        await trio.sleep(1)
        assert restarts(session, "receiver") == 2
    assert session._broken is None
    assert trio.lowlevel.current_statistics().tasks_living == before
