"""`parley dev module:agent`: serve an agent while it is being written.

The server keeps running, with its models loaded. When a Python file in the agent's folder changes,
the agent is loaded again: new calls have the new one, calls that are running keep theirs, and a
file that cannot be loaded is told in one line while the old agent stays. The conversation is
printed, and the page is opened where there is a display.
"""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import trio
import typer

from ..agents.loading import folder_of, load_agents
from ..agents.problems import BadAgent
from ..agents.registry import Agents
from ..config import SettingsError, load_settings
from ..conversation.events import (
    BargedIn,
    CallEnding,
    ConductorChanged,
    Connected,
    Disconnected,
    ReplyOver,
    SessionEvent,
    TextHeard,
    ToolCalled,
    ToolReturned,
)

LOOK_S = 0.5
"""How often is looked whether a file has changed."""


def dev(
    where: Annotated[
        str, typer.Argument(help="The agent: module:agent or file.py:agent.", metavar="AGENT")
    ],
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.")
    ] = True,
) -> None:
    """Serve an agent while you write it: loaded again when a file changes."""
    from ..engines.failures import EngineUnavailable
    from ..server.process import CannotListen, serve_until_signalled

    overrides = {} if port is None else {"parley_port": port}
    try:
        agents = load_agents(where)
        settings = load_settings({"stream_log_level": "warning", **overrides})
        printer = Printer()

        async def beside(registry: Agents, bound: int) -> None:
            url = f"http://127.0.0.1:{bound}/"
            print(f"open {url} and talk; {where} is loaded again when it changes", flush=True)
            if open_page and has_display(os.environ):
                await trio.to_thread.run_sync(webbrowser.open, url, abandon_on_cancel=True)
            await reload_for_ever(where, registry)

        code = serve_until_signalled(settings, agents=agents, watchers=(printer,), beside=(beside,))
    except (BadAgent, SettingsError) as problem:
        print(f"parley: {problem}", file=sys.stderr)
        raise typer.Exit(2) from None
    except (CannotListen, EngineUnavailable) as problem:
        print(f"parley: {problem}", file=sys.stderr)
        raise typer.Exit(1) from None
    raise typer.Exit(code)


def has_display(environ: Mapping[str, str]) -> bool:
    """Whether a browser would have a window; without one, it might take the terminal."""
    shown = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    return bool(shown) or sys.platform == "darwin"


# Loading again


async def reload_for_ever(
    where: str, registry: Agents, tell: Callable[[str], None] = lambda line: print(line, flush=True)
) -> None:
    """Load the agents again whenever a file in their folder has changed."""
    folder = folder_of(where)
    seen = stamps(folder)
    while True:
        await trio.sleep(LOOK_S)
        now = stamps(folder)
        if now == seen:
            continue
        changed = sorted(
            path.name for path in now.keys() | seen.keys() if now.get(path) != seen.get(path)
        )
        seen = now
        try:
            forget_modules(folder)
            registry.replace(load_agents(where))
            tell(f"loaded again: {', '.join(changed)}")
        except BadAgent as problem:
            tell(f"not loaded, the agent before stays: {problem}")


def stamps(folder: Path) -> dict[Path, int]:
    """When each Python file of the folder was changed last."""
    found: dict[Path, int] = {}
    for path in folder.glob("*.py"):
        try:
            found[path] = path.stat().st_mtime_ns
        except OSError:
            continue  # gone in this very moment
    return found


def forget_modules(folder: Path) -> None:
    """Have the files of the folder be imported anew."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).parent == folder and name != "__main__":
            del sys.modules[name]


# The conversation


class Printer:
    """A watcher that prints what is said and done. One for all calls; several are told apart."""

    def __init__(self, write: Callable[[str], None] = lambda line: print(line, flush=True)) -> None:
        self._write = write
        self._calls: dict[str, str] = {}

    def __call__(self, event: SessionEvent) -> None:
        line = self._line(event)
        if line is not None:
            many = f"[{event.session_id[:4]}] " if len(self._calls) > 1 else ""
            self._write(f"{many}{line}")
        if isinstance(event, Disconnected):
            self._calls.pop(event.session_id, None)

    def _line(self, event: SessionEvent) -> str | None:
        match event:
            case Connected():
                self._calls[event.session_id] = ""
                return f"— a call by {event.dialect} from {event.peer}"
            case Disconnected():
                return "— the call is over"
            case ConductorChanged():
                before = self._calls.get(event.session_id, "")
                self._calls[event.session_id] = event.name
                return f"— {event.name} takes over" if before else None
            case TextHeard():
                return f"caller: {event.text}"
            case ReplyOver() if event.heard or event.text:
                name = self._calls.get(event.session_id) or "parley"
                cut = "  [interrupted]" if event.interrupted else ""
                return f"{name}: {event.heard}{cut}"
            case BargedIn():
                return "— the caller speaks over it"
            case ToolCalled():
                return f"→ {event.call.name}({event.call.arguments})"
            case ToolReturned():
                result = event.result
                what = "" if result.outcome.value == "done" else f"{result.outcome.value}: "
                return f"← {what}{result.output[:200]}  ({result.after_s * 1000:.0f} ms)"
            case CallEnding():
                return f"— ending: {event.reason}"
        return None
