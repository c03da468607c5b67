"""A whole server with instant engines, as a process of its own:

    python -m parley.bench.instant_server PORT [PROFILE]

PROFILE is a file for cProfile's figures; profiled, the server is about half as fast.
"""

from __future__ import annotations

import cProfile
import os
import sys

from ..config import Settings
from ..server.process import serve_until_signalled
from ..server.workers.handed import is_worker
from ..server.workers.parent import is_by_workers, serve_by_workers
from .instant import instant_engines

MOST_CALLERS = 2000


def main() -> int:
    settings = Settings.defaults(
        parley_port=int(sys.argv[1]),
        ws_max_connections=int(os.environ.get("WS_MAX_CONNECTIONS", MOST_CALLERS)),
        stream_log_level="warning",
        stream_log_format="json",
        # As short as it may be: the limit on partials would be measured, not the framework.
        stream_partial_min_gap_ms=20,
        stream_max_loop_lag_ms=int(os.environ.get("STREAM_MAX_LOOP_LAG_MS", "80")),
        stream_record_dir=os.environ.get("STREAM_RECORD_DIR"),
        parley_workers=int(os.environ.get("PARLEY_WORKERS", "1")),
    )
    if is_by_workers(settings) and not is_worker():
        return serve_by_workers(settings, lambda: settings)
    if len(sys.argv) < 3:
        return serve_until_signalled(settings, own=instant_engines())
    profiler = cProfile.Profile()
    try:
        return profiler.runcall(serve_until_signalled, settings, own=instant_engines())
    finally:
        profiler.dump_stats(sys.argv[2])


if __name__ == "__main__":
    sys.exit(main())
