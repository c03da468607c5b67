"""The true path of a language that is found out: Whisper base's real weights, in process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Hashable, Iterator
from typing import cast

import pytest
import trio

from parley.client.recording import resampled
from parley.engines.asr import whisper_worker
from parley.engines.asr.admission import Admission, Expected
from parley.engines.asr.decoded import Decoded
from parley.engines.asr.model_store import ModelProblem, ready_model
from parley.engines.asr.on_demand import OnDemandTranscriber
from parley.engines.asr.whisper import WhisperDecoding, shared_whisper
from parley.engines.asr.whisper_worker import Pass, decode, load_named
from parley.engines.lanes.pool import LanePool
from support.memory import give_memory_back
from support.real_models import MODELS_DIR

SPEAKS = """
import sys
from parley.engines.tts import pyttsx3_worker as worker
worker.load({})
sys.stdout.buffer.write(worker.speak(sys.argv[1], sys.argv[2]).pcm16)
"""
SAID = [
    ("en-us", "Please turn the light in the living room off.", "en"),
    ("de", "Was ist die Hauptstadt von Österreich?", "de"),
    ("en-us", "What is the capital of Austria?", "en"),
]


def is_here() -> bool:
    try:
        ready_model("base", MODELS_DIR)
    except ModelProblem:
        return False
    return True


pytestmark = pytest.mark.skipif(not is_here(), reason="parley models pull base")


@pytest.fixture(autouse=True, scope="module")
def model() -> Iterator[None]:
    load_named("base", str(MODELS_DIR), 2)
    yield
    whisper_worker._model = None
    give_memory_back()


class Here:
    """A lane without a process."""

    load_error = None

    @property
    def lanes(self) -> list[Here]:
        return [self]

    def pick(self) -> Here:
        return self

    async def call_late(
        self,
        fn: Callable[[list[Pass]], list[Decoded]],
        item: Callable[[], Pass],
        *,
        alike: Hashable = None,
        urgent: bool = False,
    ) -> Decoded:
        await trio.lowlevel.checkpoint()
        return fn([item()])[0]


def spoken(voice: str, text: str) -> bytes:
    told = [sys.executable, "-c", SPEAKS, text, voice]
    pcm16 = subprocess.run(told, check=True, capture_output=True, timeout=60).stdout
    return resampled(pcm16, 22_050, 16_000)


@pytest.mark.long
async def test_each_utterance_is_heard_in_its_language() -> None:
    shared = shared_whisper(
        cast(LanePool, Here()),
        Admission(9, Expected(rtf=0.1, final_s=0.1)),
        language="",
        decoding=WhisperDecoding(beam=5),
    )
    whisper = OnDemandTranscriber(shared)
    finals = []
    for voice, text, _ in SAID:
        pcm16 = await trio.to_thread.run_sync(spoken, voice, text)
        await whisper.begin()
        for at in range(0, len(pcm16), 16_000):
            await whisper.feed(pcm16[at : at + 16_000])
            await whisper.hypothesis()
        finals.append(await whisper.finish())
    assert [final.language for final in finals] == [language for _, _, language in SAID]
    assert finals[1].text == SAID[1][1]


def test_looks_and_passes_that_know_share_a_call() -> None:
    pcm16 = spoken(*SAID[0][:2])
    make = WhisperDecoding(beam=1).partial
    knows = make(pcm16, begins=(), language="en")
    asks = make(pcm16, begins=(), language="")
    told, found = decode([knows, asks])
    assert (told.language, told.found, found.language, found.found) == ("en", "", "en", "en")
    assert told.text == found.text
    assert 0.5 < found.sure <= 1.0 and found.other not in ("", "en")
