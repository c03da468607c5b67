"""A codec of a service whose audio is binary, and the service's side of its wire."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from parley.protocol import events
from parley.protocol.dialect import Codec, Frame
from parley.protocol.telephone.dialects import TELEPHONE_DIALECTS
from parley.testing.carrier import Call, Wire, wire_of
from parley.testing.carrier.wire import Complaint, Give, Order, Wish

CALL = Call(parameters={"order": "42"})


class Line:
    """A codec that has seen the beginning of a call, and the service's side."""

    def __init__(
        self,
        service: str,
        *,
        wire: Wire | None = None,
        choices: dict[str, str] | None = None,
        opens: bool = True,
    ) -> None:
        self.wire = wire or wire_of(service, CALL)
        dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == service)
        assert dialect.arrival is not None
        arrival = dialect.arrival()
        hello = list(self.wire.hello())
        if service == "audiosocket":
            hello.append(bytes([0x10, 0, 0]))
        (self.start,) = [s for frame in hello if (s := arrival.read(frame)) is not None]
        self.now_ms = 0
        chosen = dialect.with_choices({**(choices or {}), **self.start.choices})
        self.codec: Codec = chosen.new_codec(lambda: self.now_ms)
        self.opened = [c for frame in hello if opens for c in self.codec.decode(frame)]
        if service == "genesys":
            self.tells(events.SessionOpened(session_id="s"))

    def tells(self, *told: events.Outbound) -> list[Wish]:
        """What the service understands of these, and of what it has room for later."""
        frames = []
        for one in told:
            frames += self.codec.encode(one)
            while self.wire.name == "audiosocket" and (more := self._later()):
                frames += more
        return [wish for frame in frames for wish in self.wire.read(frame)]

    def _later(self) -> list[Frame]:
        self.now_ms += 20
        return self.codec.encode(events.Pong())

    def audio(self, ms: int, *, turn: int = 1, generation: int = 0) -> events.ReplyAudio:
        rate_hz = self.wire.sound.rate_hz
        pcm16 = np.full(rate_hz * ms // 1000, 4_000, dtype="<i2").tobytes()
        return events.ReplyAudio(
            seq=1, pcm16=pcm16, rate_hz=rate_hz, turn=turn, generation=generation
        )


def given(wishes: Sequence[Wish]) -> bytes:
    return b"".join(wish.data for wish in wishes if isinstance(wish, Give))


def complaints(wishes: Sequence[Wish]) -> list[str]:
    return [wish.why for wish in wishes if isinstance(wish, Complaint)]


def orders(wishes: Sequence[Wish]) -> list[str]:
    return [wish.what for wish in wishes if isinstance(wish, Order)]
