"""The metrics of several workers as one text for Prometheus: every line says its worker. Pure.

Nothing is summed here. A counter begins anew with each process, and Prometheus notices that series
by series; a sum over workers of which one was replaced would look as if everything had been counted
again. `sum without (worker) (rate(…))` is right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LABEL = "worker"

_ABOUT = re.compile(r"# (HELP|TYPE) (\S+)")
_SUFFIX = re.compile(r"_(total|bucket|sum|count|created)$")


def merged(expositions: Mapping[int, str]) -> str:
    """By worker: what it says of itself. Families stand together, as the format wants it."""
    families: dict[str, list[str]] = {}
    about: dict[str, dict[str, str]] = {}
    for worker, text in expositions.items():
        family = ""
        for line in text.splitlines():
            if (found := _ABOUT.match(line)) is not None:
                family = found[2]
                about.setdefault(family, {}).setdefault(found[1], line)
                families.setdefault(family, [])
            elif line and not line.startswith("#"):
                families.setdefault(family or _family_of(line), []).append(labelled(line, worker))
    lines = [
        line
        for family, samples in families.items()
        for line in (*about.get(family, {}).values(), *samples)
    ]
    return "\n".join([*lines, ""])


def labelled(sample: str, worker: int) -> str:
    """A sample's line with its worker."""
    name, brace, rest = sample.partition("{")
    if brace and " " not in name:
        return f'{name}{{{LABEL}="{worker}",{rest}'
    name, _, rest = sample.partition(" ")
    return f'{name}{{{LABEL}="{worker}"}} {rest}'


def up(answered: Mapping[int, bool]) -> str:
    """Which workers told their metrics just now."""
    lines = [
        "# HELP parley_worker_up Whether a worker told its metrics",
        "# TYPE parley_worker_up gauge",
        *(f'parley_worker_up{{{LABEL}="{w}"}} {float(up)}' for w, up in sorted(answered.items())),
    ]
    return "\n".join([*lines, ""])


def _family_of(line: str) -> str:
    return _SUFFIX.sub("", re.split(r"[{ ]", line, maxsplit=1)[0])
