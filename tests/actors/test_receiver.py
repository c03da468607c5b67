"""The Receiver: frames in, commands out, breaches answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import suppress

import pytest
import trio
import trio.testing

from parley.actors.messages import (
    CancelRequested,
    Heard,
    Report,
    Sound,
)
from parley.actors.receiver import MAX_TOLD, Receiver, ReceivingState
from parley.audio.resampler import Resampler
from parley.audio.wav import wav_bytes
from parley.conversation.spoken import (
    HearingCancelled,
    Marker,
    MicrophoneClosed,
    MicrophoneOpened,
)
from parley.protocol.codes import Code
from parley.protocol.commands import Command
from parley.protocol.dialect import Codec, Frame
from parley.protocol.events import Closing, Expired, Failure, Info, MicrophoneTold
from parley.protocol.io_speech import IoSpeechCodec
from parley.protocol.newspeech import NewSpeechCodec
from parley.protocol.prompt_voice import PromptVoiceCodec
from parley.telemetry import Telemetry
from parley.transport import memory_pair
from support.channels import BrokenOnce, drain, open_outbox


class FaultyCodec(PromptVoiceCodec):
    """Has a bug with the frames that are named, each as often as it is."""

    def __init__(self, faults: Sequence[str | bytes]) -> None:
        super().__init__(lambda: 0)
        self._faults = list(faults)

    def decode(self, frame: Frame) -> Sequence[Command]:
        if frame in self._faults:
            self._faults.remove(frame)
            raise ZeroDivisionError
        return super().decode(frame)


class Ear:
    def __init__(
        self,
        *,
        idle_s: float = 0,
        room: int = 100,
        codec: Codec | None = None,
        faults: Sequence[str | bytes] = (),
        broken_once: Sequence[type] = (),
    ) -> None:
        """`faults` are frames that the codec crashes over; `broken_once` kinds of messages of which
        the first meets a bug where it is passed on."""
        self.transport, self.client = memory_pair(1000)
        heard, self.heard = trio.open_memory_channel[Heard](room)
        self._passes_on = BrokenOnce(heard, *broken_once)
        self._reports, self.reports = trio.open_memory_channel[Report](100)
        self.outbox, self.out = open_outbox()
        self.telemetry = Telemetry()
        self.state = ReceivingState()
        self._codec = codec or FaultyCodec(faults)
        self._idle_s = idle_s
        self.receiver = self.incarnation()

    def incarnation(self) -> Receiver:
        return Receiver(
            transport=self.transport,
            codec=self._codec,
            heard=self._passes_on,
            reports=self._reports,
            outbox=self.outbox,
            idle_s=self._idle_s,
            telemetry=self.telemetry,
            state=self.state,
        )

    async def crashing_with(self, *frames: str | bytes) -> int:
        """The same with a supervisor: gives how often the receiver crashed."""
        for frame in frames:
            await self.client.send(frame)
        await self.client.close()
        for crashes in range(100):
            with suppress(ZeroDivisionError):
                await self.incarnation().run()
                return crashes
        raise AssertionError("it crashes for ever")

    async def run_with(self, *frames: str | bytes) -> None:
        """Give it frames, then hang up."""
        for frame in frames:
            await self.client.send(frame)
        await self.client.close()
        await self.receiver.run()


START = '{"type":"start"}'
STOP = '{"type":"stop"}'
CANCEL = '{"type":"cancel"}'

LISTEN = '{"type":"control","action":"start_listening"}'
UNLISTEN = '{"type":"control","action":"stop_listening"}'


def json_audio(ms: int) -> str:
    """Dialect B."""
    data = base64.b64encode(bytes(ms * 32)).decode()
    return json.dumps({"type": "audio", "data": data})


async def test_audio_passes_between_the_markers_in_its_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear()
    await ear.run_with(START, b"\1\0", b"\2\0", STOP)
    heard = drain(ear.heard)
    assert heard == [
        MicrophoneOpened(),
        Sound(pcm16=b"\1\0", received_s=trio.current_time()),
        Sound(pcm16=b"\2\0", received_s=trio.current_time()),
        MicrophoneClosed(),
    ]


async def test_a_session_may_start_again_after_stop(autojump_clock: trio.testing.MockClock) -> None:
    ear = Ear()
    await ear.run_with(START, STOP, START, b"\1\0")
    assert [type(m) for m in drain(ear.heard)] == [
        MicrophoneOpened,
        MicrophoneClosed,
        MicrophoneOpened,
        Sound,
    ]


async def test_audio_before_start_is_a_violation_and_closes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear()
    await ear.run_with(b"\1\0", START)
    failure, closing = drain(ear.out)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.recoverable) == (Code.PROTOCOL_VIOLATION, False)
    assert isinstance(closing, Closing)
    assert drain(ear.heard) == []


async def test_audio_after_stop_is_left_out_and_told_once_a_session(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear()
    await ear.run_with(START, STOP, b"\1\0", b"\1\0", START, STOP, b"\1\0")
    assert [type(m) for m in drain(ear.out)] == [Info]
    assert b'parley_drops_total{edge="audio_after_stop"} 3.0' in ear.telemetry.exposition()


@pytest.mark.parametrize(
    ("frame", "fatal"),
    [
        ("not json", False),
        ("[]", True),
        ("{}", True),
        ('{"type":"dance"}', True),
        (b"", False),
        (b"\1", False),
        (bytes(65538), True),
        ('{"type":"start","sample_rate":7999}', False),
    ],
)
async def test_a_breach_is_answered_and_only_some_end_the_session(
    autojump_clock: trio.testing.MockClock, frame: str | bytes, fatal: bool
) -> None:
    ear = Ear()
    await ear.run_with(frame, START)
    failure, *rest = drain(ear.out)
    assert isinstance(failure, Failure)
    assert failure.recoverable is not fatal
    assert [type(m) for m in rest] == ([Closing] if fatal else [])
    assert drain(ear.heard) == ([] if fatal else [MicrophoneOpened()])


async def test_what_the_dialect_ignores_is_counted_and_told_once_as_an_info(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear()
    await ear.run_with(START, b"", b"", b"\1\0")
    (info,) = drain(ear.out)
    assert isinstance(info, Info)
    assert "empty" in info.message
    assert [type(m) for m in drain(ear.heard)] == [MicrophoneOpened, Sound]
    assert b'breach="invalid_audio"} 2.0' in ear.telemetry.exposition()


async def test_a_second_start_leaves_the_hearing_alone_and_the_dialogue_counts_anew(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear()
    await ear.run_with(START, START, b"\1\0")
    assert drain(ear.out) == [MicrophoneTold(listening=True)]
    assert [type(m) for m in drain(ear.heard)] == [MicrophoneOpened, Sound]
    assert drain(ear.reports) == [MicrophoneOpened()]


async def test_a_second_start_resets_the_hearing_where_the_dialect_has_it_so(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(codec=IoSpeechCodec(lambda: 0))
    await ear.run_with(LISTEN, json_audio(100), LISTEN)
    assert drain(ear.out) == [MicrophoneTold(listening=True)]
    assert [type(m) for m in drain(ear.heard)] == [MicrophoneOpened, Sound, MicrophoneOpened]
    assert drain(ear.reports) == []


async def test_a_start_after_cancel_begins_anew(autojump_clock: trio.testing.MockClock) -> None:
    ear = Ear()
    await ear.run_with(START, CANCEL, START, START)
    assert drain(ear.heard) == [MicrophoneOpened(), HearingCancelled(), MicrophoneOpened()]
    assert drain(ear.reports) == [CancelRequested(), MicrophoneOpened()]


@pytest.mark.parametrize("frames", [(STOP,), (START, STOP, STOP), (STOP, STOP)])
async def test_a_stop_when_nothing_is_open_is_answered_and_closes_nothing(
    autojump_clock: trio.testing.MockClock, frames: tuple[str, ...]
) -> None:
    ear = Ear()
    await ear.run_with(*frames)
    closed = [m for m in drain(ear.heard) if m == MicrophoneClosed()]
    assert len(closed) == frames.count(START)
    answers = drain(ear.out)
    assert answers == [MicrophoneTold(listening=False)] * (len(frames) - 2 * frames.count(START))


async def test_a_second_start_may_change_the_rate(autojump_clock: trio.testing.MockClock) -> None:
    def start(rate_hz: int) -> str:
        return json.dumps({"type": "start", "sample_rate": rate_hz})

    ear = Ear()
    frames: list[str | bytes] = []
    for rate_hz in (48_000, 16_000, 8_000, 8_000):
        frames += [start(rate_hz), bytes(rate_hz // 10 * 2), bytes(rate_hz // 10 * 2)]
    await ear.run_with(*frames, STOP)
    heard = drain(ear.heard)
    assert [m for m in heard if not isinstance(m, Sound)] == [
        MicrophoneOpened(),
        MicrophoneClosed(),
    ]
    assert sum(len(m.pcm16) for m in heard if isinstance(m, Sound)) == 32_000 * 8 // 10


async def test_audio_opens_the_microphone_where_the_dialect_needs_no_start(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(codec=IoSpeechCodec(lambda: 0))
    await ear.run_with(json_audio(100), json_audio(100))
    assert [type(m) for m in drain(ear.heard)] == [MicrophoneOpened, Sound, Sound]
    assert drain(ear.out) == []


async def test_frames_that_cross_a_stop_do_not_open_the_microphone_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(codec=IoSpeechCodec(lambda: 0))
    await ear.run_with(LISTEN, UNLISTEN, json_audio(300), json_audio(200), LISTEN)
    assert drain(ear.heard) == [MicrophoneOpened(), MicrophoneClosed(), MicrophoneOpened()]
    assert drain(ear.out) == []
    assert b'parley_drops_total{edge="audio_after_stop"} 1.0' in ear.telemetry.exposition()


async def test_audio_that_goes_on_after_a_stop_is_heard_whole(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(codec=IoSpeechCodec(lambda: 0))
    await ear.run_with(UNLISTEN, *[json_audio(200)] * 4)
    heard = drain(ear.heard)
    assert [type(m) for m in heard] == [MicrophoneOpened, Sound, Sound]
    assert [len(m.pcm16) for m in heard if isinstance(m, Sound)] == [3 * 6400, 6400]


async def test_cancel_reaches_the_dialogue_at_once_and_the_hearing_in_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear()
    await ear.run_with(START, CANCEL)
    assert drain(ear.reports) == [CancelRequested()]
    assert drain(ear.heard) == [MicrophoneOpened(), HearingCancelled()]


async def test_other_rates_are_heard_at_16_khz(autojump_clock: trio.testing.MockClock) -> None:
    ear = Ear()
    second = bytes(48_000 * 2)
    frames = [second[i : i + 9600] for i in range(0, len(second), 9600)]
    await ear.run_with(json.dumps({"type": "start", "sample_rate": 48_000}), *frames, STOP)
    samples = sum(len(m.pcm16) // 2 for m in drain(ear.heard) if isinstance(m, Sound))
    assert samples == 16_000


async def test_a_full_inbox_downstream_pushes_back_on_the_peer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(room=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ear.receiver.run)
        await ear.client.send(START)
        for _ in range(5):
            await ear.client.send(b"\1\0")
        await trio.testing.wait_all_tasks_blocked()
        assert ear.heard.statistics().current_buffer_used == 2
        assert len([await ear.heard.receive() for _ in range(6)]) == 6
        nursery.cancel_scope.cancel()


async def test_an_idle_peer_is_told_and_closed(autojump_clock: trio.testing.MockClock) -> None:
    ear = Ear(idle_s=60)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ear.receiver.run)
        await ear.client.send(START)
        info = await ear.out.receive()
        closing = await ear.out.receive()
        assert trio.current_time() - began == 60
        assert isinstance(info, Expired)
        assert isinstance(closing, Closing)
        await ear.client.close()


async def test_it_keeps_reading_after_a_fatal_breach_so_that_the_peer_can_close(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear()
    await ear.run_with("{}", *[b"\1\0"] * 500)
    assert len(drain(ear.out)) == 2


# Bugs and restarts


async def test_a_frame_over_which_the_codec_crashed_once_is_taken_up_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(faults=[STOP])
    assert await ear.crashing_with(START, b"\1\0", STOP, START) == 1
    assert [type(m) for m in drain(ear.heard)] == [
        *(MicrophoneOpened, Sound, MicrophoneClosed, MicrophoneOpened)
    ]
    assert drain(ear.out) == []


async def test_a_frame_over_which_the_codec_crashed_twice_costs_that_frame_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(faults=[b"\2\0"] * 2)
    assert await ear.crashing_with(START, b"\1\0", b"\2\0", b"\3\0", STOP) == 2
    heard = drain(ear.heard)
    assert [m.pcm16 for m in heard if isinstance(m, Sound)] == [b"\1\0", b"\3\0"]
    assert heard[-1] == MicrophoneClosed()


@pytest.mark.parametrize(
    ("marker", "frame"),
    [(MicrophoneOpened(), START), (MicrophoneClosed(), STOP), (HearingCancelled(), CANCEL)],
)
async def test_a_marker_that_was_being_passed_on_is_neither_lost_nor_doubled(
    autojump_clock: trio.testing.MockClock, marker: Marker, frame: str
) -> None:
    ear = Ear(broken_once=[type(marker)])
    frames: list[str | bytes] = [START, b"\1\0"]
    frames += [] if frame == START else [frame]
    frames += [b"\1\0"]
    assert await ear.crashing_with(*frames) == 1
    heard = drain(ear.heard)
    assert heard.count(marker) == 1
    assert heard.index(marker) == (0 if frame == START else 2)
    assert len(drain(ear.reports)) == (frame == CANCEL)


async def test_after_a_crash_the_microphone_is_as_open_as_it_was(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(faults=["x"] * 2)
    assert await ear.crashing_with(START, "x", START, b"\1\0", STOP, b"\1\0") == 2
    again, late = drain(ear.out)
    assert again == MicrophoneTold(listening=True)
    assert isinstance(late, Info)
    assert [type(m) for m in drain(ear.heard)] == [MicrophoneOpened, Sound, MicrophoneClosed]


async def test_a_resampler_goes_on_after_a_crash_without_losing_a_sample(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(faults=["x"] * 2)
    frames = [bytes(9600) for _ in range(10)]
    start = json.dumps({"type": "start", "sample_rate": 48_000})
    assert await ear.crashing_with(start, *frames[:5], "x", *frames[5:], STOP) == 2
    samples = sum(len(m.pcm16) // 2 for m in drain(ear.heard) if isinstance(m, Sound))
    assert samples == 16_000


async def test_a_resampler_that_crashes_at_its_end_does_not_keep_the_microphone_open(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flush(self: Resampler) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(Resampler, "flush", flush)
    ear = Ear()
    start = json.dumps({"type": "start", "sample_rate": 48_000})
    assert await ear.crashing_with(start, STOP) == 1
    assert drain(ear.heard) == [MicrophoneOpened(), MicrophoneClosed()]


async def test_after_a_fatal_breach_a_restart_obeys_nothing_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear()
    ear.state.closing = True
    await ear.run_with(START, b"\1\0")
    assert drain(ear.heard) == []


BAD_START = '{"type":"start","sample_rate":12345}'


def left_out(ear: Ear) -> bytes:
    edge = b'parley_drops_total{edge="audio_behind_refused_start"} '
    return next(
        (line[len(edge) :] for line in ear.telemetry.exposition().splitlines() if edge in line), b""
    )


@pytest.mark.parametrize(
    "refused",
    [
        BAD_START,
        '{"type":"start","sample_rate":null}',
        '{"type":"start","sample_rate":[]}',
        '{"type":"start","sample_rate":1e400}',
        '{"type":"start","audio_clock":5}',
        '{"type":"start"',
        "start",
    ],
)
async def test_audio_behind_a_start_that_was_refused_is_left_out_with_one_info(
    autojump_clock: trio.testing.MockClock, refused: str
) -> None:
    ear = Ear()
    await ear.run_with(refused, b"\1\0", b"\1", b"", b"\1\0", STOP, b"\1\0", START, b"\2\0")
    failure, info, told = drain(ear.out)
    assert isinstance(failure, Failure)
    assert failure.recoverable
    assert isinstance(info, Info)
    assert "refused" in info.message
    assert told == MicrophoneTold(listening=False)
    assert [type(m) for m in drain(ear.heard)] == [MicrophoneOpened, Sound]
    assert left_out(ear) == b"5.0"


async def test_the_same_behind_a_refused_start_while_the_microphone_is_open(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The audio behind it is of the rate that was refused, and would be heard at the other. What
    was said before it is finalized, since nothing comes any more that could end it."""
    ear = Ear()
    await ear.run_with(START, b"\1\0", BAD_START, b"\7\0", b"\7\0", START, b"\2\0")
    assert [type(m) for m in drain(ear.out)] == [Failure, Info]
    heard = drain(ear.heard)
    assert [m.pcm16 for m in heard if isinstance(m, Sound)] == [b"\1\0", b"\2\0"]
    assert [type(m) for m in heard if isinstance(m, Marker)] == [
        MicrophoneOpened,
        MicrophoneClosed,
        MicrophoneOpened,
    ]


async def test_a_message_that_is_wrong_while_the_microphone_is_open_leaves_the_hearing_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear()
    await ear.run_with(START, "not json", b"\1\0")
    assert [type(m) for m in drain(ear.out)] == [Failure]
    assert [type(m) for m in drain(ear.heard)] == [MicrophoneOpened, Sound]


async def test_audio_without_any_start_still_closes(autojump_clock: trio.testing.MockClock) -> None:
    ear = Ear()
    await ear.run_with(STOP, b"\1\0")
    assert [type(m) for m in drain(ear.out)] == [MicrophoneTold, Failure, Closing]


async def test_errors_of_one_kind_are_told_so_often_and_no_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear()
    await ear.run_with(START, *["no json"] * 60, '{"type":"played","ms":-1}')
    *failures, info, other = drain(ear.out)
    assert [type(m) for m in failures] == [Failure] * MAX_TOLD
    assert isinstance(info, Info)
    assert "invalid_json" in info.message
    assert isinstance(other, Failure)
    assert b'breach="invalid_json"} 60.0' in ear.telemetry.exposition()


async def test_chunks_of_odd_length_are_one_stream(autojump_clock: trio.testing.MockClock) -> None:
    ear = Ear()
    await ear.run_with(START, b"\1\0\2", b"\0\3\0", b"\4\0", STOP)
    assert drain(ear.out) == []
    sounds = [m.pcm16 for m in drain(ear.heard) if isinstance(m, Sound)]
    assert b"".join(sounds) == b"\1\0\2\0\3\0\4\0"


async def test_a_wav_is_heard_at_its_own_rate(autojump_clock: trio.testing.MockClock) -> None:
    ear = Ear()
    second = wav_bytes(bytes(96_000), 48_000)
    pieces = [second[i : i + 9_600] for i in range(0, len(second), 9_600)]
    await ear.run_with('{"type":"start","sample_rate":"16000"}', *pieces, STOP)
    (info,) = drain(ear.out)
    assert isinstance(info, Info)
    assert "48000 Hz" in info.message
    heard = b"".join(m.pcm16 for m in drain(ear.heard) if isinstance(m, Sound))
    assert len(heard) == 32_000


async def test_a_wav_opens_the_microphone_at_its_own_rate_where_audio_does(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(codec=IoSpeechCodec(lambda: 0))
    data = base64.b64encode(wav_bytes(bytes(96_000), 48_000)).decode()
    await ear.run_with(json.dumps({"type": "audio", "data": data}), UNLISTEN)
    heard = b"".join(m.pcm16 for m in drain(ear.heard) if isinstance(m, Sound))
    assert len(heard) == 32_000


@pytest.mark.parametrize("codec", [PromptVoiceCodec, IoSpeechCodec, NewSpeechCodec])
async def test_what_is_no_sound_is_told_once_and_not_heard(
    autojump_clock: trio.testing.MockClock,
    codec: type[PromptVoiceCodec | IoSpeechCodec | NewSpeechCodec],
) -> None:
    def frame(data: bytes) -> str | bytes:
        if codec is not IoSpeechCodec:
            return data
        return json.dumps({"type": "audio", "data": base64.b64encode(data).decode()})

    ear = Ear(codec=codec(lambda: 0))
    starts = [START] if codec is PromptVoiceCodec else []
    webm = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm"
    await ear.run_with(*starts, *[frame(webm + bytes(200)), *[frame(b"\x5a\xa5" * 300)] * 20])
    (failure,) = drain(ear.out)
    assert isinstance(failure, Failure)
    assert failure.recoverable
    assert failure.message == "this is WebM; send PCM16 without a header, or WAV"
    assert not [m for m in drain(ear.heard) if isinstance(m, Sound)]
    assert b'breach="foreign_audio"} 21.0' in ear.telemetry.exposition()


async def test_binary_frames_where_there_are_none_are_told_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ear = Ear(codec=IoSpeechCodec(lambda: 0))
    await ear.run_with(*[b"\1\0" * 320] * 50)
    (failure,) = drain(ear.out)
    assert isinstance(failure, Failure)
    assert "base64" in failure.message
