"""Fuzz one target with atheris, in a process of its own: `run.py GROUP NAME OUT [LIBFUZZER...]`.

`make fuzz` starts it once for each target. OUT is a folder: it gets the slowest input
(`slowest`, and `slowest.txt` with its milliseconds), and libFuzzer's artifact of what failed. An
input can be tried again by giving its file instead of libFuzzer's options.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

TESTS = Path(__file__).parents[2]
INSTRUMENTED = {
    "dialects": ["parley.protocol"],
    "http": ["parley.server.http", "parley.server.telephone.asked", "h11"],
    "websocket": ["parley.server.http", "wsproto", "trio_websocket"],
    "files": ["parley.recording", "parley.audio", "mcap"],
    "texts": ["parley.conversation.text", "parley.conversation", "parley.engines.llm"],
    "bodies": ["parley.server", "parley.config", "dotenv"],
}
"""What the coverage of a group's targets is taken of. All of it would take a minute to begin."""


def main(group: str, name: str, out: Path, options: list[str]) -> None:
    sys.path.insert(0, str(TESTS))
    with atheris.instrument_imports(include=INSTRUMENTED[group]):
        from support.fuzzing.target import Slowest
        from support.fuzzing.targets import targets_of

        (target,) = [one for one in targets_of(group) if one.name == name]
    _be_quiet()

    def keep(slowest: Slowest) -> None:
        (out / "slowest").write_bytes(slowest.data)
        (out / "slowest.txt").write_text(f"{slowest.seconds * 1000:.1f}")

    slowest = Slowest(told=keep)
    if (before := out / "slowest.txt").exists():
        slowest.seconds = float(before.read_text()) / 1000

    def one(data: bytes) -> None:
        slowest.run(target, data)

    seeds = out / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate((*target.seeds, *target.kept)):
        (seeds / str(number)).write_bytes(seed)
    words = out / "words"
    words.write_text("\n".join(f'"{_escaped(word)}"' for word in target.words if len(word) < 64))
    own = [f"-dict={words}", f"-artifact_prefix={out}/", f"-max_len={target.max_bytes}"]
    folders = [] if any(not option.startswith("-") for option in options) else [str(seeds)]
    atheris.Setup([sys.argv[0], *own, *options, *folders], one)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _be_quiet() -> None:
    """Sessions of a target log nothing."""
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
