"""A bench's result: what was measured, where, with which settings. JSON on disk, a table to read.

Every result file has the same outline, so that `parley bench report` can draw any of them.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from .. import __version__

PACKAGES = (
    "trio",
    "trio-websocket",
    "wsproto",
    "numpy",
    "soxr",
    "webrtcvad-wheels",
    "pocketsphinx",
    "faster-whisper",
    "ctranslate2",
    "onnxruntime",
    "pyttsx3",
)
"""Whose versions a figure may depend on."""

QUANTILES = 51
"""Points of a distribution that are kept: every second percentile, both ends included."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a measurement was distributed; `quantiles` from the least to the most, evenly spaced."""

    count: int
    median: float | None
    p95: float | None
    p99: float | None
    most: float | None
    quantiles: Sequence[float]


def spread(values: Iterable[float], scale: float = 1.0) -> Spread:
    """The spread of `values` times `scale` (1000 makes milliseconds of seconds)."""
    ordered = sorted(value * scale for value in values)
    if not ordered:
        return Spread(0, None, None, None, None, ())

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)

    quantiles = [at(i / (QUANTILES - 1)) for i in range(QUANTILES)]
    return Spread(len(ordered), at(0.5), at(0.95), at(0.99), round(ordered[-1], 3), quantiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`rows` are measurements under varied conditions; each is a dict that JSON can carry, with
    Spreads among its values."""

    bench: str
    when: str
    """ISO 8601, UTC."""
    parameters: dict[str, Any]
    rows: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "parley": __version__,
            **asdict(self),
            "rows": [
                {key: asdict(v) if isinstance(v, Spread) else v for key, v in row.items()}
                for row in self.rows
            ],
            "environment": environment(),
        }

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.as_json(), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")


def environment() -> dict[str, Any]:
    """The machine and the versions: nothing that names a person, a host or a folder."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
