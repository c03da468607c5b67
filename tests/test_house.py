"""The house's own rules, read from the imports: where dependencies point, who has a clock."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import pytest

WALL_CLOCK = {
    "parley.engines.asr.pocketsphinx_worker": {"monotonic", "perf_counter"},
    "parley.engines.asr.whisper_worker": {"perf_counter"},
    "parley.engines.asr.moonshine_worker": {"perf_counter"},
    "parley.bench.asr_worker": {"perf_counter"},
    "parley.engines.llm.local": {"now"},
    "parley.engines.services.retry_after": {"now"},
    "parley.wallclock": {"time_ns"},
    "parley.bench.cpu": {"process_time"},
}
"""Modules that may ask the machine for the time, and by which call. Workers have no Trio; nothing
that decides anything depends on what they measure, or on the time of day; the responder is asked
what time it is, and a service may name the time of day at which it is to be asked again. A
measurement of pure computation asks for CPU time, which no clock of Trio's tells."""

THREADS = ("parley.server.line_writer", "parley.server.output")
"""Modules that have threads of their own, beside Trio's: they write what the process prints, also
where there is no event loop yet, or none any more."""

FORBIDDEN = ("time", "threading", "asyncio", "concurrent", "_thread", "sched")
"""Clocks and schedulers beside Trio's."""

OUTSIDE = (
    *(
        "parley.recording",
        "parley.engines",
        "parley.client",
        "parley.server.logs",
        "parley.commands.app",
    ),
    *("parley.wallclock", "parley.bench"),
)
"""Where the process meets the world; who of them may have a clock stands in WALL_CLOCK."""


# Reading the imports


ROOT = Path(__file__).resolve().parent.parent

NOT_PACKAGED = ("tests", "scripts", "docs", "examples", "deploy", "build", "dist")


def files() -> list[Path]:
    """Every file of the package."""
    return sorted(
        path
        for path in ROOT.rglob("*.py")
        if not any(part.startswith(".") or part.endswith("-out") for part in _parts(path))
        and _parts(path)[0] not in NOT_PACKAGED
    )


def _parts(path: Path) -> tuple[str, ...]:
    return path.relative_to(ROOT).parts


@dataclass(frozen=True, slots=True)
class Imported:
    """One import: by whom, of what (absolute, `parley.…` where it is ours), and where."""

    module: str
    name: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name}"


@cache
def own_modules() -> dict[str, Path]:
    """Module (`parley.actors.vad`) to its file."""
    return {_module(path): path for path in files()}


@lru_cache(maxsize=1)
def tree(module: str) -> ast.Module:
    """Its syntax tree. One at a time: those of all modules are 40 MB."""
    path = own_modules()[module]
    return ast.parse(path.read_text(), str(path))


def _module(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(("parley", *parts))


def _is_package(module: str) -> bool:
    return ROOT.joinpath(*module.split(".")[1:], "__init__.py").is_file()


@cache
def imports(module: str) -> tuple[Imported, ...]:
    """Everything that a module imports, wherever in it."""
    return tuple(_imports(module))


def _imports(module: str) -> Iterator[Imported]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Imported(module, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(module, node)


def _from(module: str, node: ast.ImportFrom) -> Iterator[Imported]:
    base = node.module or ""
    if node.level:
        here = module.split(".")
        up = node.level - 1 if _is_package(module) else node.level
        base = ".".join([*here[: len(here) - up], *([base] if base else [])])
    for alias in node.names:
        # `from . import codes` is an import of a module, `from .codes import Code` of its content.
        inside = f"{base}.{alias.name}"
        yield Imported(module, inside if inside in own_modules() else base, node.lineno)


def all_imports(room: str = "") -> Iterator[Imported]:
    """The imports of every module whose name begins with `parley.<room>`, or of all."""
    for module in own_modules():
        if not room or module == f"parley.{room}" or module.startswith(f"parley.{room}."):
            yield from imports(module)


def ours(found: Imported) -> bool:
    return found.name.split(".")[0] == "parley"


def of(room: str, *targets: str) -> list[str]:
    """Imports in `room` of any of these (of them or of what is in them)."""
    return [
        str(found)
        for found in all_imports(room)
        if any(found.name == target or found.name.startswith(f"{target}.") for target in targets)
    ]


def test_all_of_it_is_looked_at() -> None:
    modules = own_modules()
    assert {
        "parley",
        "parley.session.life",
        "parley.actors.vad",
        "parley.engines.llm.local",
    } <= set(modules)
    assert not [name for name in modules if name.startswith(("parley.tests", "parley.scripts"))]
    assert "parley.actors.messages" in {found.name for found in imports("parley.actors.vad")}


ROOMS = {
    "audio": (),
    "capacity": (),
    "protocol": ("audio",),
    "conversation": ("protocol", "audio"),
    "config": ("addresses", "conversation", "audio", "protocol"),
    "engines": (
        "addresses",
        "backoff",
        "conversation",
        "cores",
        "protocol",
        "audio",
        "config",
        "supervisor",
        "childspec",
        "turnstile",
    ),
    "actors": (
        *("conversation", "engines", "protocol", "audio"),
        *("telemetry", "transport", "turnstile"),
    ),
    "cluster": ("backoff", "childspec", "config", "telemetry"),
    "agents": (*("conversation", "engines", "protocol", "config", "turnstile"),),
    "session": (
        *("actors", "conversation", "engines", "protocol", "audio", "config"),
        *("supervisor", "childspec", "telemetry", "transport", "turnstile"),
    ),
    "recording": (
        *("session", "actors", "conversation", "engines", "protocol", "audio", "config"),
        *("supervisor", "childspec", "telemetry", "transport", "turnstile", "wallclock"),
        "backoff",
    ),
    "server": (
        *(
            "addresses",
            "agents",
            "cluster",
            "session",
            "recording",
            "conversation",
            "actors",
            "engines",
            "protocol",
            "audio",
        ),
        *("config", "supervisor", "childspec", "telemetry", "transport", "turnstile", "wallclock"),
        *("backoff", "cores"),
    ),
    "testing": (
        *(
            "agents",
            "client",
            "recording",
            "session",
            "conversation",
            "engines",
            "protocol",
            "audio",
        ),
        *("config", "nurseries", "telemetry", "transport", "turnstile"),
    ),
    "client": ("protocol", "audio", "transport", "config", "engines"),
    "supervisor": ("childspec", "childlife"),
    "childlife": ("childspec",),
    "childspec": (),
    "turnstile": (),
    "cores": (),
    "transport": ("protocol",),
    "wallclock": (),
    "telemetry": ("engines", "protocol"),
}
"""Which rooms of the house each room may import from, beside itself; `parley` itself is free."""


@pytest.mark.parametrize("room", ROOMS)
def test_dependencies_point_one_way(room: str) -> None:
    strangers = [
        str(found)
        for found in all_imports(room)
        if ours(found)
        and found.name != "parley"
        and found.name.split(".")[1] not in (room, *ROOMS[room])
    ]
    assert strangers == []


@pytest.mark.parametrize("room", ["protocol", "conversation", "audio", "capacity"])
@pytest.mark.parametrize("library", ["trio", "socket", "ssl", "h11", "trio_websocket", "select"])
def test_what_is_only_known_and_decided_does_no_io(room: str, library: str) -> None:
    assert of(room, library) == []


@pytest.mark.parametrize("module", ["parley.supervisor", "parley.childlife", "parley.childspec"])
def test_the_supervisor_knows_nothing_of_voices(module: str) -> None:
    allowed = {"trio", "parley.supervisor", "parley.childlife", "parley.childspec"}
    strangers = [
        str(found)
        for found in imports(module)
        if found.name.split(".")[0] not in sys.stdlib_module_names and found.name not in allowed
    ]
    assert strangers == []


def test_the_words_of_supervision_need_no_event_loop() -> None:
    assert not [found for found in imports("parley.childspec") if found.name == "trio"]


def test_actors_know_only_the_interfaces_of_engines() -> None:
    engines = {
        found.name for found in all_imports("actors") if found.name.startswith("parley.engines.")
    }
    assert engines <= {
        *(
            f"parley.engines.{kind}.interface"
            for kind in ("agent", "asr", "llm", "tts", "turn", "vad")
        ),
        *("parley.engines.failures", "parley.engines.deadline", "parley.engines.spending"),
    }


def test_only_the_receiver_and_the_sender_see_the_peer() -> None:
    seeing = {found.module for found in all_imports("actors") if found.name == "parley.transport"}
    assert seeing == {"parley.actors.receiver", "parley.actors.sender"}


def test_actors_see_no_sibling_actor() -> None:
    actors = ("vad", "asr", "llm", "phraser", "tts", "playout", "receiver", "sender")
    named = (*actors, "dialogue.actor")
    assert of("actors", *(f"parley.actors.{actor}" for actor in named)) == []


def test_a_command_is_imported_by_no_room() -> None:
    assert {
        found.module for found in all_imports() if found.name.startswith("parley.commands")
    } <= {
        *(module for module in own_modules() if module.startswith("parley.commands")),
        "parley.__main__",
    }


def test_scripted_engines_are_imported_by_nobody_who_serves() -> None:
    scripted = [
        str(found)
        for found in all_imports()
        if found.name.endswith(".scripted")
        and not found.module.startswith(("parley.client", "parley.testing"))
    ]
    assert scripted == []


def test_nobody_imports_the_harness() -> None:
    using = {found.module for found in all_imports() if found.name.startswith("parley.testing")}
    assert {name for name in using if not name.startswith("parley.testing")} == {
        "parley.cancelling",  # its old name, for one version
        "parley.commands.app",  # the demo calls from the simulated carrier
    }


def test_nobody_imports_the_measurements_but_the_command_line() -> None:
    using = {found.module for found in all_imports() if found.name.startswith("parley.bench")}
    assert {name for name in using if not name.startswith("parley.bench")} == {
        "parley.commands.bench"
    }


def test_there_is_no_circle_of_imports_at_the_top_of_modules() -> None:
    graph = {module: _imports_at_the_top(module) - {module} for module in own_modules()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for other in sorted(graph.get(module, ())):
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def _imports_at_the_top(module: str) -> set[str]:
    lines = {
        node.lineno for node in tree(module).body if isinstance(node, ast.Import | ast.ImportFrom)
    }
    return {found.name for found in imports(module) if ours(found) and found.line in lines}


# Time


def clocks(module: str) -> Iterator[str]:
    """What of clocks and schedulers beside Trio's a module uses."""
    named = {found.name for found in imports(module)}
    for node in ast.walk(tree(module)):
        match node:
            case ast.Import():
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    if top in FORBIDDEN and top != "time":
                        yield top
            case ast.ImportFrom(level=0, module=str(source)):
                if source.split(".")[0] in FORBIDDEN:
                    yield from (alias.name for alias in node.names)
            case ast.Attribute(value=ast.Name(id="time"), attr=name) if "time" in named:
                yield name
            case ast.Attribute(attr="now" | "utcnow" | "today" as name) if "datetime" in named:
                yield name


@pytest.mark.parametrize("module", own_modules())
def test_there_is_no_clock_but_trios(module: str) -> None:
    threads = {"threading"} if module in THREADS else set()
    assert set(clocks(module)) <= WALL_CLOCK.get(module, set()) | threads


def test_who_may_have_a_clock_stands_at_the_edge_and_makes_use_of_it() -> None:
    for module, allowed in WALL_CLOCK.items():
        assert module.startswith(OUTSIDE)
        assert set(clocks(module)) == allowed
        if allowed == {"now"}:
            continue  # the time of day, for who asks for it: nobody can wait by it
        if allowed == {"process_time"}:
            continue  # how much was computed, not how late it is: nobody can wait by it
        if module != "parley.wallclock":
            assert module.endswith("_worker"), "elsewhere it would block the event loop"
            assert "time" not in allowed, "the time of day is nobody's business"


@pytest.mark.parametrize("module", own_modules())
def test_no_assert_stands_for_an_error(module: str) -> None:
    """Bad input is a typed error: `python -O` leaves asserts out."""
    asserts = [n.lineno for n in ast.walk(tree(module)) if isinstance(n, ast.Assert)]
    assert asserts == []


@pytest.mark.parametrize("module", own_modules())
def test_every_module_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(tree(module)) or not tree(module).body
