"""`python -m parley`, and the console script.

The command line is imported when it is used and not before: a worker process imports its parent's
main module at every start, and needs nothing of it.
"""

from __future__ import annotations

import sys


def main() -> None:
    from .commands.memory import spare_address_space, too_little_for_a_server

    spare_address_space()
    if "serve" in sys.argv[1:2] and (problem := too_little_for_a_server()) is not None:
        sys.exit(f"parley: {problem}")
    from .commands.app import app

    app()


if __name__ == "__main__":
    # Run by path (`python .`) there is no package to be relative to.
    from parley.__main__ import main as run

    run()
