"""The stock client of OpenAI's API, before a server with scripted engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import openai
import trio

from parley.agent import Agent
from parley.embedding import OwnEngines, Settings, open_server
from parley.engines.asr.interface import Transcriber
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.llm.interface import Responder
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.interface import Synthesizer
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.energy import EnergyDetector

T = TypeVar("T")
LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Desk:
    """A server on `port`. `ask` runs a function of a synchronous client in a thread."""

    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def ask(self, work: Callable[[openai.OpenAI], T]) -> T:
        def run() -> T:
            with openai.OpenAI(
                api_key="none", base_url=self.base_url, max_retries=0, timeout=LIMIT_S
            ) as client:
                return work(client)

        return await trio.to_thread.run_sync(run)


@asynccontextmanager
async def open_desk(
    *,
    transcriber: Transcriber | None = None,
    responder: Responder | None = None,
    synthesizer: Synthesizer | None = None,
    agents: Sequence[Agent[Any]] = (),
    **settings: object,
) -> AsyncIterator[Desk]:
    """In real time: the client has no other."""
    hears = transcriber or ScriptedTranscriber(["hello there", "stop it"], shortest_ms=0)
    own = OwnEngines(
        detector=lambda session: EnergyDetector(session.hearing.energy_threshold),
        transcriber=lambda session: hears,
        responder=responder or ScriptedResponder(then=["Fine."]),
        synthesizer=synthesizer or ScriptedSynthesizer(),
    )
    with trio.fail_after(LIMIT_S):
        chosen = Settings.defaults(**settings)
        async with open_server(chosen, port=0, own=own, agents=agents) as server:
            assert server.port is not None
            yield Desk(server.port)
