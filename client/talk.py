"""`parley talk`: speak recordings, or what the microphone hears, to a server and show it all.

`talk` prints problems itself, as one line, and says by the exit code how it went.
"""

from __future__ import annotations

import functools
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import trio
from rich.console import Console

from ..audio.pcm import HEARING_RATE_HZ
from ..audio.wav import NotAWav
from .conversation import ClosedEarly, Conversation, NoGreeting, Pace, conversation
from .ends import End, PromptVoiceEnd
from .live import LiveView
from .microphone import (
    HEADPHONES,
    Microphone,
    NoMicrophone,
    Speaker,
    no_loudspeaker,
    open_microphone,
)
from .piece_speaker import PieceSpeaker
from .realtime import RealtimeEnd
from .recording import load_recording, reply_wav, resampled
from .report import Row, row_of, table_of
from .resuming_wire import open_resuming_wire
from .told_settings import recording_notice
from .utterance import Heard, Utterance
from .wire import Unreachable, Wire, open_wire

OK, UNANSWERED, FAILED = 0, 1, 2
"""Exit codes: every recording was answered; one was not; there was no conversation."""

TOOLS = "tools=told"
"""What dialect A's address asks for: the calls of tools and who answers are shown, too."""
Connect: TypeAlias = Callable[..., AbstractAsyncContextManager[Wire]]
"""`open_resuming_wire`, but for `asks`."""
HOST = "ws://127.0.0.1:8084"


def default_url(*, realtime: bool) -> str:
    """Of a server on this machine that has been started without options."""
    return HOST + (RealtimeEnd.path if realtime else PromptVoiceEnd.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkResult:
    """How it went. `written` are the replies' WAV files, `problem` is the line printed."""

    exit_code: int
    utterances: tuple[Utterance, ...] = ()
    rows: tuple[Row, ...] = ()
    written: tuple[Path, ...] = ()
    problem: str | None = None


async def talk(
    url: str,
    wavs: Sequence[Path] = (),
    *,
    mic: bool = False,
    realtime: bool = False,
    token: str = "",
    ca: Path | None = None,
    out: Path | None = None,
    aloud: bool = True,
    speed: float = 1.0,
    chunk_ms: int = 100,
    reply_timeout_s: float = 30.0,
    console: Console | None = None,
    errors: Console | None = None,
) -> TalkResult:
    """Have a conversation with the server at `url` (ws://HOST:PORT/ws, or with `realtime`, OpenAI's
    Realtime API, ws://HOST:PORT/v1/realtime). `token` and `ca` are those of `open_wire`.

    The recordings follow each other in one session. Replies are played, where `aloud` and where
    there is a loudspeaker, and are written to `out`, where one is named: a folder (NAME.reply.wav),
    or with a single recording a file ending in .wav. With `mic` the talk goes on until Ctrl-C, and
    nothing is written.
    """
    console = console or Console()
    errors = errors or Console(stderr=True)
    end: End = RealtimeEnd() if realtime else PromptVoiceEnd()
    try:
        if notice := await recording_notice(url, end.path, token=token, ca=ca):
            console.print(notice, style="bold", markup=False)
        pace = Pace(
            rate_hz=end.rate_hz, chunk_ms=chunk_ms, speed=speed, reply_timeout_s=reply_timeout_s
        )
        connect: Connect = functools.partial(open_wire, url, token=token, ca=ca)
        if not realtime:  # other servers of that protocol know no such thing
            connect = functools.partial(
                open_resuming_wire,
                url,
                opening=end.opening(pace.rate_hz),
                on_lost=lambda closed: console.print(f"{closed}: connecting again"),
                token=token,
                ca=ca,
            )
        if mic:
            return await _talk_by_microphone(connect, end, pace, console)
        return await _talk_by_recordings(connect, end, wavs, out, aloud, pace, console, errors)
    except (
        Unreachable, ClosedEarly, NoGreeting, NotAWav, NoMicrophone, ValueError, OSError
    ) as error:  # fmt: skip
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return TalkResult(exit_code=FAILED, problem=str(error))


def _speaker(end: End, *, deaf: bool = False) -> Speaker:
    return PieceSpeaker(deaf=deaf) if isinstance(end, RealtimeEnd) else Speaker(deaf=deaf)


@asynccontextmanager
async def _conversation(
    connect: Connect, end: End, pace: Pace, view: LiveView, speaker: Speaker
) -> AsyncIterator[Conversation]:
    """Shown and played. What was played of a reply that is cut is told, where that can be said."""

    def listener(heard: Heard) -> None:
        view.heard(heard)
        speaker.heard(heard)

    asks = "" if isinstance(end, RealtimeEnd) else TOOLS
    async with (
        connect(asks=asks) as wire,
        conversation(wire, pace, listener, end) as talking,
    ):
        if isinstance(speaker, PieceSpeaker):
            speaker.on_cut = lambda item, ms: talking.say_soon(RealtimeEnd.truncate(item, ms))
        yield talking


async def _talk_by_recordings(
    connect: Connect,
    end: End,
    wavs: Sequence[Path],
    out: Path | None,
    aloud: bool,
    pace: Pace,
    console: Console,
    errors: Console,
) -> TalkResult:
    if not wavs:
        raise ValueError("nothing to say: name a WAV file, or use --mic")
    recordings = [load_recording(path) for path in wavs]
    targets = reply_paths([recording.name for recording in recordings], out) if out else []
    silent = no_loudspeaker() if aloud else "--quiet"
    utterances: list[Utterance] = []
    with LiveView(console) as view:
        async with (
            _loudspeaker(_speaker(end, deaf=silent is not None), errors) as speaker,
            _conversation(connect, end, pace, view, speaker) as talking,
        ):
            for recording in recordings:
                view.line(f"-- {recording.name}", "dim")
                pcm16 = resampled(recording.pcm16, HEARING_RATE_HZ, pace.rate_hz)
                utterances.append(await talking.play(recording.name, pcm16))
                await speaker.quiet()
    written = [path for u, path in zip(utterances, targets, strict=False) if save_reply(u, path)]
    rows = tuple(row_of(utterance) for utterance in utterances)
    console.print(table_of(rows))
    for path in written:
        console.print(f"reply written to {path}", markup=False, soft_wrap=True)
    if silent is not None and aloud and out is None:
        told = f"the replies were not played ({silent}); --out FOLDER keeps them"
        console.print(told, style="dim", markup=False, soft_wrap=True)
    unanswered = [u.name for u in utterances if not u.answered]
    problem = f"no reply to: {', '.join(unanswered)}" if unanswered else None
    if problem:
        errors.print(problem, style="red", markup=False, soft_wrap=True)
    return TalkResult(
        exit_code=UNANSWERED if unanswered else OK,
        utterances=tuple(utterances),
        rows=rows,
        written=tuple(written),
        problem=problem,
    )


@asynccontextmanager
async def _loudspeaker(speaker: Speaker, errors: Console) -> AsyncIterator[Speaker]:
    """It plays while the block runs, unless it is deaf: then it never does."""

    async def play() -> None:
        try:
            await speaker.run()
        except NoMicrophone as error:  # it was there, and cannot be opened
            speaker.give_up()
            errors.print(str(error), style="dim", markup=False, soft_wrap=True)

    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        if not speaker.deaf:
            nursery.start_soon(play)
        try:
            yield speaker
        except Exception as error:
            failure = error  # raised again below, by itself and in no group
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _talk_by_microphone(
    connect: Connect, end: End, pace: Pace, console: Console
) -> TalkResult:
    speaker = _speaker(end)
    failures: list[NoMicrophone | ClosedEarly] = []
    utterance: Utterance | None = None
    with LiveView(console) as view, open_microphone(pace.rate_hz, pace.chunk_ms) as microphone:

        async def play() -> None:
            try:
                await speaker.run()
            except NoMicrophone as error:
                failures.append(error)
                microphone.stop()

        async with _conversation(connect, end, pace, view, speaker) as talking:
            view.line(f"speak; Ctrl-C ends. {HEADPHONES}", "dim")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(play)
                nursery.start_soon(_stop_at_interrupt, microphone)
                try:
                    utterance = await talking.stream(microphone.frames())
                except ClosedEarly as error:
                    failures.append(error)
                nursery.cancel_scope.cancel()
            if failures or utterance is None:
                raise failures[0]
    if microphone.dropped or speaker.dropped:
        console.print(f"dropped: {microphone.dropped} frames, {speaker.dropped} phrases")
    rows = (row_of(utterance),)
    console.print(table_of(rows))
    return TalkResult(exit_code=OK, utterances=(utterance,), rows=rows)


async def _stop_at_interrupt(microphone: Microphone) -> None:
    """Ctrl-C ends the recording, not the program: the numbers are still shown."""
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        async for _ in signals:
            microphone.stop()


def reply_paths(names: Sequence[str], out: Path | None) -> list[Path]:
    """Where the replies go; see `talk`. A name that comes twice gets a number. ValueError."""
    if out is not None and out.suffix.lower() == ".wav":
        if len(names) > 1:
            raise ValueError(f"{out} is one file, and there are {len(names)} recordings")
        return [out]
    folder = out or Path()
    seen: dict[str, int] = {}
    paths: list[Path] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        stem = name if seen[name] == 1 else f"{name}-{seen[name]}"
        paths.append(folder / f"{stem}.reply.wav")
    return paths


def save_reply(utterance: Utterance, path: Path) -> bool:
    """Write the reply's audio; False where there was none."""
    data = reply_wav(utterance)
    if data is None:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return True
