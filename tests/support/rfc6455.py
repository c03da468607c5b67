"""RFC 6455 as a table: what a client sends behind its upgrade, and what an echo has to answer.

The answers follow the RFC's sections that stand beside the groups. `Got` is the list of frames;
a close frame is its code, None where it has none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from support.ws_client import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame

Got: TypeAlias = Sequence[tuple[int, bytes] | tuple[str, int | None]]

MAX_MESSAGE_BYTES = 100_000
NORMAL, BREACH, NOT_UTF_8, TOO_BIG = 1000, 1002, 1007, 1009
BYE = frame(CLOSE, close_payload(NORMAL))
"""Sent once everything that is to come back before it has come: who says goodbye at once may be
answered by a goodbye alone (5.5.1)."""
CONTINUATION = 0
OPCODES = {
    "continuation": CONTINUATION,
    "text": TEXT,
    "binary": BINARY,
    "close": CLOSE,
    "ping": PING,
    "pong": PONG,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`pieces` are sent one after the other. `got` is everything that comes back, to the end.
    `half`: the client only ends its side then."""

    group: str
    name: str
    pieces: Sequence[bytes]
    got: Got
    half: bool = False
    answered: bool = False

    @property
    def says_goodbye(self) -> bool:
        """Whether the client ends it, with BYE."""
        return bool(self.got) and self.got[-1] == closed(NORMAL) and self.group != "close"

    @property
    def refused(self) -> bool:
        """Whether it says nothing that is taken, so that any server has to answer the same."""
        return all(kind in ("close", PONG) for kind, _ in self.got)


def closed(code: int | None) -> tuple[str, int | None]:
    return ("close", code)


def long_frame(first: int, size: int, width: int, payload: bytes = b"") -> bytes:
    """A frame that tells its length in `width` bytes (2 or 8), needed or not; the mask is zero."""
    mark = 126 if width == 2 else 127
    return bytes([first, 0x80 | mark]) + size.to_bytes(width, "big") + bytes(4) + payload


def masked(opcode: int, payload: bytes, mask: bytes) -> bytes:
    body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return struct.pack("!BB", 0x80 | opcode, 0x80 | len(payload)) + mask + body


def in_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def chopped(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def cases() -> list[Case]:
    makers = (
        *(_sizes, _pings, _pongs, _reserved_bits, _reserved_opcodes, _fragments, _closes),
        *(_utf_8, _masks, _lengths, _ends, _too_big),
    )
    return [case for maker in makers for case in maker()]


def _sizes() -> Iterator[Case]:
    """5.2, 5.6: messages of any length, however they arrive."""
    for size in (0, 1, 2, 124, 125, 126, 127, 128, 65_535, 65_536, 70_000):
        for opcode, payload in ((TEXT, b"*" * size), (BINARY, bytes(n & 255 for n in range(size)))):
            data = frame(opcode, payload)
            ways = {"at once": [data], "in pieces": chopped(data, 997)}
            if size <= 128:
                ways["byte by byte"] = in_bytes(data)
            for way, pieces in ways.items():
                name = f"{size} bytes of {'text' if opcode == TEXT else 'binary'} {way}"
                yield _case("size", name, pieces, (opcode, payload), closed(NORMAL))


def _case(group: str, name: str, pieces: Sequence[bytes], *got: object) -> Case:
    return Case(group=group, name=name, pieces=pieces, got=list(got))  # type: ignore[arg-type]


def _pings() -> Iterator[Case]:
    """5.5.2, 5.5: answered with what they hold; 125 bytes at the most, and in one piece."""
    for size in (0, 1, 2, 124, 125):
        payload = bytes(255 - n for n in range(size))
        for way, pieces in (
            ("at once", [frame(PING, payload)]),
            ("byte by byte", in_bytes(frame(PING, payload))),
        ):
            yield _case("ping", f"{size} bytes {way}", pieces, (PONG, payload), closed(NORMAL))
    ten = [frame(PING, bytes([n])) for n in range(10)]
    pongs = [(PONG, bytes([n])) for n in range(10)]
    yield _case("ping", "ten one by one", [*ten], *pongs, closed(NORMAL))
    yield _case("ping", "ten at once", [b"".join(ten)], *pongs, closed(NORMAL))
    for opcode in (PING, PONG, CLOSE):
        name = next(name for name, value in OPCODES.items() if value == opcode)
        for size in (126, 127, 65_536):
            data = frame(opcode, bytes(size))
            yield _case("control", f"{name} of {size} bytes", [data], closed(BREACH))
        yield _case("control", f"half a {name}", [frame(opcode, fin=False)], closed(BREACH))
        broken = [frame(TEXT, b"a", fin=False), frame(opcode, fin=False)]
        yield _case("control", f"half a {name} in a message", broken, closed(BREACH))


def _pongs() -> Iterator[Case]:
    """5.5.3: unasked, they are no breach."""
    for payload in (b"", b"x", bytes(125)):
        data = [frame(PONG, payload), frame(PING, b"p")]
        yield _case("pong", f"{len(payload)} bytes", data, (PONG, b"p"), closed(NORMAL))
    many = [frame(PONG, b"x") * 50, frame(TEXT, b"t")]
    yield _case("pong", "fifty", many, (TEXT, b"t"), closed(NORMAL))


def _reserved_bits() -> Iterator[Case]:
    """5.2: no extension was agreed on, so all three are zero."""
    for bits in range(1, 8):
        for name, opcode in OPCODES.items():
            payload = close_payload(NORMAL) if opcode == CLOSE else b"x"
            plain = frame(opcode, payload)
            data = bytes([plain[0] | bits << 4]) + plain[1:]
            yield _case("reserved bits", f"{bits:03b} of {name}", [data], closed(BREACH))


def _reserved_opcodes() -> Iterator[Case]:
    """5.2: unknown opcodes fail the connection."""
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        for payload in (b"", b"x" * 5):
            name = f"{opcode} with {len(payload)} bytes"
            yield _case("opcode", name, [frame(opcode, payload)], closed(BREACH))
        within = [frame(TEXT, b"a", fin=False), frame(opcode, b"")]
        yield _case("opcode", f"{opcode} within a message", within, closed(BREACH))


def _fragments() -> Iterator[Case]:
    """5.4: messages in fragments, with control frames between them and nothing else."""
    for opcode, name in ((TEXT, "text"), (BINARY, "binary")):
        for parts in ((b"a", b"b"), (b"a", b"", b"c"), (b"", b""), (b"", b"b"), (b"a", b"")):
            frames = _parts(opcode, parts)
            told = "+".join(str(len(part)) for part in parts)
            whole = (opcode, b"".join(parts))
            for way, pieces in (
                ("at once", [b"".join(frames)]),
                ("one by one", [*frames]),
                ("byte by byte", in_bytes(b"".join(frames))),
            ):
                yield _case("fragments", f"{name} {told} {way}", pieces, whole, closed(NORMAL))
        many = _parts(opcode, [b"x" * 10] * 200)
        pinged = [data for one in many for data in (one, frame(PING, b"p"))][:-1]
        yield _case(
            "fragments",
            f"{name}: 200 with a ping behind each",
            [*pinged],
            *[(PONG, b"p")] * 199,
            (opcode, b"x" * 2000),
            closed(NORMAL),
        )
        begun = frame(opcode, b"a", fin=False)
        for other in ("text", "binary"):
            for fin in (True, False):
                data = [begun, frame(OPCODES[other], b"b", fin=fin)]
                told = f"{other} {'whole' if fin else 'begun'} within {name}"
                yield _case("fragments", told, data, closed(BREACH))
        yield _case("fragments", f"a close within {name}", [begun], closed(NORMAL))
        yield Case(
            group="fragments",
            name=f"a continuation behind whole {name}",
            pieces=[frame(opcode, b"a"), frame(CONTINUATION, b"b")],
            got=[(opcode, b"a"), closed(BREACH)],
            answered=True,
        )
    for fin in (True, False):
        for payload in (b"", b"x"):
            data = [frame(CONTINUATION, payload, fin=fin)]
            name = f"a continuation of {len(payload)} bytes first, {'last' if fin else 'not last'}"
            yield _case("fragments", name, data, closed(BREACH))


def _parts(opcode: int, parts: Sequence[bytes]) -> list[bytes]:
    return [
        frame(opcode if at == 0 else CONTINUATION, part, fin=at == len(parts) - 1)
        for at, part in enumerate(parts)
    ]


def _closes() -> Iterator[Case]:
    """5.5.1, 7.4: a code that may be sent is answered with itself."""
    for code in (*range(1000, 1004), *range(1007, 1012), 3000, 3999, 4000, 4999):
        for reason in (b"", b"so it is", b"\xe2\x82\xac" * 41):
            data = frame(CLOSE, close_payload(code, reason))
            yield _case("close", f"{code}, {len(reason)} bytes of reason", [data], closed(code))
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535):
        data = frame(CLOSE, close_payload(code))
        yield _case("close", f"{code}, which nobody may send", [data], closed(BREACH))
    yield _case("close", "without a code", [frame(CLOSE)], closed(None))
    yield _case("close", "with half a code", [frame(CLOSE, b"\3")], closed(BREACH))
    long = frame(CLOSE, close_payload(1000, b"x" * 124))
    yield _case("close", "with too long a reason", [long], closed(BREACH))
    for bad in (b"\xff", b"\xed\xa0\x80", b"\xc3", b"ok\xc0\xaf"):
        data = frame(CLOSE, close_payload(1000, bad))
        yield _case("close", f"with {bad!r} as a reason", [data], closed(NOT_UTF_8))
    for behind in ("text", "ping", "pong", "close", "continuation", "binary"):
        data = BYE + frame(OPCODES[behind], b"")
        yield _case("close", f"with a {behind} behind it", [data], closed(NORMAL))
        late = BYE + b"\xff" * 40 + data
        yield _case("close", f"with garbage and a {behind} behind it", [late], closed(NORMAL))


VALID_UTF_8 = {
    "greek": "κόσμε".encode(),
    "first of one byte": b"\x00",
    "last of one byte": b"\x7f",
    "first of two": b"\xc2\x80",
    "last of two": b"\xdf\xbf",
    "first of three": b"\xe0\xa0\x80",
    "last of three": b"\xef\xbf\xbf",
    "first of four": b"\xf0\x90\x80\x80",
    "last of four": b"\xf4\x8f\xbf\xbf",
    "before the surrogates": b"\xed\x9f\xbf",
    "behind the surrogates": b"\xee\x80\x80",
    "replacement": b"\xef\xbf\xbd",
    "no character": b"\xef\xbf\xbe",
    "another": b"\xef\xb7\x90",
    "of a higher plane": b"\xf0\x9f\xbf\xbe",
    "byte order mark": b"\xef\xbb\xbfa",
    "family": "👨\u200d👩\u200d👧".encode(),
}
INVALID_UTF_8 = {
    "a continuation": b"\x80",
    "the last continuation": b"\xbf",
    "six continuations": b"\x80\xbf" * 3,
    "a lonely start of two": b"\xc2 ",
    "the last start of two": b"\xdf ",
    "a lonely start of three": b"\xe0 ",
    "the last start of three": b"\xef ",
    "a lonely start of four": b"\xf0 ",
    "the last start of four": b"\xf4 ",
    "a start of five": b"\xf8\x88\x80\x80\x80",
    "a start of six": b"\xfc\x84\x80\x80\x80\x80",
    "fe": b"\xfe",
    "ff": b"\xff",
    "fe and ff": b"\xfe\xfe\xff\xff",
    "overlong slash of two": b"\xc0\xaf",
    "overlong slash of three": b"\xe0\x80\xaf",
    "overlong slash of four": b"\xf0\x80\x80\xaf",
    "overlong slash of five": b"\xf8\x80\x80\x80\xaf",
    "overlong nul of two": b"\xc0\x80",
    "overlong nul of three": b"\xe0\x80\x80",
    "overlong last of two": b"\xc1\xbf",
    "overlong last of three": b"\xe0\x9f\xbf",
    "overlong last of four": b"\xf0\x8f\xbf\xbf",
    "first high surrogate": b"\xed\xa0\x80",
    "last high surrogate": b"\xed\xaf\xbf",
    "first low surrogate": b"\xed\xb0\x80",
    "last low surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
    "above unicode": b"\xf4\x90\x80\x80",
    "far above unicode": b"\xf7\xbf\xbf\xbf",
    "in the middle": b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited",
}
CUT_UTF_8 = {
    "two": b"\xdf",
    "three": b"\xef\xbf",
    "three early": b"\xef",
    "four": b"\xf0\x90\x80",
    "four earlier": b"\xf0\x90",
    "four at once": b"\xf0",
}


def _utf_8() -> Iterator[Case]:
    """8.1: text is UTF-8, and what is not fails the connection, as soon as that is clear."""
    for name, data in VALID_UTF_8.items():
        text = b"<" + data + b">"
        got = (TEXT, text), closed(NORMAL)
        yield _case("utf-8", f"{name} in one frame", [frame(TEXT, text)], *got)
        yield _case("utf-8", f"{name} byte by byte", in_bytes(frame(TEXT, text)), *got)
        fragments = _parts(TEXT, in_bytes(text))
        yield _case("utf-8", f"{name} cut into fragments", [*fragments], *got)
    for name, data in {**INVALID_UTF_8, **{f"cut {k}": v for k, v in CUT_UTF_8.items()}}.items():
        whole = [frame(TEXT, b"<" + data)]
        yield _case("utf-8", f"{name} in one frame", whole, closed(NOT_UTF_8))
        fragments = _parts(TEXT, in_bytes(b"<" + data))
        yield _case("utf-8", f"{name} cut into fragments", fragments, closed(NOT_UTF_8))
    for name, data in INVALID_UTF_8.items():
        begun = [frame(TEXT, b"<" + data, fin=False)]
        yield _case("utf-8", f"{name}, and the message goes on", begun, closed(NOT_UTF_8))


def _masks() -> Iterator[Case]:
    """5.1, 5.3: a client masks every frame, by any four bytes."""
    for name, opcode in OPCODES.items():
        data = frame(opcode, close_payload(NORMAL), masked=False)
        yield _case("mask", f"{name} without one", [data], closed(BREACH))
    begun = frame(TEXT, b"a", fin=False)
    second = [begun, frame(CONTINUATION, b"b", masked=False)]
    yield _case("mask", "the second fragment without one", second, closed(BREACH))
    for mask in (bytes(4), b"\xff" * 4, b"\0\0\0\1", b"\x80\0\0\0", b"abcd"):
        for opcode, payload in ((TEXT, "hé €".encode()), (BINARY, bytes(range(9)))):
            pieces = [masked(opcode, payload, mask)]
            got = (opcode, payload), closed(NORMAL)
            yield _case("mask", f"{mask.hex()} over {opcode}", pieces, *got)
        ping = [masked(PING, b"ping", mask)]
        yield _case("mask", f"{mask.hex()} over a ping", ping, (PONG, b"ping"), closed(NORMAL))


def _lengths() -> Iterator[Case]:
    """5.2: a length is told in as few bytes as it takes, and its highest bit is zero."""
    for size in (0, 1, 125):
        for width in (2, 8):
            for first, name in ((0x81, "text"), (0x82, "binary"), (0x89, "a ping")):
                data = [long_frame(first, size, width, b"x" * size)]
                yield _case("length", f"{size} of {name} in {width} bytes", data, closed(BREACH))
    for size in (126, 65_535):
        data = [long_frame(0x82, size, 8, bytes(size))]
        yield _case("length", f"{size} in 8 bytes", data, closed(BREACH))
    for size in (1 << 63, (1 << 64) - 1):
        yield _case("length", f"{size:x}", [long_frame(0x82, size, 8)], closed(BREACH))


def _ends() -> Iterator[Case]:
    """7.1.7: a client that goes within a frame is gone; nothing hangs."""
    whole = frame(TEXT, b"hello")
    for size in range(1, len(whole)):
        yield Case(
            group="end", name=f"{size} bytes of a frame", pieces=[whole[:size]], got=[], half=True
        )
    begun = frame(TEXT, b"a", fin=False)
    yield Case(group="end", name="a fragment", pieces=[begun], got=[], half=True)
    yield Case(group="end", name="nothing", pieces=[], got=[], half=True)
    yield Case(group="end", name="a message", pieces=[whole], got=[(TEXT, b"hello")], half=True)


def _too_big() -> Iterator[Case]:
    """7.4.1: 1009 for what is larger than a server takes."""
    most = MAX_MESSAGE_BYTES
    got = (BINARY, bytes(most)), closed(NORMAL)
    yield _case("size", "as much as is taken", [frame(BINARY, bytes(most))], *got)
    for opcode in (TEXT, BINARY):
        more = [frame(opcode, b"x" * (most + 1))]
        yield _case("too big", f"{opcode} at once", more, closed(TOO_BIG))
        parts = _parts(opcode, [b"x" * 1000] * (most // 1000 + 1))
        yield _case("too big", f"{opcode} in fragments", parts, closed(TOO_BIG))
        announced = [long_frame(0x80 | opcode, 1 << 40, 8, b"x" * (most + 1))]
        yield _case("too big", f"{opcode} that never ends", announced, closed(TOO_BIG))
