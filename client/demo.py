"""`parley demo`: start a server, speak recordings to it over a real WebSocket, show and measure.

Everything is what a user's own client would see: a server process of its own, a socket, audio in
real time. Leaves the replies as WAV files, `demo.json` with the numbers and `server.log`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from ..audio.pcm import HEARING_RATE_HZ
from ..audio.wav import NotAWav
from .conversation import ClosedEarly, NoGreeting, Pace
from .live import LiveView
from .recital import recite
from .recording import Recording, load_folder
from .report import Row, as_json, row_of, table_of
from .server_process import ServerFailed, ServerProcess, parley_serve, server_process
from .talk import FAILED, OK, UNANSWERED, save_reply
from .utterance import Utterance
from .wire import Unreachable

EXAMPLES = Path(__file__).parents[1] / "examples/audio"
"""The recordings that come with Parley, in a checkout and in its wheel."""

NUMBERS = "demo.json"
LOG = "server.log"


async def demo(
    folder: Path,
    out_dir: Path = Path("demo-out"),
    *,
    speed: float = 1.0,
    chunk_ms: int = 100,
    reply_timeout_s: float = 30.0,
    console: Console | None = None,
    command: Callable[[int], Sequence[str]] = parley_serve,
) -> int:
    """Speak all recordings of `folder` (see `recording.load_folder`) to a fresh server.

    Returns 0; 1 where a recording got no final or no reply; 2 where there was no conversation
    or the server did not end with exit code 0. Problems are printed, not raised.
    """
    console = console or Console()
    utterances: list[Utterance] = []
    try:
        recordings = _prepared(folder, out_dir)
        pace = Pace(
            rate_hz=HEARING_RATE_HZ, chunk_ms=chunk_ms, speed=speed, reply_timeout_s=reply_timeout_s
        )
        with _waiting(console) as ready:
            async with server_process(out_dir / LOG, command) as server:
                ready()
                await _speak(server, recordings, pace, console, utterances)
        problem = None
    except (
        Unreachable, ClosedEarly, NoGreeting, NotAWav, ServerFailed, ValueError, OSError
    ) as error:  # fmt: skip
        problem = str(error)
    # What was heard before a failure is still worth showing.
    rows = _report(utterances, recordings, pace, out_dir, console) if utterances else []
    if problem is not None:
        console.print(problem, style="red", markup=False, soft_wrap=True)
        return FAILED
    unanswered = [row.name for row in rows if not row.answered]
    if unanswered:
        console.print(f"no reply to: {', '.join(unanswered)}", style="red", markup=False)
        return UNANSWERED
    console.print("the server ended with exit code 0")
    return OK


def _prepared(folder: Path, out_dir: Path) -> list[Recording]:
    """The recordings, and a folder for what comes of them."""
    recordings = load_folder(folder)
    out_dir.mkdir(parents=True, exist_ok=True)
    return recordings


async def _speak(
    server: ServerProcess,
    recordings: Sequence[Recording],
    pace: Pace,
    console: Console,
    utterances: list[Utterance],
) -> None:
    """One session, one recording after the other; `utterances` grows as they are answered."""
    with LiveView(console) as view:

        def announce(recording: Recording) -> None:
            view.line(f"-- {recording.name}: {recording.spoken or '?'}", "dim")

        await recite(server.url, recordings, pace, utterances, begins=announce, listener=view.heard)


def _report(
    utterances: Sequence[Utterance],
    recordings: Sequence[Recording],
    pace: Pace,
    out_dir: Path,
    console: Console,
) -> list[Row]:
    """Table, replies and numbers of what was spoken."""
    rows = [
        row_of(utterance, recording.spoken)
        for utterance, recording in zip(utterances, recordings, strict=False)
    ]
    console.print(table_of(rows))
    for utterance in utterances:
        save_reply(utterance, out_dir / f"{utterance.name}.reply.wav")
    about = {
        "chunk_ms": pace.chunk_ms,
        "speed": pace.speed,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    text = json.dumps(as_json(rows, about), indent=2, ensure_ascii=False)
    (out_dir / NUMBERS).write_text(text + "\n", encoding="utf-8")
    console.print(f"replies and numbers are in {out_dir}", markup=False, soft_wrap=True)
    return rows


@contextmanager
def _waiting(console: Console) -> Iterator[Callable[[], None]]:
    """Shows that the server starts, until the function it gives is called."""
    if not console.is_terminal:
        console.print("starting a server ...")
        yield lambda: None
        return
    with console.status("starting a server ...") as status:
        yield status.stop
