"""Agents from the user's own files: `shop:receptionist`, or `shop.py` with all agents in it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from .agent import Agent
from .problems import BadAgent

EXAMPLE = "write it as module:agent or file.py:agent, shop:receptionist for instance"


def load_agents(where: str) -> list[Agent[Any]]:
    """The agent that `module:name` names, or all agents of a module, in its order.

    A module is found as `python -m` finds it, from the current folder on; a path that ends in .py
    is a file. An agent without a name gets that of its variable. Raises BadAgent, also for whatever
    the module raises while it is imported.
    """
    place, _, name = where.strip().partition(":")
    if not place:
        raise BadAgent(f"{where!r} names no agent: {EXAMPLE}")
    module = _module(place)
    found = {key: value for key, value in vars(module).items() if isinstance(value, Agent)}
    if not name:
        if not found:
            raise BadAgent(f"{place} has no agent in it: make one, agent = Agent(...)")
        return [_named(agent, key) for key, agent in _once(found).items()]
    agent = getattr(module, name, None)
    if agent is None:
        known = ", ".join(found) or "none"
        raise BadAgent(f"{place} has nothing called {name!r}; its agents: {known}")
    if not isinstance(agent, Agent):
        raise BadAgent(f"{where} is a {type(agent).__name__}, and no Agent")
    return [_named(agent, name)]


def folder_of(where: str) -> Path:
    """The folder of the file that `load_agents` loads for this, which is loaded already."""
    place = where.strip().partition(":")[0]
    if place.endswith(".py"):
        return Path(place).expanduser().resolve().parent
    module = sys.modules.get(place)
    file = getattr(module, "__file__", None)
    return Path(file).resolve().parent if file else Path.cwd()


def _named(agent: Agent[Any], name: str) -> Agent[Any]:
    agent.name = agent.name or name
    return agent


def _once(found: dict[str, Agent[Any]]) -> dict[str, Agent[Any]]:
    """One that has two names counts once."""
    seen: dict[int, str] = {}
    for key, agent in found.items():
        seen.setdefault(id(agent), key)
    return {key: found[key] for key in seen.values()}


def _module(place: str) -> ModuleType:
    path = Path(place).expanduser()
    folder = str(path.resolve().parent if place.endswith(".py") else Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with _nothing_kept():
            if place.endswith(".py"):
                return _file(path)
            return importlib.import_module(place)
    except BadAgent as problem:
        raise BadAgent(f"{place}: {problem}") from None
    except ModuleNotFoundError as error:
        if error.name == place.split(".")[0]:
            raise BadAgent(f"there is no module {place!r} here: {EXAMPLE}") from None
        raise BadAgent(f"{place} cannot be imported: {error}") from None
    except SystemExit:
        raise BadAgent(f"{place}: it ends the program while it is imported") from None
    except Exception as error:  # whatever stands in the user's file
        where = _line_of(error, path)
        raise BadAgent(
            f"{place} cannot be imported: {type(error).__name__}: {error}{where}"
        ) from None


@contextmanager
def _nothing_kept() -> Iterator[None]:
    """Python takes what it has compiled of a file for new while the file's length and the second of
    its last change are the same, and somebody who tries things saves twice in a second."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise BadAgent("there is no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise BadAgent("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses and type hints look their module up
    spec.loader.exec_module(module)
    return module


def _line_of(error: Exception, path: Path) -> str:
    """Where in the user's file it happened, if it is there."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).name == f"{path.stem}.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line else ""
