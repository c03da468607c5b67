"""A whole server with instant engines, as a process of its own:

    python -m parley.bench.instant_server PORT [PROFILE] [--reply-times N] [--admit-all]

PROFILE is a file for cProfile's figures; profiled, the server is about half as fast. Each reply is
three seconds long, or N times that.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import sys

from ..config import Settings
from ..server.process import serve_until_signalled
from ..server.workers.handed import is_worker
from ..server.workers.parent import is_by_workers, serve_by_workers
from .instant import instant_engines

MOST_CALLERS = 2000
LOAD_LIMITS = (
    "stream_max_loop_lag_ms",
    "stream_max_cpu_share",
    "stream_max_lane_wait_ms",
    "stream_max_talking_share",
)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("profile", nargs="?")
    parser.add_argument("--reply-times", type=int, default=1)
    parser.add_argument("--admit-all", action="store_true")
    given = parser.parse_args()
    own = instant_engines(given.reply_times)
    # How many a processor holds is what is measured, and not to be decided by it.
    limits = dict.fromkeys(LOAD_LIMITS, 0) if given.admit_all else {"stream_max_cpu_share": 0}
    if given_lag_ms := os.environ.get("STREAM_MAX_LOOP_LAG_MS"):
        limits["stream_max_loop_lag_ms"] = int(given_lag_ms)
    settings = Settings.defaults(
        **limits,
        parley_port=given.port,
        ws_max_connections=int(os.environ.get("WS_MAX_CONNECTIONS", MOST_CALLERS)),
        stream_log_level="warning",
        stream_log_format="json",
        # As short as it may be: the limit on partials would be measured, not the framework.
        stream_partial_min_gap_ms=20,
        stream_record_dir=os.environ.get("STREAM_RECORD_DIR"),
        parley_store_url=os.environ.get("PARLEY_STORE_URL"),
        parley_node=os.environ.get("PARLEY_NODE"),
        parley_workers=int(os.environ.get("PARLEY_WORKERS", "1")),
    )
    if is_by_workers(settings) and not is_worker():
        return serve_by_workers(settings, lambda: settings)
    if given.profile is None:
        return serve_until_signalled(settings, own=own)
    profiler = cProfile.Profile()
    try:
        return profiler.runcall(serve_until_signalled, settings, own=own)
    finally:
        profiler.dump_stats(given.profile)


if __name__ == "__main__":
    sys.exit(main())
