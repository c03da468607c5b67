"""An MCP server's process ends with the process that started it, however that one ends."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.live_server import children_of, is_alive

pytestmark = pytest.mark.slow

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("started", file=sys.stderr, flush=True)
time.sleep(60)
"""
"""It never looks at its standard input, and has a child of its own."""

PARENT = """
import sys
import structlog, trio
from parley.agents.mcp_process import process_streams

async def main():
    async with process_streams([sys.executable, "-c", sys.argv[1]], structlog.get_logger()):
        await trio.sleep(1)
        print("up", flush=True)
        await trio.sleep(60 if sys.argv[2] == "stay" else 1)

trio.run(main)
"""


def family_of(pid: int) -> set[int]:
    """A process' children, and theirs."""
    children = children_of(pid)
    return children.union(*(children_of(child) for child in children))


def gone_within(pids: set[int], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if not any(is_alive(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.long
@pytest.mark.parametrize("then", ["stay", "end"])
def test_a_stubborn_server_and_its_children_end_with_us(then: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, STUBBORN, then]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        assert b"up\n" in iter(parent.stdout.readline, b"")
        family = family_of(parent.pid)
        for _ in range(50):
            if len(family) == 3:
                break
            time.sleep(0.05)
            family = family_of(parent.pid)
        assert len(family) == 3, "the server, its child, and the guard"
        if then == "stay":
            parent.kill()
        parent.wait(10)
        assert gone_within(family, 2)
