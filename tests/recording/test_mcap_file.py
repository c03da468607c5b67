"""Recordings on disk: what was written is read to the last bit, and nothing else gets through."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from parley.recording import mcap_file, mcap_records
from parley.recording.mcap_file import RecordingError, open_recording, read_recording
from parley.recording.mcap_writer import McapWriter
from parley.recording.tape import FORMAT, Entry, Header
from support.breadth import breadth

CUT_BYTES = breadth("PARLEY_CUT_BYTES", 31, 5)
"""From one cut to the next: no multiple of how anything in a file is aligned."""

HEADER = Header(
    session_id="recorded",
    dialect="prompt-voice",
    opened_ms=1_790_000_000_123,
    settings={"stream_vad_engine": "webrtc"},
    detector_frame_samples=320,
    engines={"asr": "scripted"},
    parley="0.1.0",
)

ENTRIES = [
    Entry(at_s=0.000000001, source="in#1", data={"text": '{"type":"start"}'}),
    Entry(at_s=0.1, source="in#2", audio=bytes(range(256)) * 20),
    Entry(at_s=0.1, source="detector", data={"speech": "0110"}),
    Entry(at_s=0.123456789, source="asr.feed#1", data={"text": None, "bytes": 5120}),
    Entry(at_s=1.3, source="deadline gap#2"),
    Entry(at_s=1.2, source="out#1", data={"text": "late: the peer made it wait"}),
    Entry(at_s=2.0, source="llm.token#1", data={"token": "half a pair: \ud83d, umlaut: ü"}),
    Entry(at_s=2.5, source="tts.speak#1", data={"said": "Ü.", "rate_hz": 22050}, audio=b""),
    Entry(
        at_s=2.6,
        source="asr.finish#1",
        data={"failure": "LaneLost", "message": "gone", "retryable": True},
    ),
    Entry(at_s=864_000.123456789, source="closed", data={"code": 1000, "reason": ""}),
]


def written(
    path: Path, entries: list[Entry] = ENTRIES, header: Header = HEADER, *, finish: bool = True
) -> Path:
    with path.open("wb") as out:
        writer = McapWriter(out, header)
        for number, entry in enumerate(entries):
            writer.write(entry)
            if number % 3 == 2:
                writer.flush()
        if finish:
            writer.finish()
        else:
            writer.flush()
    return path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return written(tmp_path / "a.mcap")


def refused(path: Path) -> str:
    with pytest.raises(RecordingError) as caught:
        read_recording(path)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert "\n" not in message
    return message


def test_what_was_written_is_read_to_the_last_bit(whole: Path) -> None:
    recording = read_recording(whole)
    assert recording.header == HEADER
    assert recording.entries == ENTRIES
    assert (recording.cut, recording.gaps, recording.unreplayable) == (False, 0, None)


def test_a_recording_without_its_trailer_is_cut(tmp_path: Path) -> None:
    recording = read_recording(written(tmp_path / "a.mcap", finish=False))
    assert recording.entries == ENTRIES
    assert recording.cut


def test_other_readers_of_mcap_read_it(whole: Path) -> None:
    with whole.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        assert reader.get_header().profile == "parley"
        found = list(reader.iter_messages(log_time_order=False))
    topics = [channel.topic for _, channel, _ in found]
    assert topics[0] == "header" and topics[-1] == "trailer"
    (speech,) = [m for _, c, m in found if c.topic == "in.audio"]
    assert speech.data == ENTRIES[1].audio
    assert speech.log_time == HEADER.opened_ms * 1_000_000 + 100_000_000
    for schema, channel, message in found:
        if channel.message_encoding == "json":
            assert schema is not None and schema.encoding == "jsonschema"
            assert json.loads(schema.data)["type"] == "object"
            json.loads(message.data)


def test_every_cut_gives_what_lies_before_it(whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    cut = tmp_path / "cut.mcap"
    most = 0
    for length in range(0, len(data), CUT_BYTES):
        cut.write_bytes(data[:length])
        try:
            recording = read_recording(cut)
        except RecordingError as error:
            assert "cut" in str(error) or length == 0
            assert most == 0
            continue
        assert recording.entries == ENTRIES[: len(recording.entries)]
        assert len(recording.entries) >= most
        most = len(recording.entries)
        if most < len(ENTRIES):
            assert recording.cut
    assert read_recording(whole).entries == ENTRIES


def test_flipped_bits_give_a_recording_or_one_line(whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    luck = random.Random(7)
    damaged = tmp_path / "damaged.mcap"
    told = 0
    for _ in range(1000):
        changed = bytearray(data[: luck.choice((len(data), luck.randrange(len(data))))])
        for _ in range(luck.choice((1, 1, 1, 4, 40))):
            if changed:
                changed[luck.randrange(len(changed))] = luck.randrange(256)
        damaged.write_bytes(changed)
        try:
            read_recording(damaged)
        except RecordingError as error:
            told += 1
            assert "\n" not in str(error)
    assert told > 500


@pytest.mark.parametrize("content", [b"RIFF....WAVE", b"\x89PNG\r\n\x1a\n", b"{}" * 5000])
def test_what_is_no_mcap_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(content)
    assert "no MCAP" in refused(path)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.mcap").touch()
    assert "is empty" in refused(tmp_path / "empty.mcap")
    assert "No such file" in refused(tmp_path / "none.mcap")
    assert "no file" in refused(tmp_path)


def test_an_mcap_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "robot.mcap"
    with path.open("wb") as out:
        mcap = Writer(out)
        mcap.start()
        channel = mcap.register_channel("/imu", "ros1", 0)
        mcap.add_message(channel, log_time=1, data=b"x", publish_time=1)
        mcap.finish()
    assert "no recording of Parley's" in refused(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    header = replace(HEADER, format=FORMAT + 1)
    assert "newer" in refused(written(tmp_path / "a.mcap", header=header))


def rewritten(
    source: Path,
    change: Callable[[str, int, bytes], bytes | None],
    compression: CompressionType = CompressionType.NONE,
) -> Path:
    """The same file with some messages changed or left out."""
    target = source.with_name("changed.mcap")
    with source.open("rb") as file, target.open("wb") as out:
        mcap = Writer(out, compression=compression)
        mcap.start()
        ids: dict[str, int] = {}
        for schema, channel, message in make_reader(file).iter_messages(log_time_order=False):
            data = change(channel.topic, message.sequence, message.data)
            if data is None:
                continue
            if channel.topic not in ids:
                schema_id = (
                    0
                    if schema is None
                    else mcap.register_schema(schema.name, schema.encoding, schema.data)
                )
                ids[channel.topic] = mcap.register_channel(
                    channel.topic, channel.message_encoding, schema_id
                )
            mcap.add_message(
                ids[channel.topic],
                log_time=message.log_time,
                publish_time=message.publish_time,
                data=data,
                sequence=message.sequence,
            )
        mcap.finish()
    return target


def edit(topic: str, **changes: object) -> Callable[[str, int, bytes], bytes]:
    def change(found: str, sequence: int, data: bytes) -> bytes:
        return json.dumps({**json.loads(data), **changes}).encode() if found == topic else data

    return change


@pytest.mark.parametrize("compression", list(CompressionType))
def test_a_file_that_somebody_packed_is_read(compression: CompressionType, whole: Path) -> None:
    packed = rewritten(whole, lambda topic, sequence, data: data, compression)
    assert read_recording(packed).entries == ENTRIES


@pytest.mark.parametrize("lost", ["asr.feed", "out", "in.audio"])
def test_a_file_with_channels_missing_has_gaps(lost: str, whole: Path) -> None:
    recording = read_recording(
        rewritten(whole, lambda topic, sequence, data: None if topic == lost else data)
    )
    assert recording.gaps == 1
    assert recording.unreplayable == "it has gaps: 1 entries are missing"


def test_a_file_without_its_header_channel_is_refused(whole: Path) -> None:
    headless = rewritten(whole, lambda topic, _, data: None if topic == "header" else data)
    assert "no header" in refused(headless)


def test_times_that_run_backwards_are_refused(whole: Path) -> None:
    assert "backwards at llm.token#1" in refused(rewritten(whole, edit("llm.token", at_ns=5)))


@pytest.mark.parametrize(
    ("topic", "changes", "words"),
    [
        ("in", {"data": {"text": 5}}, "no string"),
        ("in", {"data": []}, "no entry"),
        ("in", {"source": None}, "no entry"),
        ("in", {"at_ns": -1}, "time"),
        ("in", {"at_ns": 0.5}, "time"),
        ("in", {"at_ns": True}, "time"),
        ("tts.speak", {"data": {"said": "x"}}, "without rate_hz"),
        ("asr.finish", {"data": {"failure": "X"}}, "without message"),
        ("header", {"settings": 3}, "settings"),
        ("header", {"format": None}, "format"),
    ],
)
def test_a_message_that_is_not_what_it_should_be_is_refused(
    topic: str, changes: dict[str, object], words: str, whole: Path
) -> None:
    assert words in refused(rewritten(whole, edit(topic, **changes)))


def test_json_that_is_none_is_refused(whole: Path) -> None:
    for bad in (b"{", b"[" * 100_000, b"3", b"\xff"):

        def spoilt(topic: str, sequence: int, data: bytes, bad: bytes = bad) -> bytes:
            return bad if topic == "out" else data

        assert "message 6" in refused(rewritten(whole, spoilt))


def test_gaps_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with path.open("wb") as out:
        writer = McapWriter(out, HEADER)
        writer.write(ENTRIES[0])
        writer.gap(17)
        writer.write(ENTRIES[1])
        writer.finish()
    recording = read_recording(path)
    assert recording.entries == ENTRIES[:2]
    assert recording.gaps == 17


def test_a_large_file_is_walked_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [Entry(at_s=float(n), source=f"in#{n}", audio=bytes(20_000)) for n in range(1, 1001)]
    path = written(tmp_path / "a.mcap", entries)
    monkeypatch.setattr(mcap_records, "RECORD_BYTES_MAX", 300_000)
    monkeypatch.setattr(mcap_file, "LOAD_BYTES_MAX", 1_000_000)
    with open_recording(path) as recording:
        assert sum(1 for _ in recording) == 1000
        assert not recording.cut
    assert "too many to be read at once" in refused(path)


def test_a_record_that_is_too_large_is_refused(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcap_records, "RECORD_BYTES_MAX", 1000)
    assert "a single record" in refused(whole)
