"""What a listener's words do to a reply: forty backchannels and forty interruptions, real engines.

    python scripts/measure_backchannels.py

A server in this process with STREAM_BACKCHANNELS, a long reply, and one of the sounds of
`tests/support/interjections.py` over it, in real time, each in a session of its own. It prints
what was said, how often the reply was cut, and after how long.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import structlog
import trio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from parley.testing import silence  # noqa: E402
from support.interjections import Said, backchannels, interruptions  # noqa: E402
from support.live_server import WEATHER, LiveServer, open_client, open_live_server  # noqa: E402
from support.llm_server import open_llm_server, tell  # noqa: E402

REPLY = "This is a long reply that tells of many things one after the other. " * 3
TALKERS = 2


async def over_a_reply(live: LiveServer, said: Said) -> float | None:
    """Milliseconds from the sound's beginning to the interruption; None: there was none."""
    async with open_client(live.url()) as client:
        await client.start()
        await client.speak(WEATHER.pcm16 + silence(1000), chunk_ms=20)
        await client.wait_for("tts_chunk")
        await client.speak(silence(600), chunk_ms=20)
        began_s = trio.current_time()
        await client.speak(said.pcm16 + silence(1800), chunk_ms=20)
        cuts = [at for at, m in client.received if m["type"] == "barge_in"]
        return (cuts[0] - began_s) * 1000 if cuts else None


async def measure() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    kinds = {"backchannel": backchannels(), "interruption": interruptions()}
    found: dict[str, dict[str, list[float | None]]] = {kind: defaultdict(list) for kind in kinds}
    async with open_llm_server() as llm:
        llm.script(*[tell(*REPLY.split(" ")) for _ in range(200)])
        async with open_live_server(
            limit_s=1500,
            openai_base_url=llm.base_url,
            stream_backchannels=True,
            stream_reply_lead_ms=1000,
            stream_asr_lanes=2,
        ) as live:
            queue = iter([(kind, said) for kind, all_said in kinds.items() for said in all_said])

            async def talk() -> None:
                for kind, said in queue:
                    found[kind][said.take.text].append(await over_a_reply(live, said))

            async with trio.open_nursery() as nursery:
                for _ in range(TALKERS):
                    nursery.start_soon(talk)
    for kind, texts in found.items():
        times = [ms for all_ms in texts.values() for ms in all_ms if ms is not None]
        count = sum(len(all_ms) for all_ms in texts.values())
        median = f", after {statistics.median(times):.0f} ms (median)" if times else ""
        print(f"{kind}: the reply was cut {len(times)} of {count} times{median}")
        for text, all_ms in texts.items():
            cut = sum(ms is not None for ms in all_ms)
            print(f"  {text:28} cut {cut} of {len(all_ms)}")


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    trio.run(measure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
