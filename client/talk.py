"""`parley talk`: speak recordings, or what the microphone hears, to a server and show it all.

`talk` prints problems itself, as one line, and says by the exit code how it went.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio
from rich.console import Console

from ..audio.pcm import HEARING_RATE_HZ
from ..audio.wav import NotAWav
from .conversation import ClosedEarly, NoGreeting, Pace, conversation
from .live import LiveView
from .microphone import (
    HEADPHONES,
    Microphone,
    NoMicrophone,
    Speaker,
    no_loudspeaker,
    open_microphone,
)
from .recording import load_recording, reply_wav
from .report import Row, row_of, table_of
from .utterance import Heard, Utterance
from .wire import Unreachable, open_wire

OK, UNANSWERED, FAILED = 0, 1, 2
"""Exit codes: every recording was answered; one was not; there was no conversation."""

TOOLS = "tools=told"
"""What the address asks for: the calls of tools and who answers are shown, too."""


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
    out: Path | None = None,
    aloud: bool = True,
    speed: float = 1.0,
    chunk_ms: int = 100,
    reply_timeout_s: float = 30.0,
    console: Console | None = None,
    errors: Console | None = None,
) -> TalkResult:
    """Have a conversation with the server at `url` (ws://HOST:PORT/ws).

    The recordings follow each other in one session. Replies are played, where `aloud` and where
    there is a loudspeaker, and are written to `out`, where one is named: a folder (NAME.reply.wav),
    or with a single recording a file ending in .wav. With `mic` the talk goes on until Ctrl-C, and
    nothing is written.
    """
    console = console or Console()
    errors = errors or Console(stderr=True)
    try:
        pace = Pace(
            rate_hz=HEARING_RATE_HZ, chunk_ms=chunk_ms, speed=speed, reply_timeout_s=reply_timeout_s
        )
        if mic:
            return await _talk_by_microphone(url, pace, console)
        return await _talk_by_recordings(url, wavs, out, aloud, pace, console, errors)
    except (
        Unreachable, ClosedEarly, NoGreeting, NotAWav, NoMicrophone, ValueError, OSError
    ) as error:  # fmt: skip
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return TalkResult(exit_code=FAILED, problem=str(error))


async def _talk_by_recordings(
    url: str,
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
        async with _loudspeaker(silent is None, errors) as speaker:

            def listener(heard: Heard) -> None:
                view.heard(heard)
                speaker.heard(heard)

            async with (
                open_wire(url, asks=TOOLS) as wire,
                conversation(wire, pace, listener) as talking,
            ):
                for recording in recordings:
                    view.line(f"-- {recording.name}", "dim")
                    utterances.append(await talking.play(recording.name, recording.pcm16))
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
async def _loudspeaker(there: bool, errors: Console) -> AsyncIterator[Speaker]:
    """A speaker that plays while the block runs, or, where there is none, one that never does."""
    speaker = Speaker(deaf=not there)

    async def play() -> None:
        try:
            await speaker.run()
        except NoMicrophone as error:  # it was there, and cannot be opened
            speaker.give_up()
            errors.print(str(error), style="dim", markup=False, soft_wrap=True)

    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        if there:
            nursery.start_soon(play)
        try:
            yield speaker
        except Exception as error:
            failure = error  # raised again below, by itself and in no group
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _talk_by_microphone(url: str, pace: Pace, console: Console) -> TalkResult:
    speaker = Speaker()
    failures: list[NoMicrophone | ClosedEarly] = []
    utterance: Utterance | None = None
    with LiveView(console) as view, open_microphone(pace.rate_hz, pace.chunk_ms) as microphone:

        def listener(heard: Heard) -> None:
            view.heard(heard)
            speaker.heard(heard)

        async def play() -> None:
            try:
                await speaker.run()
            except NoMicrophone as error:
                failures.append(error)
                microphone.stop()

        async with (
            open_wire(url, asks=TOOLS) as wire,
            conversation(wire, pace, listener) as talking,
        ):
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
