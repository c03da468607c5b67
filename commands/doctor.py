"""`parley doctor`: which engines are usable here, why not, and what to do about it.

It does not ask whether something is installed, it uses it: a phrase is spoken by the synthesizer
and heard by the recognizer, in their lanes, as the server does it.
"""

from __future__ import annotations

import importlib.util
import platform
import socket
import sys
from dataclasses import dataclass, replace
from typing import Any

import trio
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..audio.resampler import Resampler
from ..config import Settings
from ..conversation.writing import has_word, visible_text
from ..cores import usable
from ..engines.asr.choice import choose_recognizer
from ..engines.asr.model_store import ready_model
from ..engines.asr.moonshine import ready_moonshine
from ..engines.failures import EngineFailure, ModelProblem
from ..engines.kit import SessionInfo
from ..engines.llm.interface import Responder, second_of
from ..engines.models.folder import models_folder
from ..engines.pools.place import Place
from ..engines.pools.pool import LOOK_S
from ..engines.room import EngineRoom, open_engine_room
from ..engines.tts.interface import Speech
from ..engines.turn.interface import Pause
from ..engines.turn.open import TURN_LANE
from ..engines.vad.open import hearings
from ..protocol.chat import ChatMessage
from ..server.start_checks import start_problems
from ..server.workers.shares import told, workers_wanted

PHRASE = "hello world"
READY_S = 60.0
"""A lane loads its engine in seconds; a cold disk may take a while."""
ANSWER_S = 15.0

SERVICE_ADVICE = (
    "check {0}_MODEL, {0}_BASE_URL (or OPENAI_BASE_URL) and {0}_API_KEY (or OPENAI_API_KEY)"
)
VOICE_ADVICE = {
    "pyttsx3": "mend STREAM_TTS_VOICE, or reinstall pyttsx3 and espeakng-loader (make clean run)",
    "piper": "mend STREAM_PIPER_VOICE, or set STREAM_TTS_ENGINE=pyttsx3",
    "kokoro": "mend STREAM_KOKORO_MODEL and _VOICES, or set STREAM_TTS_ENGINE=pyttsx3",
    "openai": SERVICE_ADVICE.format("OPENAI_TTS") + "; or set STREAM_TTS_ENGINE=pyttsx3",
}
MODEL_ADVICE = (
    "check OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL, or set STREAM_LLM_ENGINE=local"
)
SECOND_ADVICE = SERVICE_ADVICE.partition(" (")[0].format("OPENAI_FALLBACK") + ", or unset them"
RECOGNIZER_ADVICE = {
    "pocketsphinx": "reinstall pocketsphinx (make clean run)",
    "moonshine": "`parley models pull moonshine-tiny`; or set STREAM_ASR_ENGINE=pocketsphinx",
    "whisper": "see `parley models list`; or set STREAM_ASR_ENGINE=pocketsphinx",
    "openai": SERVICE_ADVICE.format("OPENAI_ASR") + "; or set STREAM_ASR_ENGINE=pocketsphinx",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the report. `needed`: the server cannot talk without it."""

    name: str
    ok: bool
    detail: str
    advice: str = ""
    needed: bool = True


def examine(settings: Settings) -> list[Check]:
    """Try everything that the settings ask for. Takes a few seconds: real engines are started."""
    checks = [_python(), _port(settings), *_workers(settings)]
    try:
        checks += trio.run(_engines, settings)
    except* EngineFailure as group:
        for error in group.exceptions:
            checks.append(
                Check(name="engines", ok=False, detail=str(error), advice="mend the settings")
            )
    checks += [_model(settings), *_start(settings), _microphone()]
    return checks


def _start(settings: Settings) -> list[Check]:
    """What `parley serve` says at its start. Where it is about an engine, more is said above."""
    return [
        Check(name=problem.what, ok=False, detail=problem.why, advice=problem.do, needed=False)
        for problem in start_problems(settings)
    ]


def _python() -> Check:
    return Check(
        name="python",
        ok=sys.version_info >= (3, 11),
        detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        advice="Parley needs Python 3.11 or newer",
    )


def _port(settings: Settings) -> Check:
    address = (settings.serving.host, settings.serving.port)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return Check(
            name="port",
            ok=False,
            detail=f"{address[0]}:{address[1]}: {error.strerror or error}",
            advice="a server runs there already? stop it, or set PARLEY_PORT",
            needed=False,
        )
    return Check(name="port", ok=True, detail=f"{address[0]}:{address[1]} is free", needed=False)


def _workers(settings: Settings) -> list[Check]:
    """What each of several processes gets; nothing where there is to be one."""
    cores = usable()
    workers = workers_wanted(settings.serving.workers, cores)
    if workers == 1:
        return []
    return [
        Check(
            name="workers",
            ok=workers <= cores,
            needed=False,
            detail=told(settings, workers, cores),
            advice="more processes than cores serve nobody better: PARLEY_WORKERS=0",
        )
    ]


async def _engines(settings: Settings) -> list[Check]:
    async with open_engine_room(settings) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        with trio.move_on_after(READY_S):
            while any(  # noqa: ASYNC110 (a lane tells nobody)
                kind.endswith(": loading") for kind in room.not_ready()
            ):
                await trio.sleep(0.05)
        checks = [
            _vad(room, settings),
            await _turn_end(room),
            *await _voice_and_recognizer(room, SessionInfo.outside("doctor", settings.hearing)),
            *await _llm(room),
            *_remarks(room),
            *await _places(room),
        ]
        nursery.cancel_scope.cancel()
    return checks


def _remarks(room: EngineRoom) -> list[Check]:
    """What engines said when they were loaded; the last part of it is what to do."""
    checks = []
    for remark in room.remarks():
        detail, _, advice = remark.partition("; ")
        checks.append(Check(name="note", ok=False, detail=detail, advice=advice, needed=False))
    return checks


def _vad(room: EngineRoom, settings: Settings) -> Check:
    frames_ms = []
    for path, hearing in hearings(settings):
        detector = room.engines.detector(SessionInfo.outside(path, hearing))
        detector.is_speech(bytes(detector.frame_samples * 2))
        frames_ms.append(detector.frame_samples * 1000 // detector.rate_hz)
    lengths = " or ".join(str(length) for length in dict.fromkeys(frames_ms))
    return Check(name="vad", ok=True, detail=f"{room.chosen['vad']}, frames of {lengths} ms")


async def _turn_end(room: EngineRoom) -> Check:
    name = room.chosen["turn"]
    broken = next((lane.load_error for lane in room.lanes if lane.name == TURN_LANE), None)
    engine = room.engines.turn_end
    if engine is None:
        return Check(name="turn", ok=True, detail=name)
    if broken is not None:
        return Check(
            name="turn",
            ok=False,
            detail=f"{name}: {broken}; the words decide",
            advice="`parley models pull smart-turn`, or mend STREAM_TURN_MODEL",
        )
    try:
        with trio.fail_after(ANSWER_S):
            likely = await engine.likelihood(Pause(text=PHRASE, pcm16=bytes(32_000)))
    except (EngineFailure, trio.TooSlowError) as error:
        return Check(name="turn", ok=False, detail=f"{name}: {_words(error)}", advice="see above")
    return Check(name="turn", ok=True, detail=f"{name}: {likely:.2f} sure that a phrase is over")


async def _voice_and_recognizer(room: EngineRoom, asked: SessionInfo) -> list[Check]:
    name = room.chosen["tts"]
    try:
        with trio.fail_after(ANSWER_S):
            speech = await room.engines.synthesizer.speak(PHRASE)
    except (EngineFailure, trio.TooSlowError) as error:
        return [
            Check(
                name="tts",
                ok=False,
                detail=f"{name}: {_words(error)}",
                advice=_advice(VOICE_ADVICE, name),
            ),
            await _asr(room, asked, Speech(pcm16=bytes(32_000), rate_hz=16_000)),
        ]
    detail = f"{name}: {speech.duration_s:.1f} s of speech at {speech.rate_hz} Hz"
    return [
        Check(name="tts", ok=bool(speech.pcm16), detail=detail, advice="the voice is silent"),
        await _asr(room, asked, speech),
    ]


async def _asr(room: EngineRoom, asked: SessionInfo, speech: Speech) -> Check:
    name = room.chosen["asr"]
    resampler = Resampler(speech.rate_hz)
    pcm16 = resampler.push(speech.pcm16) + resampler.flush()
    transcriber = room.engines.transcriber(asked)
    try:
        with trio.fail_after(ANSWER_S):
            await transcriber.begin()
            await transcriber.feed(pcm16)
            transcript = await transcriber.finish()
    except (EngineFailure, trio.TooSlowError) as error:
        return Check(
            name="asr",
            ok=False,
            detail=f"{name}: {_words(error)}",
            advice=_advice(RECOGNIZER_ADVICE, name),
        )
    return Check(
        name="asr",
        ok=True,
        detail=f"{name}: heard {transcript.text!r} for {PHRASE!r}, "
        f"{transcript.rtf:.2f} of real time",
    )


async def _llm(room: EngineRoom) -> list[Check]:
    responder = room.engines.responder
    second = second_of(responder)
    checks = [await _answers("llm", room.chosen["llm"], responder, MODEL_ADVICE)]
    if second is not None:
        name = "the model behind it"
        checks.append(await _answers("llm", name, second, SECOND_ADVICE))
        if checks[1].ok:  # then nothing stands still for the first one
            checks[0] = replace(checks[0], needed=False)
    return checks


async def _answers(kind: str, name: str, responder: Responder, advice: str) -> Check:
    text = ""
    try:
        with trio.fail_after(ANSWER_S):
            async with responder.reply([ChatMessage(role="user", text=PHRASE)]) as parts:
                async for part in parts:
                    text += part if isinstance(part, str) else ""
    except (EngineFailure, trio.TooSlowError) as error:
        return Check(name=kind, ok=False, detail=f"{name}: {_words(error)}", advice=advice)
    said = visible_text(text).strip()
    if not has_word(said):
        instead = f"answered {said[:40]!r}" if said else "thought and said nothing"
        detail = f"{name}: {instead if text.strip() else 'said nothing'}"
        return Check(name=kind, ok=False, detail=detail, advice="check OPENAI_MAX_TOKENS")
    return Check(name=kind, ok=True, detail=f"{name}: answers {said[:40]!r}")


async def _places(room: EngineRoom) -> list[Check]:
    """Each server of a pool, by a look. Whether it can do its work the engine's own check told of
    one of them."""
    checks = []
    for pool in room.pools:
        for place in pool.places:
            checks.append(await _place(pool.kind, place))
    return checks


async def _place(kind: str, place: Place[Any]) -> Check:
    name, began_s = f"{kind} place", trio.current_time()
    try:
        with trio.fail_after(LOOK_S):
            await place.look()
    except (EngineFailure, trio.TooSlowError) as error:
        detail, advice = f"{place.name}: {_words(error)}", "the others do its work meanwhile"
        return Check(name=name, ok=False, detail=detail, advice=advice, needed=False)
    took_ms = (trio.current_time() - began_s) * 1000
    usual = f", usually {place.known_s:.2f} s to its answers" if place.known_s else ""
    detail = f"{place.name}: is there after {took_ms:.0f} ms{usual}"
    return Check(name=name, ok=True, detail=detail, needed=False)


def _model(settings: Settings) -> Check:
    """The recognizer's model: Moonshine's where that hears, else the Whisper model that is named.
    Parley can talk without one, by other recognizers."""
    transcribing = settings.transcribing
    moonshine = choose_recognizer(transcribing).engine == "moonshine"
    name = "moonshine" if moonshine else transcribing.whisper_model
    try:
        if moonshine:
            folder = ready_moonshine(transcribing.moonshine_model, transcribing.models_dir)
        else:
            folder = ready_model(name, models_folder(transcribing.models_dir))
    except ModelProblem as problem:
        # The problem's last part is what to do: one line there, two columns here.
        detail, _, advice = str(problem).rpartition("; ")
        return Check(
            name="model", ok=False, detail=detail or str(problem), advice=advice, needed=False
        )
    return Check(name="model", ok=True, detail=f"{name}: {folder}", needed=False)


def _microphone() -> Check:
    if importlib.util.find_spec("sounddevice") is None:
        return Check(
            name="microphone",
            ok=False,
            needed=False,
            detail="for `parley talk --mic`: sounddevice is not installed",
            advice="pip install sounddevice",
        )
    try:
        import sounddevice
    except OSError as error:
        return Check(
            name="microphone",
            ok=False,
            needed=False,
            detail=f"for `parley talk --mic`: {error}",
            advice="install PortAudio (Debian: libportaudio2)",
        )
    found = sum(1 for device in sounddevice.query_devices() if device["max_input_channels"])
    return Check(
        name="microphone",
        ok=found > 0,
        needed=False,
        detail=f"for `parley talk --mic`: {found} input device(s)",
        advice="plug a microphone in",
    )


def _advice(table: dict[str, str], chosen: str) -> str:
    """For an engine as it is chosen: its name, perhaps with a reason behind it."""
    return table.get(chosen.partition(" ")[0], "mend the engine")


def _words(error: Exception) -> str:
    return str(error) or "no answer in time"


def show(checks: list[Check], console: Console | None = None) -> None:
    """The report as a table, advice beside what needs it."""
    out = console or Console()
    table = Table(box=None, pad_edge=False)
    for column in ("", "what", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for check in checks:
        mark = "[green]ok[/]" if check.ok else ("[red]no[/]" if check.needed else "[yellow]-[/]")
        advice = "" if check.ok else check.advice
        table.add_row(mark, check.name, escape(check.detail), escape(advice))
    out.print(table)
    if all(check.ok or not check.needed for check in checks):
        out.print("Parley can talk here: `parley serve`.")
