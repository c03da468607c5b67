"""`parley serve` by workers, with instant engines and the settings of the environment:

python -m support.worker_server PORT
"""

from __future__ import annotations

import sys

from parley.bench.instant import instant_engines
from parley.config import Settings, load_settings
from parley.server.process import CannotListen, serve_until_signalled
from parley.server.workers.handed import is_worker
from parley.server.workers.parent import is_by_workers, serve_by_workers


def settings() -> Settings:
    return load_settings({"parley_port": int(sys.argv[1])})


def main() -> int:
    chosen = settings()
    try:
        if is_by_workers(chosen) and not is_worker():
            return serve_by_workers(chosen, settings)
        return serve_until_signalled(chosen, own=instant_engines())
    except CannotListen as problem:
        print(f"parley: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
