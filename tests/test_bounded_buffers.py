"""What a peer or an engine can make grow is bounded, and listed in docs/RELIABILITY.md.

Read from the code: every channel, queue and growing buffer of what runs in a server stands in the
table "What is bounded", and nothing stands there that is gone. Whoever adds one has to say its
bound.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/RELIABILITY.md"

ROOMS = (
    *(
        "actors",
        "agents",
        "audio",
        "cluster",
        "config",
        "conversation",
        "engines",
        "protocol",
        "recording",
    ),
    *("server", "session"),
)
"""What runs in a server; the modules at the root as well."""

OFFLINE = ("recording/show/", "recording/replay.py", "recording/relive.py", "recording/compare.py")
"""Tools that read a file from its beginning to its end."""

MAKERS = {
    *("open_memory_channel", "memory_pair"),
    *("deque", "Queue", "SimpleQueue", "LifoQueue", "PriorityQueue", "JobQueue", "bytearray"),
}
"""What makes something that may grow. Of `bytearray` only the empty one: others have their size."""


def modules() -> list[Path]:
    inside = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return sorted(
        path for path in (*ROOT.glob("*.py"), *inside) if not _name(path).startswith(OFFLINE)
    )


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def buffers(source: str) -> Iterator[str]:
    """The names of what is made to grow in a module."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _makes(node):
            yield _named(node, parents)
        elif (
            isinstance(node, ast.keyword)
            and node.arg == "default_factory"
            and isinstance(node.value, ast.Name)
            and node.value.id in MAKERS
        ):
            yield _named(node.value, parents)


def _makes(call: ast.Call) -> bool:
    function = call.func.value if isinstance(call.func, ast.Subscript) else call.func
    name = getattr(function, "attr", None) or getattr(function, "id", None)
    if name == "bytearray":
        return not call.args
    return name in MAKERS


def _named(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> str:
    """What it is assigned to, or which argument it is."""
    while node in parents:
        node = parents[node]
        if isinstance(node, ast.keyword) and node.arg not in (None, "default_factory"):
            return str(node.arg)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            while isinstance(target, ast.Tuple | ast.Subscript):
                target = target.elts[0] if isinstance(target, ast.Tuple) else target.value
            return str(getattr(target, "attr", None) or getattr(target, "id", None))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return node.name
    raise AssertionError("a buffer that nobody keeps")


@cache
def in_the_code() -> frozenset[tuple[str, str]]:
    return frozenset(
        (_name(path), name) for path in modules() for name in buffers(path.read_text())
    )


@cache
def in_the_table() -> dict[tuple[str, str], str]:
    """Where and what to its bound."""
    _, _, section = DOCUMENT.read_text().partition("\n## What is bounded\n")
    rows = re.findall(r"^\| `([^`]+\.py)`(?:: `([^`]+)`)? \|(.*)\|$", section, re.MULTILINE)
    return {(where, what): rest for where, what, rest in rows if what}


def test_every_buffer_is_in_the_table() -> None:
    missing = sorted(in_the_code() - in_the_table().keys())
    assert missing == [], "say its bound in docs/RELIABILITY.md, `What is bounded`"


def test_nothing_in_the_table_is_gone() -> None:
    assert sorted(in_the_table().keys() - in_the_code()) == []


def test_each_row_says_a_bound_or_why_there_is_none() -> None:
    for (where, what), rest in in_the_table().items():
        bound = rest.split("|")[-1].strip()
        assert re.search(r"\d", bound) or bound.startswith("none: "), f"{where} {what}: {bound}"


def test_a_channel_without_bound_has_a_reason() -> None:
    for path in modules():
        for line in path.read_text().splitlines():
            if "open_memory_channel" in line and "inf" in line:
                reasons = [
                    rest for (where, _), rest in in_the_table().items() if where == _name(path)
                ]
                assert any("none: " in rest for rest in reasons), path


CASES = {
    "self._q: deque[int] = deque()": ["_q"],
    "a, b = trio.open_memory_channel[int](3)": ["a"],
    "f(heard=trio.open_memory_channel(3))": ["heard"],
    "x: deque[int] = field(default_factory=deque)": ["x"],
    "x: deque[int] = field(default_factory=lambda: deque(maxlen=3))": ["x"],
    "x = bytearray(3); y = bytearray()": ["y"],
    "self._queue = queue.SimpleQueue()": ["_queue"],
    "def work():\n    return memory_pair(64)": ["work"],
    "self._waiting[rank] = deque()": ["_waiting"],
    "x = 1": [],
}


@pytest.mark.parametrize("source", CASES)
def test_what_may_grow_is_found(source: str) -> None:
    assert list(buffers(source)) == CASES[source]
