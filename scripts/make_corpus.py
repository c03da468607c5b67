"""Make the recordings in tests/recordings of the scenes in tests/support/corpus.py.

    python scripts/make_corpus.py [SCENE ...]

Only for new scenes: a recording that is made anew tests nothing old any more.
"""

from __future__ import annotations

import sys
from pathlib import Path

import structlog
import trio
import trio.testing

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from parley.recording.mcap_writer import McapWriter  # noqa: E402
from support.corpus import SCENES, record  # noqa: E402


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    folder = ROOT / "tests/recordings"
    folder.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SCENES:
        clock = trio.testing.MockClock(autojump_threshold=0)
        recording, _ = trio.run(record, name, clock=clock)
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
