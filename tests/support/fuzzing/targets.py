"""The table of all fuzz targets, by the module that they stand in.

The modules are imported when they are asked for: the runner instruments what it imports, and
imports no more than its one target needs.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from .target import Target

GROUPS = {
    "dialects": "DIALECT_TARGETS",
    "http": "HTTP_TARGETS",
    "websocket": "WEBSOCKET_TARGETS",
    "files": "FILE_TARGETS",
    "texts": "TEXT_TARGETS",
    "bodies": "BODY_TARGETS",
}


def targets_of(group: str) -> list[Target]:
    module = importlib.import_module(f"support.fuzzing.{group}")
    return list(getattr(module, GROUPS[group]))


def all_targets() -> Iterator[tuple[str, Target]]:
    """Group and target."""
    for group in GROUPS:
        for target in targets_of(group):
            yield group, target
