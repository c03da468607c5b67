"""What a listener's words do to a reply: forty backchannels and forty interruptions, real engines.

    python scripts/measure_backchannels.py [--off] [--voices espeak|flite] [--engine moonshine]

A server in this process with STREAM_BACKCHANNELS (or without: --off), a long reply, and one of the
sounds of `tests/support/interjections.py` over it, in real time, each in a session of its own. It
prints what was said, how often the reply fell silent and how often it ended, and after how long.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
import trio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from parley.audio.wav import read_wav  # noqa: E402
from parley.testing import silence  # noqa: E402
from support.interjections import (  # noqa: E402
    BACKCHANNELS,
    HOW_MANY,
    INTERRUPTIONS,
    SPOKEN,
    Said,
    Take,
    backchannels,
    interruptions,
)
from support.live_server import WEATHER, LiveServer, open_client, open_live_server  # noqa: E402
from support.llm_server import open_llm_server, tell  # noqa: E402
from support.voices import at_rate  # noqa: E402

FLITE = ("slt", "rms", "awb", "kal16")
REPLY = "This is a long reply that tells of many things one after the other. " * 3
TALKERS = 2
LISTENS_MS = 2000
"""So much of the reply is heard first. Who speaks within a second and a half of it is not taken for
a listener on a guess, but for somebody who goes on with what they were saying."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a sound did: after how many milliseconds the reply fell silent (None: it did not), and
    whether it went on."""

    silent_ms: float | None
    resumed: bool

    @property
    def ended(self) -> bool:
        return self.silent_ms is not None and not self.resumed


async def over_a_reply(live: LiveServer, said: Said) -> Heard:
    async with open_client(live.url()) as client:
        await client.start(audio_clock=True)
        await client.speak(WEATHER.pcm16 + silence(1000), chunk_ms=20)
        await client.wait_for("tts_chunk")
        await client.speak(silence(LISTENS_MS), chunk_ms=20)
        began_s = trio.current_time()
        await client.speak(said.pcm16 + silence(2200), chunk_ms=20)
        cuts = [at for at, m in client.received if m["type"] == "barge_in"]
        silent_ms = (cuts[0] - began_s) * 1000 if cuts else None
        return Heard(silent_ms, len(client.of("reply_resumed")) >= len(cuts) > 0)


def by_flite(texts: Sequence[str]) -> list[Said]:
    """The same by flite's voices, for whoever has them (Debian's flite)."""
    said = []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(HOW_MANY):
            text, voice = texts[n % len(texts)], FLITE[n % len(FLITE)]
            path = Path(folder) / "said.wav"
            words = SPOKEN.get(text, text)
            subprocess.run(["flite", "-voice", voice, "-t", words, "-o", path], check=True)
            wav = read_wav(path)
            pcm16 = at_rate(wav.pcm16, wav.rate_hz, 16_000)
            samples = np.frombuffer(pcm16, dtype="<i2").astype(np.int32)
            loud = np.flatnonzero(np.abs(samples) > 300)
            said.append(Said(Take(text, voice), pcm16[2 * loud[0] : 2 * loud[-1] + 2]))
    return said


async def measure(*, on: bool, voices: str, engine: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    kinds = (
        {"backchannel": backchannels(), "interruption": interruptions()}
        if voices == "espeak"
        else {"backchannel": by_flite(BACKCHANNELS), "interruption": by_flite(INTERRUPTIONS)}
    )
    found: dict[str, dict[str, list[Heard]]] = {kind: defaultdict(list) for kind in kinds}
    async with open_llm_server() as llm:
        llm.script(*[tell(*REPLY.split(" ")) for _ in range(400)])
        async with open_live_server(
            limit_s=1500,
            openai_base_url=llm.base_url,
            stream_backchannels=on,
            stream_reply_lead_ms=1000,
            stream_asr_lanes=2,
            stream_asr_engine=engine,
        ) as live:
            queue = iter([(kind, said) for kind, all_said in kinds.items() for said in all_said])

            async def talk() -> None:
                for kind, said in queue:
                    found[kind][said.take.text].append(await over_a_reply(live, said))

            async with trio.open_nursery() as nursery:
                for _ in range(TALKERS):
                    nursery.start_soon(talk)
    for kind, texts in found.items():
        every = [heard for all_heard in texts.values() for heard in all_heard]
        times = [heard.silent_ms for heard in every if heard.silent_ms is not None]
        median = f", after {statistics.median(times):.0f} ms (median)" if times else ""
        ended = sum(heard.ended for heard in every)
        print(f"{kind}: of {len(every)} silent {len(times)}{median}, ended {ended}")
        for text, all_heard in texts.items():
            silent = sum(heard.silent_ms is not None for heard in all_heard)
            ended = sum(heard.ended for heard in all_heard)
            print(f"  {text:28} silent {silent}, ended {ended} of {len(all_heard)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--off", action="store_true", help="without STREAM_BACKCHANNELS")
    parser.add_argument("--voices", choices=("espeak", "flite"), default="espeak")
    parser.add_argument("--engine", default="auto", help="STREAM_ASR_ENGINE")
    arguments = parser.parse_args()
    trio.run(
        functools.partial(
            measure, on=not arguments.off, voices=arguments.voices, engine=arguments.engine
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
