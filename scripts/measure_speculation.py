"""Replies that were begun in vain, in real time: hundreds of random resumptions, real engines.

    python scripts/measure_speculation.py [--turns 180]

The recordings of `examples/audio`, each cut at four random places with a silence of 200 to 600 ms
in each, said to a server in this process with the fixed silence of 700 ms, four talkers at a time,
one session each for six turns. An own language model on loopback sees what it is asked.

This must hold: nothing of a reply is told before the final that it answers; each turn is answered
once; the memory, as the model is shown it, holds the turns that were answered and no other; nothing
is left running.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import numpy as np
import structlog
import trio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.live_server import (  # noqa: E402
    RECORDINGS,
    LiveClient,
    LiveServer,
    open_client,
    open_live_server,
)
from support.llm_server import LLMServer, open_llm_server, tell  # noqa: E402

RATE_HZ = 16_000
TURNS_EACH = 6
TALKERS = 4
PAUSES = 4
OF_A_REPLY = ("llm_token", "tts_chunk", "tts_phrase_done", "tts_complete")


def hiss(ms: int, chance: random.Random) -> bytes:
    """A quiet room."""
    generator = np.random.default_rng(chance.randrange(2**32))
    return generator.normal(0, 12, RATE_HZ * ms // 1000).astype("<i2").tobytes()


def with_pauses(pcm16: bytes, chance: random.Random) -> bytes:
    """Cut at random places and pulled apart there."""
    places = sorted(chance.randrange(len(pcm16) // 8, len(pcm16)) // 2 * 2 for _ in range(PAUSES))
    parts, at = [], 0
    for place in places:
        parts += [pcm16[at:place], hiss(chance.randrange(200, 600), chance)]
        at = place
    return b"".join([*parts, pcm16[at:], hiss(1100, chance)])


async def talk(live: LiveServer, seed: int, wrong: list[str]) -> int:
    """One session; gives how many of its turns were answered."""
    chance = random.Random(seed)
    async with open_client(live.url()) as client:
        await client.start()
        for _ in range(TURNS_EACH):
            recording = chance.choice(list(RECORDINGS.values()))
            heard = len(client.of("tts_complete"))
            await client.speak(with_pauses(recording.pcm16, chance), chunk_ms=20)
            with trio.move_on_after(10):
                await client.wait_for("tts_complete", count=heard + 1)
                await live.until_quiet(client)
        answered = len(client.of("tts_complete"))
        check(client, wrong)
    return answered


def check(client: LiveClient, wrong: list[str]) -> None:
    finals = dones = 0
    for _, message in client.received:
        finals += message["type"] == "final_transcript" and bool(message["text"])
        dones += message["type"] == "llm_token" and message["done"]
        if message["type"] in OF_A_REPLY and not finals:
            wrong.append(f"{message['type']} before any final")
    if dones > finals:
        wrong.append(f"{dones} replies to {finals} finals")


def shown(llm: LLMServer, wrong: list[str]) -> None:
    """Each answer that the model is shown again is one that it gave."""
    for request in llm.requests:
        messages = (request.body or {}).get("messages", [])
        roles = [m["role"] for m in messages if m["role"] != "system"]
        if roles and roles[-1] != "user":
            wrong.append(f"asked with {roles}")
        for message in messages:
            if message["role"] == "assistant" and message["content"] not in ("Fine.", ""):
                wrong.append(f"remembers {message['content']!r}")


async def measure(turns: int) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    wrong: list[str] = []
    answered = 0
    async with open_llm_server() as llm:
        llm.default = tell("Fine", ".")
        async with open_live_server(
            limit_s=1500,
            openai_base_url=llm.base_url,
            stream_turn_engine="fixed",
            stream_speculations=20,
            stream_asr_lanes=2,
        ) as live:
            seeds = iter(range(turns // TURNS_EACH))

            async def talker() -> None:
                nonlocal answered
                for seed in seeds:
                    done = await talk(live, seed, wrong)
                    answered += done

            async with trio.open_nursery() as nursery:
                for _ in range(TALKERS):
                    nursery.start_soon(talker)
            await live.until_empty()
            metrics = live.server.telemetry.registry.get_sample_value
            begun = metrics("parley_speculations_total") or 0
            dropped = metrics("parley_speculations_dropped_total") or 0
            counted = metrics("parley_turns_total") or 0
            left = list(await live.sessions())
        shown(llm, wrong)
        posts = sum(request.method == "POST" for request in llm.requests)
    print(f"{answered} turns answered; {begun:.0f} replies begun early, {dropped:.0f} in vain")
    print(f"{posts} requests to the model for {counted:.0f} turns; {len(left)} sessions left")
    print(f"{len(wrong)} things that must not be", *wrong[:10], sep="\n  ")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=180)
    return trio.run(measure, parser.parse_args().turns)


if __name__ == "__main__":
    sys.exit(main())
