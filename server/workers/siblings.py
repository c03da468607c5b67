"""Asks the workers of this machine, each at its socket in the private folder.

A request of HTTP/1.1 to each, at once, answered within a deadline or left out with the reason. Who
asks is answered for by the folder, which nobody else can open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h11
import trio

from .link import socket_of

ASK_S = 1.0
"""A worker that is too busy to answer within it is left out, and that is said."""
ANSWER_MAX_BYTES = 128 * 1024 * 1024
"""A recording is the longest answer."""
RECEIVE_BYTES = 64 * 1024


class NoAnswer(Exception):
    """A worker did not answer; the reason in words."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


@dataclass(slots=True)
class Answers:
    """Of several workers: what each said, and why the others did not."""

    given: dict[int, Answer]
    missing: dict[int, str]


async def ask(
    folder: Path,
    workers: Iterable[int],
    path: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    within_s: float = ASK_S,
) -> Answers:
    """Ask these workers at once."""
    answers = Answers({}, {})

    async def ask_one(worker: int) -> None:
        try:
            with trio.fail_after(within_s):
                answer = await _ask(socket_of(folder, worker), path, method, body)
        except trio.TooSlowError:
            answers.missing[worker] = f"no answer within {within_s:g} s"
        except NoAnswer as problem:
            answers.missing[worker] = str(problem)
        else:
            answers.given[worker] = answer

    async with trio.open_nursery() as nursery:
        for worker in workers:
            nursery.start_soon(ask_one, worker)
    return answers


async def _ask(place: Path, path: str, method: str, body: bytes) -> Answer:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=RECEIVE_BYTES)
    headers = [("Host", "worker"), ("Connection", "close"), ("Content-Length", str(len(body)))]
    asked = [h11.Request(method=method, target=path, headers=headers), h11.Data(data=body)]
    try:
        async with await trio.open_unix_socket(str(place)) as stream:
            for event in (*asked, h11.EndOfMessage()):
                await stream.send_all(connection.send(event) or b"")
            return await _answer(connection, stream)
    except (OSError, trio.BrokenResourceError) as error:
        raise NoAnswer(f"cannot be reached ({type(error).__name__})") from None
    except h11.ProtocolError as error:
        raise NoAnswer(f"its answer cannot be read ({error})") from None


async def _answer(connection: h11.Connection, stream: trio.SocketStream) -> Answer:
    status, parts, length = 0, [], 0
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(await stream.receive_some(RECEIVE_BYTES))
            case h11.Response(status_code=code):
                status = code
            case h11.Data(data=data):
                parts.append(bytes(data))
                length += len(data)
                if length > ANSWER_MAX_BYTES:
                    raise NoAnswer("its answer is too long")
            case h11.EndOfMessage() | h11.PAUSED:
                return Answer(status, b"".join(parts))
            case h11.ConnectionClosed():
                raise NoAnswer("it hung up")
