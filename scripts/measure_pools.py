"""What a pool of three servers costs where one of them is dead and one is slow.

    python scripts/measure_pools.py [--seconds 20] [--rate 10] [--kinds asr llm tts] [--alone]

Servers stand in for recognizers, models and voices, on loopback, in this process. A good one begins
its answer after 200 ms, give or take a fifth, whatever it has in hand; a slow one takes five times
as long. Requests come by chance, `--rate` a second. Each kind is measured with three good servers,
and with one good, one slow and one dead one, which is dead in one of four ways:

    refuses     nobody listens
    silent      it accepts the connection, reads the request and never answers
    500         it answers with that
    garbage     it answers with a page of HTML

A figure is the time to the answer's beginning: of a recognizer the final, of a model the first
token, of a voice the first sound. What began in the first second stands by itself. `again` is how
many requests were made beyond one for each question. With `--alone` there is neither HTTP nor a
clock: the choice alone, in virtual time, the same on every machine.

    python scripts/measure_pools.py --shared 32 [--seconds 60] [--rate 40]

So many processes share three servers that work on one request after the other for 50 ms each, in
virtual time: asked as Parley does, by two that are drawn, and by the best of all that each knows.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
import trio
import trio.testing

from parley.audio.wav import wav_bytes
from parley.client.report import middle, p95
from parley.config import Settings
from parley.engines.asr.open import open_recognizer
from parley.engines.failures import EngineFailure, EngineUnreachable
from parley.engines.kit import SessionInfo
from parley.engines.llm.open import open_responder
from parley.engines.pools.opening import pools_of
from parley.engines.pools.place import Place
from parley.engines.pools.pool import Pool
from parley.engines.tts.interface import Streams
from parley.engines.tts.open import open_voice
from parley.protocol.chat import ChatMessage

GOOD_S, SPREAD, SLOWER = 0.2, 0.2, 5
LIMIT_S = 10.0
"""What a caller waits at most."""

DEAD = ("refuses", "silent", "500", "garbage")
ASKED = [ChatMessage(role="user", text="Hello?")]
SECOND = bytes(range(1, 201)) * 160

BODIES = {
    "asr": ("application/json", b'{"text": "hello there"}'),
    "llm": (
        "text/event-stream",
        b'data: {"choices": [{"index": 0, "delta": {"content": "Fine."}, "finish_reason": "stop"}]}'
        b"\n\ndata: [DONE]\n\n",
    ),
    "tts": ("audio/wav", wav_bytes(SECOND[:9600], 24_000)),
}
VARIABLES = {"asr": "openai_asr_base_url", "llm": "openai_base_url", "tts": "openai_tts_base_url"}


# Servers


async def serve_one(kind: str, manner: str, rng: random.Random, stream: trio.SocketStream) -> None:
    """One connection of a server that is good, slow or dead."""
    data = b""
    try:
        while True:
            while b"\r\n\r\n" not in data:
                more = await stream.receive_some(65_536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            length = next(
                (
                    int(line[15:])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            while len(data) < length:
                more = await stream.receive_some(65_536)
                if not more:
                    return
                data += more
            data = data[length:]
            await stream.send_all(await answer(kind, manner, rng, looks=head.startswith(b"GET")))
    except trio.BrokenResourceError:
        pass
    finally:
        await trio.aclose_forcefully(stream)


async def answer(kind: str, manner: str, rng: random.Random, *, looks: bool) -> bytes:
    """The bytes of an answer, when it is time for them."""
    if manner == "silent":
        await trio.sleep_forever()
    if manner == "500":
        return b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}"
    if manner == "garbage":
        return whole("text/html", b"<html>It works!</html>")
    if looks:
        return whole("application/json", b'{"data": []}')
    takes_s = GOOD_S * (1 + SPREAD * (2 * rng.random() - 1))
    await trio.sleep(takes_s * (SLOWER if manner == "slow" else 1))
    return whole(*BODIES[kind])


def whole(content_type: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def servers(kind: str, manners: tuple[str, ...], seed: int) -> AsyncIterator[str]:
    """Their URLs, with commas between them."""
    rng = random.Random(seed)
    urls = []
    async with trio.open_nursery() as nursery:
        for manner in manners:
            [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
            urls.append(f"http://127.0.0.1:{listener.socket.getsockname()[1]}/v1")
            if manner == "refuses":
                await listener.aclose()
            else:
                handler = functools.partial(serve_one, kind, manner, rng)
                nursery.start_soon(trio.serve_listeners, handler, [listener])
        yield ",".join(urls)
        nursery.cancel_scope.cancel()


# Asking


@dataclass(slots=True)
class Asking:
    pool: Pool[Any]
    ask: Callable[[], Awaitable[None]]
    """Returns with the beginning of the answer."""


async def opened(stack: AsyncExitStack, kind: str, urls: str) -> Asking:
    engines = {f"stream_{one}_engine": "openai" for one in ("asr", "llm", "tts")}
    settings = Settings.defaults(**engines, stream_language="en", **{VARIABLES[kind]: urls})
    if kind == "asr":
        recognizer = await stack.enter_async_context(open_recognizer(settings))

        async def hear() -> None:
            transcriber = recognizer.make(SessionInfo.outside("measure", settings.hearing))
            await transcriber.begin()
            await transcriber.feed(SECOND)
            await transcriber.finish()

        return Asking(recognizer.pools[0], hear)
    if kind == "llm":
        responder = await stack.enter_async_context(open_responder(settings))

        async def reply() -> None:
            async with responder.reply(ASKED) as parts:
                while not isinstance(await anext(parts), str):
                    pass

        return Asking(pools_of(responder)[0], reply)
    voice = await stack.enter_async_context(open_voice(settings))
    synthesizer = voice.synthesizer

    async def speak() -> None:
        if not isinstance(synthesizer, Streams):
            raise TypeError("this voice does not stream")
        async with synthesizer.stream("Hello there.") as pieces:
            await anext(pieces)

    return Asking(voice.pools[0], speak)


def alone(kind: str, manners: tuple[str, ...], seed: int) -> Asking:
    """A pool without servers."""
    rng = random.Random(seed)

    async def attempt(manner: str) -> bytes:
        if manner == "refuses":
            raise EngineUnreachable("nobody listens there")
        body = await answer(kind, manner, rng, looks=False)
        if manner in ("500", "garbage"):
            raise EngineFailure(body.decode("latin-1"), retryable=manner == "500")
        return body

    async def look(manner: str) -> None:
        if manner in ("refuses", "500"):
            raise EngineUnreachable("nobody listens there")
        await answer(kind, manner, rng, looks=True)

    places = [
        Place(
            kind=kind,
            name=f"{manner}-{number}",
            engine=manner,
            look=functools.partial(look, manner),
        )
        for number, manner in enumerate(manners)
    ]
    pool = Pool(kind, places, chance=random.Random(seed).random)

    async def ask() -> None:
        await pool.ask(attempt)

    return Asking(pool, ask)


@dataclass(slots=True)
class Outcome:
    first_second_s: list[float] = field(default_factory=list)
    later_s: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    again: int = 0
    asked: list[int] = field(default_factory=list)


async def measure(kind: str, manners: tuple[str, ...], options: argparse.Namespace) -> Outcome:
    outcome = Outcome()
    rng = random.Random(options.seed)
    async with AsyncExitStack() as stack:
        if options.alone:
            asking = alone(kind, manners, options.seed)
        else:
            urls = await stack.enter_async_context(servers(kind, manners, options.seed))
            asking = await opened(stack, kind, urls)
        nursery = await stack.enter_async_context(trio.open_nursery())
        await nursery.start(asking.pool.run)
        began_s = trio.current_time()

        async def one() -> None:
            asked_s = trio.current_time()
            try:
                with trio.fail_after(LIMIT_S):
                    await asking.ask()
            except (EngineFailure, trio.TooSlowError) as failure:
                outcome.lost.append(str(failure) or "no answer in time")
                return
            early = asked_s - began_s < 1.0
            took = outcome.first_second_s if early else outcome.later_s
            took.append(trio.current_time() - asked_s)

        async with trio.open_nursery() as questions:
            while trio.current_time() - began_s < options.seconds:
                questions.start_soon(one)
                await trio.sleep(rng.expovariate(options.rate))
        outcome.asked = [place.asked for place in asking.pool.places]
        answers = len(outcome.first_second_s) + len(outcome.later_s) + len(outcome.lost)
        outcome.again = sum(outcome.asked) - answers
        nursery.cancel_scope.cancel()
    return outcome


class BestOfAll(Pool[str]):
    """What Parley does not do."""

    def _sooner(self, candidates: Sequence[Place[str]]) -> Place[str]:
        best_s = min((place.known_s or 0.1 for place in candidates), default=0.1)
        return min(candidates, key=lambda place: place.expected_s(best_s))


async def share(choice: type[Pool[str]], options: argparse.Namespace) -> None:
    names, took_s = "abc", list[float]()
    turns = {name: trio.Lock() for name in names}

    async def attempt(name: str) -> None:
        async with turns[name]:
            await trio.sleep(0.05)

    async def process(seed: int) -> None:
        rng = random.Random(seed)
        places = [
            Place(kind="asr", name=name, engine=name, look=trio.lowlevel.checkpoint)
            for name in names
        ]
        pool = choice("asr", places, chance=rng.random)
        end_s = trio.current_time() + options.seconds
        async with trio.open_nursery() as nursery:
            while trio.current_time() < end_s:
                nursery.start_soon(ask, pool)
                await trio.sleep(rng.expovariate(options.rate / options.shared))

    async def ask(pool: Pool[str]) -> None:
        began_s = trio.current_time()
        await pool.ask(attempt)
        took_s.append(trio.current_time() - began_s)

    async with trio.open_nursery() as nursery:
        for seed in range(options.shared):
            nursery.start_soon(process, seed)
    figures = (middle(took_s) or 0.0, p95(took_s) or 0.0, max(took_s, default=0.0))
    p50, most, worst = (f"{figure * 1000:.0f} ms" for figure in figures)
    print(f"{choice.__name__}: p50 {p50}, p95 {most}, longest {worst}", flush=True)


async def main(options: argparse.Namespace) -> bool:
    if options.shared:
        choices: tuple[type[Pool[str]], ...] = (Pool, BestOfAll)
        for choice in choices:
            await share(choice, options)
        return True
    print(
        "| kind | places | p50 | p95 | p95 to three good | first second, longest | lost | again "
        "| requests to each |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    held = True
    for kind in options.kinds[:1] if options.alone else options.kinds:
        base = 0.0
        for manners in (("good",) * 3, *((dead, "slow", "good") for dead in DEAD)):
            outcome = await measure(kind, manners, options)
            usual, newest = middle(outcome.later_s) or 0.0, p95(outcome.later_s) or 0.0
            base = base or newest
            held &= newest <= 1.2 * base and not outcome.lost
            print(
                f"| {kind} | {', '.join(manners)} | {usual * 1000:.0f} ms "
                f"| {newest * 1000:.0f} ms | {(newest / base - 1) * 100:+.0f} % "
                f"| {max(outcome.first_second_s, default=0.0) * 1000:.0f} ms "
                f"| {len(outcome.lost)} | {outcome.again} "
                f"| {', '.join(map(str, outcome.asked))} |",
                flush=True,
            )
    print("held" if held else "NOT HELD", "(p95 at most 20 % more, nothing lost)")
    return held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--shared", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=list(BODIES), default=list(BODIES))
    os.environ["NO_PROXY"] = "127.0.0.1"
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    options = parser.parse_args()
    virtual = options.alone or options.shared
    clock = trio.testing.MockClock(autojump_threshold=0) if virtual else None
    sys.exit(not trio.run(main, options, clock=clock))
