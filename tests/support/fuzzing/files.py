"""Files as fuzz targets: recordings (MCAP), and sound as people upload it.

A recording is read from a file in memory, by its own bytes or as entries that are well packed and
hold anything.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import trio
from mcap.writer import CompressionType, Writer
from trio.testing import MockClock

from parley.audio.containers import NotSound, check_file, check_pcm16, container_of
from parley.audio.wav import NotAWav, parse_wav, wav_bytes
from parley.audio.wav_stream import WavStream
from parley.recording.mcap_file import RecordingError, open_recording, read_recording
from parley.recording.mcap_writer import McapWriter
from parley.recording.recorded import replay_recording
from parley.recording.show.page import page
from parley.recording.show.reading import UnknownDialect, timeline_of
from parley.recording.show.text import head, lines
from parley.recording.tape import Entry, Header, Recording

from .target import Target, pieces_of

RECORDINGS = Path(__file__).parents[2] / "recordings"
ERROR_CHARS = 500
REPLAY_LIMIT_S = 3600.0
"""Of virtual time."""


@cache
def _memory_file() -> tuple[int, str]:
    descriptor = os.memfd_create("fuzz")
    return descriptor, f"/proc/self/fd/{descriptor}"


def path_of(data: bytes) -> str:
    """A file with this content, until the next call."""
    descriptor, path = _memory_file()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)
    return path


# The container


def mcap(data: bytes) -> None:
    """Whatever the file is, it is read or refused in one line."""
    try:
        with open_recording(path_of(data)) as recording:
            for entry in recording:
                assert isinstance(entry.data, dict)
            assert recording.gaps >= 0
    except RecordingError as error:
        assert "\n" not in str(error)
        assert len(str(error)) <= ERROR_CHARS, str(error)


def _header() -> Header:
    return Header(
        session_id="s",
        dialect="prompt-voice",
        opened_ms=1_700_000_000_000,
        settings={},
        detector_frame_samples=320,
    )


def packed(header: Header, entries: Sequence[Entry]) -> bytes:
    out = io.BytesIO()
    writer = McapWriter(out, header)
    for entry in entries:
        writer.write(entry)
    writer.finish()
    return out.getvalue()


def _few(name: str, count: int) -> Recording:
    """The beginning of a recording, with little of its sound."""
    whole = read_recording(RECORDINGS / f"{name}.mcap")
    entries = [
        replace(entry, audio=entry.audio[:320] if entry.audio is not None else None)
        for entry in whole.entries[:count]
    ]
    settings = {k: v for k, v in whole.header.settings.items() if k.startswith("stream_turn")}
    return Recording(header=replace(whole.header, settings=settings), entries=entries)


def _with(compression: CompressionType, *, chunks: bool = True) -> bytes:
    """By the library, without any checksum: what is changed in it is seen behind them."""
    out = io.BytesIO()
    writer = Writer(
        out, compression=compression, use_chunking=chunks, enable_crcs=False, chunk_size=1000
    )
    writer.start(profile="parley", library="parley")
    channel = writer.register_channel("header", "json", 0)
    told = {
        "session_id": "s",
        "dialect": "prompt-voice",
        "opened_ms": 1,
        "settings": {},
        "detector_frame_samples": 320,
        "format": 2,
    }
    writer.add_message(channel, log_time=0, publish_time=0, data=json.dumps(told).encode())
    inward = writer.register_channel("in", "json", 0)
    entry = b'{"at_ns":5,"source":"in#1","data":{"text":"{}"}}'
    writer.add_message(inward, log_time=0, publish_time=0, sequence=1, data=entry)
    writer.finish()
    return out.getvalue()


_MCAPS = (
    packed(_header(), _few("short-no", 4).entries),
    _with(CompressionType.NONE, chunks=False),
    _with(CompressionType.NONE),
    _with(CompressionType.ZSTD),
    _with(CompressionType.LZ4),
    _with(CompressionType.NONE, chunks=False)[:-90],
)
# A chunk whose compression has a name of a thousand letters.
_LONG_COMPRESSION = (
    _MCAPS[2][:8]
    + b"\x06"
    + (1100).to_bytes(8, "little")
    + bytes(28)
    + (1000).to_bytes(4, "little")
    + b"x" * 1068
)
_MCAP_WORDS = (
    *(
        b"\x89MCAP0\r\n",
        b"\x03",
        b"\x04",
        b"\x05",
        b"\x06",
        b"\x0f",
        b"\x02",
        b"\xff" * 8,
        b"\0" * 8,
    ),
    *(b"zstd", b"lz4", b"header", b"trailer", b"gap", b"in.audio", b'"at_ns":', b'"source":"in#1"'),
    *(b"1e999", b"NaN", b"[" * 70, b"null", b"-1", b"9" * 30, b"\x28\xb5\x2f\xfd"),
)


# What is in it


def entries_of(data: bytes) -> tuple[Header, list[Entry]] | None:
    """An input as a recording: a line of JSON for the header, and one for each entry."""
    try:
        first, *rest = [json.loads(line) for line in data.split(b"\n")]
        header = replace(_header(), **first)
        entries = [
            Entry(
                at_s=one["at_ns"] / 1e9,
                source=one["source"],
                data=one["data"],
                audio=bytes(one["audio"]) if "audio" in one else None,
            )
            for one in rest
        ]
        for one in (header.dialect, header.session_id, *(entry.source for entry in entries)):
            one.encode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return header, entries


def _read(data: bytes) -> Recording | None:
    """What a reader makes of it; None where it is refused, or was never a recording."""
    found = entries_of(data)
    if found is None:
        return None
    try:
        content = packed(*found)
    except Exception:  # no recorder would write it
        return None
    try:
        return read_recording(path_of(content))
    except RecordingError as error:
        assert "\n" not in str(error)
        return None


def show(data: bytes) -> None:
    """`parley show`: a page and a text, or a sentence."""
    recording = _read(data)
    if recording is None:
        return
    try:
        timeline = timeline_of(recording)
    except (UnknownDialect, RecordingError):
        return
    assert page(timeline).rstrip().endswith("</html>")
    for line in (*head(timeline), *map(str, lines(timeline)), *lines(timeline, errors=True)):
        assert "\n" not in str(line)


def replayed(data: bytes) -> None:
    """`parley replay`: it replays, diverges, or is refused in a sentence."""
    recording = _read(data)
    if recording is None:
        return

    async def run() -> None:
        with trio.move_on_after(REPLAY_LIMIT_S):
            await replay_recording(recording)

    with suppress(RecordingError):
        trio.run(run, clock=MockClock(autojump_threshold=0))


def _as_lines(recording: Recording) -> bytes:
    header = {
        name: getattr(recording.header, name)
        for name in ("dialect", "choices", "detector_frame_samples", "turn_end", "settings")
    }
    rows: list[dict[str, Any]] = [header]
    for entry in recording.entries:
        row = {"at_ns": round(entry.at_s * 1e9), "source": entry.source, "data": entry.data}
        if entry.audio is not None:
            row["audio"] = list(entry.audio[:4])
        rows.append(row)
    return b"\n".join(json.dumps(row).encode() for row in rows)


@cache
def _scenes() -> Sequence[bytes]:
    names = sorted(path.stem for path in RECORDINGS.glob("*.mcap"))
    return [_as_lines(_few(name, 24)) for name in names[::3]]


_ENTRY_WORDS = (
    *(b"null", b"true", b"-1", b"1e999", b"9" * 30, b"0.5", b'"', b"[]", b"{}", b"[[0,1,2,3]]"),
    *(
        b'"source":"in#2"',
        b'"source":"out#1"',
        b'"source":"detector"',
        b'"source":"deadline gap#1"',
    ),
    *(
        b'"text":',
        b'"words":',
        b'"audio":[0,1]',
        b'"failure":',
        b'"binary"',
        b"\n",
        b'"speech":"10"',
    ),
    *(b'"dialect":"realtime"', b'"dialect":"twilio"', b'"dialect":"audiosocket"', b'"at_ns":5'),
)


# Sound


def wav(data: bytes) -> None:
    """A WAV read at once, and as it comes."""
    with suppress(NotAWav):
        found = parse_wav(data)
        assert found.rate_hz > 0
        assert found.pcm16
        assert len(found.pcm16) % 2 == 0
        assert found.seconds >= 0
    assert _streamed([data]) == _streamed(pieces_of(data))


def _streamed(pieces: Sequence[bytes]) -> tuple[bytes, int | None] | str:
    stream, sound = WavStream("voice"), b""
    try:
        for piece in pieces:
            more = stream.feed(piece)
            assert len(more) % 2 == 0
            sound += more
        sound += stream.finish()
    except NotAWav as error:
        return error.why
    return sound, stream.rate_hz


def sniffed(data: bytes) -> None:
    """What bytes are, by their beginning."""
    for look in (container_of, check_file, check_pcm16):
        with suppress(NotSound):
            look(data)


_WAV = wav_bytes(bytes(range(64)), 8000)
_STEREO = _WAV[:22] + b"\2\0" + _WAV[24:]
_EXTENSIBLE = (
    _WAV[:16]
    + b"\x28\0\0\0\xfe\xff"
    + _WAV[22:36]
    + b"\x16\0\x10\0"
    + bytes(4)
    + b"\1\0"
    + bytes(14)
) + _WAV[36:]
_WAVS = (
    _WAV,
    _STEREO,
    _EXTENSIBLE,
    _WAV[:20] + b"\3\0" + _WAV[22:34] + b"\x20\0" + _WAV[36:],
    _WAV[:36] + b"LIST\4\0\0\0abcd" + _WAV[36:],
    _WAV + _WAV,
    _WAV[:40] + b"\xff\xff\xff\xff" + _WAV[44:],
)
_BEGINNINGS = (
    *(b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"\0\0\0\x20ftypM4A ", b"ID3\4", b"FORM\0\0\0\0AIFF"),
    *(b"\xff\xfb\x90\x00" + bytes(413) + b"\xff\xfb\x90\x00", b"\xff\xf1\x50\x80\x02\x1f\xfc" * 40),
    *(b"#!AMR", b".snd", b"RF64\0\0\0\0WAVE", b"hello there, " * 40, bytes(range(256)) * 2),
)

FILE_TARGETS: Sequence[Target] = (
    Target(name="mcap", run=mcap, seeds=_MCAPS, words=_MCAP_WORDS, kept=[_LONG_COMPRESSION]),
    Target(name="mcap-show", run=show, seeds=_scenes(), words=_ENTRY_WORDS, least_runs=50_000),
    Target(name="mcap-replay", run=replayed, seeds=_scenes(), words=_ENTRY_WORDS, least_runs=5_000),
    Target(
        name="wav",
        run=wav,
        seeds=_WAVS,
        words=(b"RIFF", b"WAVE", b"fmt ", b"data", b"LIST", b"\xff" * 4, b"\0" * 4, b"\xfe\xff"),
        # Less sound than one frame is promised, and more comes; and a header of nothing.
        kept=[
            _STEREO[:40] + b"\1\0\0\0" + _STEREO[44:],
            _WAV[:12] + bytes(1800),
            _STEREO[:40] + b"\xff\xff\xff\xff" + bytes(3900),  # byte by byte
        ],
    ),
    Target(
        name="sound-sniffing",
        run=sniffed,
        seeds=(*_BEGINNINGS, *_WAVS),
        words=[one[:8] for one in _BEGINNINGS],
        max_bytes=2048,
    ),
)
