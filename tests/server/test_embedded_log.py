"""A program that has not set up its log is shown no values of variables by ours."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import structlog, trio
from parley.embedding import open_server

async def main():
    async with open_server():
        secret = "canary-in-a-variable"
        try:
            raise ValueError("canary-in-a-message")
        except ValueError as error:
            structlog.get_logger().error("it_failed", exc_info=error)

if __name__ == "__main__":
    trio.run(main)
"""


def test_a_log_that_nobody_set_up_holds_no_words() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True
    )
    told = done.stdout + done.stderr
    assert "it_failed" in told
    assert "ValueError" in told
    assert "canary" not in told
