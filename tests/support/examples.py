"""The agents of examples/agents, found as `parley serve --agent` finds them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from parley.agent import Agent, load_agents

from .pages import ROOT

AGENTS = ROOT / "examples/agents"


def agents_of(file: str) -> list[Agent[Any]]:
    """All agents of a file of examples/agents."""
    return load_agents(str(AGENTS / file))


def viva_module(name: str) -> ModuleType:
    """A module that the examiner imports from its own folder."""
    if name not in sys.modules:
        agents_of("viva/examiner.py")
    return sys.modules[name]
