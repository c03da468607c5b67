"""A conversation whose language is found out: who is told, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from parley.config import Settings
from parley.conversation.events import SessionEvent, TextHeard
from parley.conversation.record import TurnRecord
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.interface import Speech, Synthesizer
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.turn.interface import Pause
from parley.engines.turn.scripted import ScriptedTurnEnd
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.dialects import DIALECTS
from parley.recording.recorded import replay_recording
from parley.testing.performing import Performance
from parley.testing.scene import Say, Scene, Send, Wait
from parley.testing.sessions import open_session, silence, speech

Clock = trio.testing.MockClock
A, B, C = DIALECTS[:3]
AUTO: dict[str, Any] = {"stream_language": "auto", "stream_turn_take_back_ms": 0}


class Voices:
    """A voice for each language. `spoken` has what each of them said."""

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str]] = []
        self.languages = ("de", "en", "fr")

    def for_language(self, code: str) -> Synthesizer:
        return OneVoice(code, self.spoken)

    async def speak(self, text: str) -> Speech:
        raise AssertionError("nobody chose a voice")


@dataclass
class OneVoice:
    language: str
    spoken: list[tuple[str, str]]
    inner: ScriptedSynthesizer = field(default_factory=ScriptedSynthesizer)

    async def speak(self, text: str) -> Speech:
        self.spoken.append((self.language, text))
        return await self.inner.speak(text)


class Cast:
    def __init__(
        self, *said: str, languages: tuple[str | None, ...], reply: str = "Yes.", **different: Any
    ) -> None:
        self.transcriber = ScriptedTranscriber(said, languages=languages, word_ms=100)
        self.responder = ScriptedResponder(then=[reply])
        self.voices = Voices()
        self.turn_end: ScriptedTurnEnd | None = different.pop("turn_end", None)
        self.settings = Settings.defaults(**(AUTO | different))
        self.engines = Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: self.transcriber,
            responder=self.responder,
            synthesizer=self.voices,
            turn_end=self.turn_end,
        )

    @property
    def prompts(self) -> list[str]:
        """What the model was told beside the system prompt, request by request."""
        asked = (conversation[0].text for conversation in self.responder.conversations)
        return [text.removeprefix(self.settings.stream_system_prompt).strip() for text in asked]


async def test_each_turn_is_answered_in_the_language_of_its_words(autojump_clock: Clock) -> None:
    said = ("turn it off", "mach das licht aus", "bonjour mon ami", "and on again")
    cast = Cast(*said, languages=("en", "de", "fr", "en"))
    records: list[TurnRecord] = []
    heard: list[SessionEvent] = []
    async with open_session(cast.engines, settings=cast.settings, watchers=[heard.append]) as (
        session,
        client,
    ):
        await client.start()
        for _ in said:
            await client.speak(speech(800) + silence(2500), chunk_ms=20)
            assert session.parts.turns.latest is not None
            records.append(session.parts.turns.latest)
    assert [record.language for record in records] == ["en", "de", "fr", "en"]
    assert cast.prompts == [
        "",
        "The person speaks German. Answer in German.",
        "The person speaks French. Answer in French.",
        "The person speaks English. Answer in English.",
    ]
    assert [language for language, _ in cast.voices.spoken] == ["en", "de", "fr", "en"]
    told = [event.language for event in heard if isinstance(event, TextHeard)]
    assert told == ["en", "de", "fr", "en"]


async def test_who_does_not_tell_the_language_leaves_it_as_it_was(autojump_clock: Clock) -> None:
    cast = Cast("hallo", "noch was", languages=("de", None))
    async with open_session(cast.engines, settings=cast.settings) as (_, client):
        await client.start()
        await client.speak(speech(800) + silence(2500), chunk_ms=20)
        await client.speak(speech(800) + silence(2500), chunk_ms=20)
    assert [language for language, _ in cast.voices.spoken] == ["de", "de"]


async def test_a_language_that_is_set_is_told_to_model_and_voice(autojump_clock: Clock) -> None:
    cast = Cast("hallo", languages=("en",), stream_language="de")
    async with open_session(cast.engines, settings=cast.settings) as (_, client):
        await client.start()
        await client.speak(speech(800) + silence(2500), chunk_ms=20)
    assert cast.prompts == ["The person speaks German. Answer in German."]
    assert [language for language, _ in cast.voices.spoken] == ["de"]


@pytest.mark.parametrize("different", [{"stream_language_note": False}, {"stream_language": "en"}])
async def test_the_model_need_not_be_told(different: Any, autojump_clock: Clock) -> None:
    cast = Cast("hallo", languages=("de",), **different)
    async with open_session(cast.engines, settings=cast.settings) as (_, client):
        await client.start()
        await client.speak(speech(800) + silence(2500), chunk_ms=20)
    assert cast.prompts == [""]


@pytest.mark.parametrize(
    ("dialect", "kind", "asks", "language"),
    [
        (A, "final_transcript", False, None),
        (A, "final_transcript", True, "de"),
        (B, "transcript", False, "de"),
        (C, "final_transcript", False, "de"),
    ],
)
@pytest.mark.parametrize("auto", [True, False])
async def test_the_client_sees_it_where_it_was_found_out(
    dialect: Any, kind: str, asks: bool, language: str | None, auto: bool, autojump_clock: Clock
) -> None:
    different = {} if auto else {"stream_language": "de"}
    cast = Cast("hallo du", languages=("de",), **different)
    async with open_session(cast.engines, settings=cast.settings, dialect=dialect) as (_, client):
        await client.start(**({"audio_clock": True} if asks else {}))
        await client.speak(speech(800) + silence(2500), chunk_ms=20)
        finals = [m for m in client.of(kind) if m.get("is_final", True)]
    assert [m.get("language") for m in finals] == [language if auto else None]


@pytest.mark.parametrize(
    ("said", "language", "goes_on"),
    [("genau", "de", True), ("genau", "en", False), ("yeah", "en", True), ("oui", "fr", True)],
)
async def test_a_listeners_word_is_judged_by_the_table_of_its_language(
    said: str, language: str, goes_on: bool, autojump_clock: Clock
) -> None:
    reply = "One sentence is here. Another one is there. And a third one."
    cast = Cast("tell me", said, "more", languages=("en", language, "en"), reply=reply)
    async with open_session(cast.engines, settings=cast.settings) as (session, client):
        await client.start()
        await client.speak(speech(1000) + silence(1000), chunk_ms=20)
        await client.wait_for("tts_chunk")
        await client.speak(silence(500) + speech(600) + silence(3000), chunk_ms=20)
        await trio.sleep(10)
        floor = session.parts.machines.floor
        assert len(session.parts.items.exchanges()) == (1 if goes_on else 2)
        # A listener's word changes no language.
        assert session.parts.current_language.now == ("en" if goes_on else language)
        assert floor.short_words is not None


async def test_the_end_of_turn_engine_knows_the_language(autojump_clock: Clock) -> None:
    turn_end = ScriptedTurnEnd([0.9])
    cast = Cast("hallo", "hello there", languages=("de", "en"), turn_end=turn_end)
    async with open_session(cast.engines, settings=cast.settings) as (_, client):
        await client.start()
        await client.speak(speech(800) + silence(2500), chunk_ms=20)
        await client.speak(speech(800) + silence(2500), chunk_ms=20)
    assert [(pause.text, pause.language) for pause in turn_end.asked] == [
        ("hallo", "de"),
        ("hello there", "en"),
    ]
    assert Pause(text="", pcm16=b"").language == ""
    # What was begun early in the right language is what is said.
    assert len(cast.responder.conversations) == 2
    assert [language for language, _ in cast.voices.spoken] == ["de", "en"]


async def test_a_crash_of_the_actor_loses_no_language(autojump_clock: Clock) -> None:
    cast = Cast("hallo", "und jetzt", languages=("de", None))
    cast.transcriber._fail_on[("feed", 60)] = RuntimeError("a bug")
    async with open_session(cast.engines, settings=cast.settings) as (session, client):
        await client.start()
        await client.speak(speech(800) + silence(2500), chunk_ms=20)
        await client.speak(speech(800) + silence(2500), chunk_ms=20)
        assert session.parts.current_language.now == "de"
    assert cast.transcriber.calls["begin"] > 2  # it did crash
    assert [language for language, _ in cast.voices.spoken] == ["de", "de"]


async def test_a_recording_of_it_replays_exactly(autojump_clock: Clock) -> None:
    scene = Scene(
        name="languages",
        dialect=B,
        peer=(Send("start"), *[Say(900, 2600, 20)] * 3, Wait(2)),
        words=("turn it off", "mach das licht aus", "merci beaucoup"),
        asr={"languages": ("en", "de", "fr"), "delays_s": {"finish": 0.05}},
        reply=("One. ", 0.05, "Two."),
        settings=AUTO,
    )
    voices = Voices()
    scripted = Performance(scene)._scripted()
    engines = Engines(
        detector=scripted.detector,
        transcriber=scripted.transcriber,
        responder=scripted.responder,
        synthesizer=voices,
    )
    performance = Performance(scene, engines=engines)
    await performance.run()
    assert {language for language, _ in voices.spoken} == {"en", "de", "fr"}
    recording = performance.recording()
    replayed = await replay_recording(recording)
    assert replayed.diverged is None
    sent = [entry for entry in recording.entries if entry.kind == "out"]
    assert [entry.data for entry in sent] == [e.data for e in replayed.out if e.kind == "out"]
    assert sum('"language":"de"' in entry.data.get("text", "") for entry in sent) == 1
