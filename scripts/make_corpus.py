"""Make the recordings in tests/recordings of the scenes in testing/scenes.py that are kept.

    python scripts/make_corpus.py [SCENE ...]

Only for new scenes: a recording that is made anew tests nothing old any more.
"""

from __future__ import annotations

import sys
from pathlib import Path

import structlog
import trio
import trio.testing

from parley.recording.mcap_writer import McapWriter
from parley.testing.performing import perform
from parley.testing.scenes import KEPT

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    folder = ROOT / "tests/recordings"
    folder.mkdir(exist_ok=True)
    scenes = {scene.name: scene for scene in KEPT}
    unknown = set(sys.argv[1:]) - scenes.keys()
    if unknown:
        print(f"no scenes that are kept: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    for name in sys.argv[1:] or scenes:
        clock = trio.testing.MockClock(autojump_threshold=0)
        recording = trio.run(perform, scenes[name], clock=clock).recording()
        path = folder / f"{name}.mcap"
        with path.open("wb") as file:
            writer = McapWriter(file, recording.header)
            for entry in recording.entries:
                writer.write(entry)
            writer.finish()
        print(f"{path.name}: {len(recording.entries)} entries, {path.stat().st_size // 1024} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
