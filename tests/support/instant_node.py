"""A whole server with instant engines and the settings of its environment, as a process of its own:

python -m support.instant_node PORT
"""

from __future__ import annotations

import sys

from parley.bench.instant import instant_engines
from parley.config import load_settings
from parley.server.process import serve_until_signalled

if __name__ == "__main__":
    settings = load_settings({"parley_port": int(sys.argv[1])}, env_file=None)
    sys.exit(serve_until_signalled(settings, own=instant_engines()))
