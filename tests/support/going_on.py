"""People who go on speaking over an answer: the engines and the conversations of the tests, and of
`scripts/measure_taken_back.py`."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.conversation.later import Wish
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.turn.scripted import ScriptedTurnEnd
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.chat import ChatMessage
from parley.protocol.dialect import Dialect
from parley.protocol.io_speech import DIALECT as IO_SPEECH
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.session.life import Session
from parley.telemetry import Telemetry
from parley.testing import open_session, silence, speech

ENOUGH_MS = 4000
"""Of silence, for a reply to be heard to its end."""


class Echo:
    """A language model that says what it was asked, in some two seconds of audio."""

    def __init__(self, thinks_s: float = 0.0, wish: Wish | None = None) -> None:
        self.thinks_s = thinks_s
        self.wish = wish
        self.asked: list[tuple[ChatMessage, ...]] = []

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[str | Wish]]:
        self.asked.append(tuple(conversation))
        words = conversation[-1].text

        async def tokens() -> AsyncIterator[str | Wish]:
            await trio.sleep(self.thinks_s)
            if self.wish is not None:
                yield self.wish
            yield answer_to(words)

        yield tokens()


def answer_to(words: str) -> str:
    return f"Answer to {words}: this goes on for two seconds."


class Cast:
    def __init__(
        self,
        words: Sequence[str],
        *,
        dialect: Dialect = PROMPT_VOICE,
        model: Echo | None = None,
        likelihoods: Sequence[float] = (1.0,),
        **settings: Any,
    ) -> None:
        self.model = model or Echo()
        self.transcriber = ScriptedTranscriber(
            words, delays_s={"conclude": 0.03}, shortest_ms=200, word_ms=100
        )
        self.telemetry = Telemetry()
        self.dialect = dialect
        self.settings = Settings.defaults(**settings)
        self.engines = Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: self.transcriber,
            responder=self.model,
            synthesizer=ScriptedSynthesizer(delay_s=0.02, ms_per_char=40),
            turn_end=ScriptedTurnEnd(likelihoods),
        )

    def session(self) -> Any:
        return open_session(
            self.engines, settings=self.settings, telemetry=self.telemetry, dialect=self.dialect
        )

    def count(self, name: str) -> float:
        value = self.telemetry.registry.get_sample_value(f"parley_{name}_total")
        assert value is not None
        return value


async def say(client: InMemoryClient, *parts_ms: int) -> None:
    """Speech and silence in turn, in real time."""
    for index, ms in enumerate(parts_ms):
        audio = speech(ms) if index % 2 == 0 else silence(ms)
        await client.speak(audio, chunk_ms=20)


def exchanges(session: Session) -> list[tuple[str, str]]:
    return list(session.parts.items.exchanges())


async def converse_at_random(seed: int) -> float:
    """Words at random, with pauses at random, over replies that come at random: no word is lost,
    and none is answered twice. Gives how many answers were taken back."""
    chance = random.Random(seed)
    count = chance.randint(2, 6)
    words = [f"word{number} and more" for number in range(count)]
    model = Echo(thinks_s=chance.choice([0.0, 0.0, 0.3, 1.2]))
    dialect = chance.choice([PROMPT_VOICE, IO_SPEECH, NEWSPEECH])
    likelihoods = [chance.choice([0.3, 0.6, 0.9, 1.0]) for _ in range(20)]
    cast = Cast(words, dialect=dialect, model=model, likelihoods=likelihoods)
    parts_ms: list[int] = []
    for _ in words:
        parts_ms += [chance.randrange(500, 1500, 20), chance.randrange(300, 2600, 20)]
    async with cast.session() as (session, client):
        await client.start()
        await say(client, *parts_ms, 0, 2500 + ENOUGH_MS)
        found = exchanges(session)
        heard = [t.text for t in cast.transcriber.transcripts if t.text]
        said = " ".join(text for text, _ in found)
        assert said == " ".join(heard)
        for user_text, reply in found:
            assert answer_to(user_text).startswith(reply.removesuffix("\u2026"))
        assert found[-1][1] == answer_to(found[-1][0]), "and the last answer was heard whole"
        assert not session.parts.machines.floor.unanswered
    for conversation in cast.model.asked:
        roles = [m.role for m in conversation if m.role != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    return cast.count("taken_back")
