"""A listener that is no server, as a process of its own: `python tests/support/deaf_listener.py`.

It prints its port, accepts whoever comes, reads what they send and closes the connection after
eight seconds. What the same attackers cost whoever is on the same machine, without a server in it.
"""

from __future__ import annotations

import trio

CLOSED_S = 8.0


async def hear(stream: trio.SocketStream) -> None:
    async with stream:
        with trio.move_on_after(CLOSED_S):
            while await stream.receive_some(65536):
                pass


async def main() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
    print(listeners[0].socket.getsockname()[1], flush=True)
    async with trio.open_nursery() as nursery:
        await trio.serve_listeners(hear, listeners, handler_nursery=nursery)


if __name__ == "__main__":
    trio.run(main)
