"""When a turn is over, with real engines: what people do that is hard to tell from an end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trio

from parley.client.noises import RATE_HZ as NOISE_RATE_HZ
from parley.client.noises import noise
from support.live_server import (
    FAST,
    LIGHTS,
    TIMER,
    UMBRELLA,
    WEATHER,
    open_client,
    open_live_server,
)
from support.voices import at_rate

pytestmark = pytest.mark.slow

RATE_HZ = 16_000
TAIL_MS = 2000


def quiet(ms: int, seed: int = 0) -> bytes:
    """A room's hiss, at -65 dBFS."""
    samples = np.random.default_rng(seed).normal(0, 18, RATE_HZ * ms // 1000)
    return samples.astype("<i2").tobytes()


def finals(client: object) -> list[str]:
    return [m["text"] for m in client.of("final_transcript") if m["text"]]  # type: ignore[attr-defined]


@pytest.mark.long
async def test_two_who_talk_at_once_get_one_answer() -> None:
    one, other = (np.frombuffer(r.pcm16, "<i2").astype(np.int32) for r in (WEATHER, UMBRELLA))
    length = max(len(one), len(other))
    both = np.zeros(length, np.int32)
    both[: len(one)] += one // 2
    both[: len(other)] += other // 2
    pcm16 = np.clip(both, -32768, 32767).astype("<i2").tobytes()
    async with trio.open_nursery() as nursery:
        for engine in ("fixed", "text"):
            nursery.start_soon(_one_answer, pcm16, engine)


async def _one_answer(pcm16: bytes, engine: str) -> None:
    async with (
        open_live_server(stream_turn_engine=engine) as live,
        open_client(live.url()) as client,
    ):
        await client.start()
        await client.speak(pcm16 + quiet(TAIL_MS), chunk_ms=20)
        await client.wait_for("tts_complete")
        await client.say(type="stop")
        await trio.sleep(0.3)
    assert finals(client)
    assert client.codes == []


@pytest.mark.long
async def test_who_never_stops_is_cut_at_the_longest_utterance() -> None:
    """A second of speech, again and again, without any silence."""
    second = TIMER.pcm16[RATE_HZ : RATE_HZ * 3]
    async with (
        open_live_server(stream_max_utterance_ms=5000) as live,
        open_client(live.url()) as client,
    ):
        await client.start()
        await client.speak(second * 12, speed=FAST, chunk_ms=20)
        await client.say(type="stop")
        await client.wait_for("final_transcript", count=2)
        await trio.sleep(1)
    assert set(client.codes) == {"MAX_DURATION_EXCEEDED"}
    assert len(client.of("final_transcript")) >= 2


@pytest.mark.long
async def test_what_is_no_speech_leaves_the_next_turn_whole() -> None:
    async with open_live_server() as live, trio.open_nursery() as nursery:
        for sound in (laughter(), music()):
            nursery.start_soon(_a_turn_behind, sound, live.url())


async def _a_turn_behind(sound: bytes, url: str) -> None:
    async with open_client(url) as client:
        await client.start()
        await client.speak(quiet(300) + sound + quiet(4000), chunk_ms=20)
        await client.speak(LIGHTS.pcm16 + quiet(TAIL_MS), chunk_ms=20)
        # What it took for words before has taught it another voice.
        ends = " ".join((LIGHTS.spoken or "").split()[-4:])
        await client.wait_for("final_transcript", where=lambda m: m["text"].endswith(ends))
        await client.wait_for("tts_complete")
    assert client.codes == []


def laughter() -> bytes:
    """Bursts of breath, five a second, as a laugh has them."""
    cough = at_rate(noise("cough"), NOISE_RATE_HZ, RATE_HZ)[: RATE_HZ * 2 * 120 // 1000]
    return (cough + quiet(80)) * 6


def music() -> bytes:
    """A chord of four tones with an attack each half second, for three seconds."""
    time_s = np.arange(3 * RATE_HZ) / RATE_HZ
    chord = sum(np.sin(2 * np.pi * hz * time_s) for hz in (220.0, 277.2, 329.6, 440.0))
    swell = np.exp(-4 * (time_s % 0.5))
    return (chord * swell * 2500).astype("<i2").tobytes()


async def test_a_word_alone_is_answered_soon() -> None:
    word = UMBRELLA.pcm16
    async with open_live_server() as live, open_client(live.url()) as client:
        await client.start()
        await client.speak(word[: len(word) // 3] + quiet(TAIL_MS), chunk_ms=20)
        await client.wait_for("final_transcript")
        await client.say(type="stop")
    assert client.codes == []


async def test_a_model_that_is_none_leaves_it_to_the_words(tmp_path: Path) -> None:
    broken = tmp_path / "turn.onnx"
    broken.write_bytes(b"no model at all")
    async with (
        open_live_server(stream_turn_engine="smart-turn", stream_turn_model=str(broken)) as live,
        open_client(live.url()) as client,
    ):
        await client.utter(LIGHTS)
        await client.wait_for("tts_complete")
    assert finals(client) == [LIGHTS.spoken]
    assert client.codes == []
