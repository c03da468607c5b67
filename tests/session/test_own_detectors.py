"""Each endpoint hears with the detector that its settings choose: real ones, under virtual time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.config import Hearing, Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines, OwnEngines, SessionInfo
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.room import open_engine_room
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.energy import EnergyDetector
from parley.engines.vad.newspeech import NewSpeechDetector
from parley.engines.vad.open import chosen_detector
from parley.engines.vad.scripted import ScriptedDetector
from parley.engines.vad.silero import SileroDetector
from parley.protocol import io_speech, newspeech, prompt_voice
from parley.protocol.dialect import Dialect
from parley.testing import open_session
from support.voices import Voice, at_rate, recording

Clock = trio.testing.MockClock


async def heard(dialect: Dialect, pcm16: bytes, **settings: Any) -> InMemoryClient:
    """Say this (16 kHz) to a session that hears as its settings say."""
    engines = Engines(
        detector=chosen_detector,
        transcriber=lambda session: ScriptedTranscriber(["hello"]),
        responder=ScriptedResponder(then=["Fine."]),
        synthesizer=ScriptedSynthesizer(),
    )
    chosen = Settings.defaults(**settings)
    async with open_session(engines, dialect=dialect, settings=chosen) as (_, client):
        voice = Voice(dialect.profile.name, client)
        await voice.open()
        await voice.say(at_rate(pcm16, 16_000, voice.rate_hz))
        await trio.sleep(1)
    return client


def asking(hearing: Hearing) -> SessionInfo:
    return SessionInfo.outside("test", hearing)


def replies(client: InMemoryClient) -> int:
    """Of speech that was heard: one."""
    return len([m for m in client.of("transcript", "final_transcript") if m.get("is_final", True)])


def softer(pcm16: bytes, db: float) -> bytes:
    return (np.frombuffer(pcm16, "<i2") * 10 ** (-db / 20)).astype("<i2").tobytes()


def hiss(dbfs: float, ms: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(1).normal(0, 32768 * 10 ** (dbfs / 20), ms * 16)


@pytest.mark.parametrize("dialect", [prompt_voice, io_speech, newspeech])
@pytest.mark.parametrize("engine", ["webrtc", "energy", "silero", "newspeech"])
async def test_every_detector_hears_speech_on_every_endpoint(
    autojump_clock: Clock, dialect: Any, engine: str
) -> None:
    client = await heard(dialect.DIALECT, recording(), stream_vad_engine=engine)
    assert replies(client) == 1


async def test_the_energy_threshold_takes_effect_on_stream(autojump_clock: Clock) -> None:
    quiet = softer(recording(), 36)
    energy = {"vad_engine": "energy"}
    assert replies(await heard(io_speech.DIALECT, quiet, **energy)) == 0
    client = await heard(io_speech.DIALECT, quiet, **energy, vad_energy_threshold=0.001)
    assert replies(client) == 1


async def test_the_choice_for_stream_is_not_that_of_the_others(autojump_clock: Clock) -> None:
    quiet = softer(recording(), 36)
    for dialect, finals in ((io_speech, 0), (newspeech, 1), (prompt_voice, 1)):
        assert replies(await heard(dialect.DIALECT, quiet, vad_engine="energy")) == finals


async def test_the_sensitivity_takes_effect_on_engine(autojump_clock: Clock) -> None:
    # 3 s of hiss at -50 dBFS raise the floor there, then speech whose loudest frames are at -32.
    speech = np.frombuffer(softer(recording(), 24), "<i2")
    audio = hiss(-50, 3000 + len(speech) // 16 + 1000)
    audio[48_000 : 48_000 + len(speech)] += speech
    pcm16 = audio.astype("<i2").tobytes()
    for sensitivity, finals in ((0.6, 1), (0.0, 0)):
        client = await heard(
            newspeech.DIALECT, pcm16, parley_engine_vad="newspeech", vad_sensitivity=sensitivity
        )
        assert replies(client) == finals


async def test_an_onset_on_stream_tells_its_energy(autojump_clock: Clock) -> None:
    client = await heard(io_speech.DIALECT, recording())
    (onset,) = [m for m in client.of("vad") if m["event"] == "speech_start"]
    assert 0.01 < onset["energy"] < 0.5


def test_a_constant_noise_over_the_threshold_stays_speech_until_a_reset() -> None:
    detector = NewSpeechDetector()
    loud = hiss(-30, 20).astype("<i2").tobytes()
    assert all(detector.is_speech(loud) for _ in range(500))
    soft = softer(loud, 40)
    detector.reset()
    assert not any(detector.is_speech(soft) for _ in range(500))


async def test_the_engine_room_gives_each_endpoint_its_own() -> None:
    settings = Settings.defaults(vad_engine="energy", parley_engine_vad="newspeech")
    async with open_engine_room(settings) as room:
        made = [
            type(
                room.engines.detector(
                    SessionInfo.outside("s", settings.hearing_for(dialect.DIALECT.profile.name))
                )
            )
            for dialect in (prompt_voice, io_speech, newspeech)
        ]
    assert made == [SileroDetector, EnergyDetector, NewSpeechDetector]
    assert room.chosen["vad"] == "silero (energy on /stream, newspeech on /engine)"


async def test_an_embedders_detector_hears_everywhere() -> None:
    settings = Settings.defaults(vad_engine="energy")
    async with open_engine_room(
        settings, OwnEngines(detector=lambda session: ScriptedDetector())
    ) as room:
        for hearing in (settings.hearing, settings.hearing_io_speech):
            assert isinstance(room.engines.detector(asking(hearing)), ScriptedDetector)
    assert room.chosen["vad"] == "own"
