"""What a person is told when a server starts: where to go, who is there, what is missing.

On standard output, beside the log, which is for machines.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import __version__
from ..addresses import EVERYWHERE, url_of
from ..config import Settings
from ..engines.room import EngineRoom
from .start_checks import start_problems

WIDTH = 9


def starting() -> str:
    return f"Parley {__version__} is starting ..."


def ready(settings: Settings, room: EngineRoom, port: int, workers: str | None = None) -> list[str]:
    """The lines for a server that can talk. `workers`: what each of several processes has."""
    host = settings.serving.host
    everywhere = host in EVERYWHERE
    described = room.who()
    secure = "" if settings.admitting.tls_cert is None else "s"
    page = url_of(f"http{secure}", host, port)
    lines = [f"Parley is ready: open {page}/ and press Talk.", ""]
    lines += [_line(name, described[name]) for name in ("hears", "answers", "speaks")]
    if workers is not None:
        lines.append(_line("workers", workers))
    lines += [_line("better", advice) for advice in room.how_better()]
    problems = start_problems(settings, room.own_kinds)
    lines += [_line("cannot", problem.line()) for problem in problems]
    lines += [_line("note", remark) for remark in room.remarks()]
    lines.append(_line("clients", f"{url_of(f'ws{secure}', host, port)}/ws, /stream and /engine"))
    if everywhere and settings.admitting.insecure:
        lines.append(_line("note", "whoever reaches this machine may talk: there is no password"))
    lines.append(_line("stop", "Ctrl-C; replies may finish, a second Ctrl-C stops at once"))
    return lines


def cannot(problems: Sequence[str]) -> list[str]:
    """The lines for a server that cannot talk, and will not by waiting."""
    return [
        "Parley cannot talk yet:",
        *(f"  {problem}" for problem in problems),
        "`parley doctor` says more. Ctrl-C stops it.",
    ]


def _line(name: str, words: str) -> str:
    return f"  {name:{WIDTH}} {words}"
