"""A listener that several workers share, and what they ask each other."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from parley.server.http.front import Front
from parley.server.http.head import Head
from parley.server.http.responses import Response, json_response
from parley.server.workers.link import serve_at
from parley.server.workers.listening import SharedListener
from parley.server.workers.siblings import ask

LIMIT_S = 10.0


@asynccontextmanager
async def shared_by(
    *turns: Callable[[float], bool],
) -> AsyncIterator[tuple[int, list[list[trio.SocketStream]]]]:
    """A port that so many accept at, and what each has accepted."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    taken: list[list[trio.SocketStream]] = [[] for _ in turns]

    async def accept(number: int) -> None:
        shared = SharedListener(listener, turns[number], lambda: None)
        try:
            while True:
                taken[number].append(await shared.accept())
        finally:
            shared.close()

    with trio.fail_after(LIMIT_S):
        async with listener, trio.open_nursery() as nursery:
            for number in range(len(turns)):
                nursery.start_soon(accept, number)
            yield listener.socket.getsockname()[1], taken
            nursery.cancel_scope.cancel()
    for streams in taken:
        for stream in streams:
            await stream.aclose()


def always(waited_s: float) -> bool:
    return True


def never(waited_s: float) -> bool:
    return False


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await trio.sleep(0.005)


async def test_one_whose_turn_it_is_not_leaves_it_to_the_other() -> None:
    async with shared_by(never, always) as (port, taken):
        for _ in range(5):
            await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
        await until(lambda: len(taken[1]) == 5)
        assert taken[0] == []


async def test_a_connection_that_nobody_took_is_asked_about_with_its_age() -> None:
    asked: list[float] = []

    def patient(waited_s: float) -> bool:
        asked.append(waited_s)
        return waited_s > 0.02

    async with shared_by(patient) as (port, taken):
        for expected in (1, 2):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await until(lambda expected=expected: len(taken[0]) == expected)  # type: ignore[misc]
            await stream.aclose()
    assert asked[0] == 0.0
    assert asked.count(0.0) == 2  # the next one begins anew


async def answer(said: object, head: Head, stream: trio.abc.Stream) -> Response:
    return json_response({"path": head.path, "said": said})


async def hang(head: Head, stream: trio.abc.Stream) -> Response:
    await trio.sleep_forever()
    raise AssertionError


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


async def test_siblings_are_asked_at_once_and_who_does_not_answer_is_left_out(
    folder: Path,
) -> None:
    fronts = {
        1: Front(routes={("GET", "/a"): functools.partial(answer, 1)}, websocket_routes={}),
        2: Front(routes={("GET", "/a"): hang}, websocket_routes={}),
    }
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            for worker, front in fronts.items():
                listener = serve_at(folder, worker)
                nursery.start_soon(trio.serve_listeners, front.handle, [listener])
            answers = await ask(folder, [1, 2, 3], "/a", within_s=0.2)
            assert {w: (a.status, a.body) for w, a in answers.given.items()} == {
                1: (200, b'{"path":"/a","said":1}')
            }
            assert answers.missing == {
                2: "no answer within 0.2 s",
                3: "cannot be reached (FileNotFoundError)",
            }
            again = await ask(folder, [1], "/b")
            assert again.given[1].status == 404
            nursery.cancel_scope.cancel()


async def test_a_number_is_served_anew_where_one_has_ended(folder: Path) -> None:
    for _ in range(2):
        listener = serve_at(folder, 1)
        await listener.aclose()
