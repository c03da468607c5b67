"""What holds for all tests."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

from support.breadth import ALL, left_out
from support.figures import Figures
from support.memory import give_memory_back
from support.real_models import MODELS_DIR  # before the next lines: where the real ones are

HOME = tempfile.TemporaryDirectory(prefix="parley-tests-")
os.environ["XDG_CACHE_HOME"] = HOME.name
os.environ["REAL_MODELS_FOLDER"] = str(MODELS_DIR)
assert not MODELS_DIR.is_relative_to(HOME.name)
"""No model that somebody has pulled decides what a test hears or says."""

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
"""An example of a logic that is fast may wait for its turn on a busy machine."""


@pytest.fixture(autouse=True, scope="session")
def _no_model_server() -> None:
    """No model server that happens to run here answers in a test; those that want one say where."""
    from parley.engines.llm import servers

    servers.SERVERS = ()


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """A server that a test opens sets logging up for the process, where nobody has: the tests
    behind it would hear less of it."""
    before = structlog.get_config() if structlog.is_configured() else None
    yield
    structlog.reset_defaults()
    if before is not None:
        structlog.configure(**before)


@pytest.fixture(autouse=True, scope="module")
def _memory() -> Iterator[None]:
    """What the tests of a file have freed is not kept for those of the next."""
    yield
    give_memory_back()


FIGURES = pytest.StashKey[Figures]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full",
        action="store_true",
        help="run the hostile tests as long as `make soak`, `make chaos` and `make fuzz` do",
    )
    parser.addoption(
        "--minutes", type=float, default=60.0, help="how long the random hour is with --full"
    )
    parser.addoption("--seed", type=int, default=None, help="what the random hour is made of")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = Figures()


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether a hostile test is to run at its full length, and not in the short form that the
    suite has."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    """Where a test tells what it measured; a table of it ends the run."""
    return request.config.stash[FIGURES]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = terminalreporter.config.stash[FIGURES]
    if found.rows:
        terminalreporter.section("what was measured")
        for line in found.lines():
            terminalreporter.write_line(line)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: no collection of garbage looks at these
    millions of objects again."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests, and all cases of those of which a few are enough, run in the whole suite and
    where somebody asks for them by name or at full length.

    What runs in real time is not traced for coverage: tracing makes code two to three times
    slower, and such tests run with the real engines' own time."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker("no_cover")
    named = any("::" in argument for argument in config.args)
    if not (ALL or named or config.getoption("--full")) and (out := left_out(items)):
        config.hook.pytest_deselected(items=list(out))
        items[:] = [item for item in items if item not in out]
