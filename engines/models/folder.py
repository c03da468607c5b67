"""Where the models of this machine's user lie."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def models_folder(given: str | Path | None = None) -> Path:
    """The folder of all models: what was set, or the user's cache folder.

    That is `$XDG_CACHE_HOME/parley/models`, else `~/.cache/parley/models`, and on macOS
    `~/Library/Caches/parley/models`. It need not exist.
    """
    if given is not None and str(given):
        return Path(os.path.expanduser(given))
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(xdg):  # a relative one is to be ignored (XDG base directories)
        return Path(xdg, "parley", "models")
    caches = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(os.path.expanduser(caches), "parley", "models")
