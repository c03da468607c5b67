"""The VADActor: which audio is an utterance, told complete, in order and with exact times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, cast

import numpy as np
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.actors.limits import AUDIO_MAX_AGE_S, GIVEN_CAPACITY
from parley.actors.messages import (
    Heard,
    Report,
    Sound,
    SoundHeard,
    SoundPassed,
    SpeechBegan,
    SpeechConfirmed,
    SpeechDropped,
    SpeechLong,
    SpeechOver,
)
from parley.actors.vad import VADActor
from parley.audio.pcm import BYTES_PER_MS
from parley.client.noises import noise
from parley.client.recording import resampled
from parley.conversation.endpointer import Endpointer, EndpointerSettings
from parley.conversation.hearing import HearingState
from parley.conversation.line_hearing import LineHearing
from parley.conversation.spoken import (
    HearingCancelled,
    Marker,
    MicrophoneClosed,
    MicrophoneOpened,
    SoundGiven,
    Spoken,
    UtteranceAudio,
    UtteranceBegan,
    UtteranceDropped,
    UtteranceEnded,
)
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.commands import GiveAudio
from parley.protocol.events import Info, SpeechEnded, SpeechStarted
from parley.telemetry import Telemetry
from parley.testing import silence, speech
from parley.testing.line_sounds import line_sound
from parley.testing.telephone_line import as_heard
from support.channels import drain, open_outbox

Clock = trio.testing.MockClock

FRAME = 320
ENERGY = 8000 / 32768
"""Of `speech`, a steady level."""
ONSET_FRAMES = 5
"""90 ms of speech are certain with the fifth frame of 20 ms."""
ONSET_MS = 100
KEPT = (300 + ONSET_MS) * 16
"""Samples that an utterance holds up to the frame that decided its onset."""
SILENT_FRAMES = 35


class Ear:
    """One session's hearing. Each `hear` is one incarnation of the actor."""

    def __init__(
        self,
        *,
        reply_live: Callable[[], bool] = lambda: False,
        detector: Callable[[], ScriptedDetector] = ScriptedDetector,
        max_utterance_ms: int = 30_000,
        spoken_room: int = 10_000,
        outbox_room: int = 10_000,
    ) -> None:
        self.told, self.spoken = trio.open_memory_channel[Spoken](spoken_room)
        self.reporting, self.reports = trio.open_memory_channel[Report](10_000)
        self.outbox, self.out = open_outbox(outbox_room)
        self.telemetry = Telemetry()
        self.state = HearingState()
        self._reply_live = reply_live
        self._detector = detector
        self._max_utterance_ms = max_utterance_ms

    def actor(self, inbox: trio.MemoryReceiveChannel[Heard]) -> VADActor:
        detector = self._detector()
        return VADActor(
            inbox=inbox,
            spoken=self.told,
            reports=self.reporting,
            outbox=self.outbox,
            detector=detector,
            endpointer=Endpointer(
                EndpointerSettings(
                    frame_ms=detector.frame_samples // 16,
                    silence_ms=700,
                    min_speech_ms=300,
                    max_utterance_ms=self._max_utterance_ms,
                )
            ),
            pad_ms=300,
            reply_live=self._reply_live,
            telemetry=self.telemetry,
            state=self.state,
        )

    async def hear(self, *messages: Heard) -> None:
        """One incarnation, which takes these and then finds its inbox closed."""
        send, inbox = trio.open_memory_channel[Heard](len(messages))
        for message in messages:
            send.send_nowait(message)
        send.close()
        await self.actor(inbox).run()

    def counted(self, line: str) -> bool:
        return line.encode() in self.telemetry.exposition()


def sound(pcm16: bytes, *, received_s: float | None = None) -> Sound:
    return Sound(pcm16=pcm16, received_s=trio.current_time() if received_s is None else received_s)


def sounds(pcm16: bytes, sizes: Sequence[int]) -> Iterator[Sound]:
    """The audio in pieces of so many samples, over and over."""
    at = 0
    for size in cycle(sizes):
        if at >= len(pcm16):
            return
        yield sound(pcm16[at : at + 2 * size])
        at += 2 * size


def audio_of(messages: Sequence[Spoken], number: int = 1) -> bytes:
    return b"".join(
        m.pcm16 for m in messages if isinstance(m, UtteranceAudio) and m.number == number
    )


def about(seconds: float) -> Any:
    """Equal to this but for what float arithmetic loses."""
    return pytest.approx(seconds)


def kinds(messages: Sequence[object]) -> list[type]:
    """The types of messages, runs of audio as one."""
    found: list[type] = []
    for message in messages:
        if not (isinstance(message, UtteranceAudio) and found and found[-1] is UtteranceAudio):
            found.append(type(message))
    return found


def distinct(quiet: int, loud: int, after: int) -> bytes:
    """Samples that differ from their neighbours, so that a shift or a hole shows."""
    count = np.arange(quiet + loud + after)
    samples = np.where(
        (count >= quiet) & (count < quiet + loud), 2000 + count % 20_011, count % 887
    )
    pcm16: bytes = samples.astype("<i2").tobytes()
    return pcm16


# What an utterance is


async def test_an_utterance_is_told_from_its_beginning_to_its_end(autojump_clock: Clock) -> None:
    ear = Ear()
    await ear.hear(*sounds(silence(500) + speech(1000) + silence(1000), [1600]))
    told = drain(ear.spoken)
    assert kinds(told) == [UtteranceBegan, UtteranceAudio, UtteranceEnded]
    assert told[0] == UtteranceBegan(number=1, first_sample_s=-0.1, audio_ms=500)
    assert told[-1] == UtteranceEnded(number=1, audio_ms=2200, too_long=False)
    assert drain(ear.reports) == [
        SpeechBegan(number=1, during_reply=False),
        SpeechOver(number=1),
    ]
    assert drain(ear.out) == [
        SpeechStarted(audio_ms=500, energy=ENERGY, utterance=1),
        SpeechEnded(audio_ms=2200, utterance=1),
    ]
    assert not ear.state.open


@settings(deadline=None)
@given(
    quiet=st.integers(0, 12_000),
    loud=st.integers(ONSET_FRAMES * FRAME, 12_000),
    sizes=st.lists(st.integers(20, 6000), min_size=1, max_size=5),
)
def test_its_audio_is_complete_to_the_sample_whatever_the_chunks(
    quiet: int, loud: int, sizes: list[int]
) -> None:
    pcm16 = distinct(quiet, loud, 12_800)

    async def listen() -> list[Spoken]:
        ear = Ear()
        await ear.hear(*sounds(pcm16, sizes))
        return drain(ear.spoken)

    told = trio.run(listen, clock=Clock(autojump_threshold=0))
    onset = (quiet // FRAME + ONSET_FRAMES) * FRAME
    end = (-(-(quiet + loud) // FRAME) + SILENT_FRAMES) * FRAME
    assert audio_of(told) == pcm16[2 * max(onset - KEPT, 0) : 2 * end]
    began, *pieces, ended = told
    assert isinstance(began, UtteranceBegan) and began.audio_ms == onset // 16 - ONSET_MS
    assert ended == UtteranceEnded(number=1, audio_ms=end // 16)
    clock = [m.audio_ms for m in pieces if isinstance(m, UtteranceAudio)]
    assert len(clock) == len(pieces)
    assert clock == sorted(clock) and clock[-1] == end // 16


async def test_audio_is_passed_on_once_per_message_of_the_client(autojump_clock: Clock) -> None:
    ear = Ear()
    await ear.hear(*sounds(speech(2000), [5120]))
    pieces = [m for m in drain(ear.spoken) if isinstance(m, UtteranceAudio)]
    assert [len(m.pcm16) // BYTES_PER_MS for m in pieces] == [320] * 6 + [80]
    assert [m.audio_ms for m in pieces] == [320, 640, 960, 1280, 1600, 1920, 2000]


async def test_the_first_sample_is_dated_by_when_its_message_was_received(
    autojump_clock: Clock,
) -> None:
    ear = Ear(detector=lambda: ScriptedDetector(frame_ms=30))
    await trio.sleep(10)
    # Speech began 400 ms before the end of what was received at 10 s.
    await ear.hear(sound(silence(600) + speech(400)))
    (began, *_) = drain(ear.spoken)
    assert isinstance(began, UtteranceBegan)
    assert (began.first_sample_s, began.audio_ms) == (about(9.6), 600)


async def test_a_click_is_no_utterance(autojump_clock: Clock) -> None:
    ear = Ear()
    await ear.hear(*sounds((speech(80) + silence(200)) * 5, [1600]))
    assert not drain(ear.spoken) and not drain(ear.reports) and not drain(ear.out)


async def test_utterances_are_numbered_and_each_has_its_own_audio(autojump_clock: Clock) -> None:
    ear = Ear()
    one = distinct(8000, 16_000, 16_000)
    await ear.hear(*sounds(one + one, [1600]))
    told = drain(ear.spoken)
    assert kinds(told) == [UtteranceBegan, UtteranceAudio, UtteranceEnded] * 2
    assert audio_of(told, 1) == audio_of(told, 2)


async def test_an_utterance_that_is_too_long_is_cut_and_the_next_loses_nothing(
    autojump_clock: Clock,
) -> None:
    ear = Ear(max_utterance_ms=2000)
    pcm16 = distinct(0, 48_000, 16_000)
    await ear.hear(*sounds(pcm16, [1600]))
    told = drain(ear.spoken)
    ends = [m for m in told if isinstance(m, UtteranceEnded)]
    assert ends == [
        UtteranceEnded(number=1, audio_ms=2000, too_long=True),
        UtteranceEnded(number=2, audio_ms=3700),
    ]
    assert audio_of(told, 1) + audio_of(told, 2) == pcm16[: 3700 * BYTES_PER_MS]


# During a reply


async def test_a_sound_during_a_reply_that_does_not_last_is_a_false_alarm(
    autojump_clock: Clock,
) -> None:
    ear = Ear(reply_live=lambda: True)
    await ear.hear(*sounds(speech(160) + silence(1000), [320]))
    told = drain(ear.spoken)
    assert kinds(told) == [UtteranceBegan, UtteranceAudio, UtteranceEnded]
    assert told[-1] == UtteranceEnded(number=1, audio_ms=400, unsure=True)
    assert drain(ear.reports) == [
        SoundHeard(),
        SpeechBegan(number=1, during_reply=True),
        SpeechOver(number=1),
    ]
    assert drain(ear.out) == [
        SpeechStarted(audio_ms=0, energy=ENERGY, utterance=1),
        SpeechEnded(audio_ms=400, utterance=1),
    ]
    assert not ear.state.open


async def test_a_sound_during_a_reply_that_lasts_is_confirmed(autojump_clock: Clock) -> None:
    ear = Ear(reply_live=lambda: True)
    await ear.hear(*sounds(speech(600) + silence(1000), [320]))
    assert drain(ear.reports) == [
        SoundHeard(),
        SpeechBegan(number=1, during_reply=True),
        SpeechConfirmed(number=1, received_s=0.0),
        SpeechOver(number=1),
    ]
    assert drain(ear.spoken)[-1] == UtteranceEnded(number=1, audio_ms=1300)


async def test_what_lasts_longer_than_a_listeners_word_is_told_once(autojump_clock: Clock) -> None:
    ear = Ear(reply_live=lambda: True)
    await ear.hear(*sounds(speech(1500) + silence(1000), [320]))
    assert SpeechLong(number=1) not in drain(ear.reports)
    await ear.hear(*sounds(speech(3000) + silence(1000), [320]))
    assert drain(ear.reports).count(SpeechLong(number=2)) == 1


@pytest.mark.parametrize(("live", "after_s"), [(True, 1.0), (False, 3.0)])
async def test_a_microphone_that_vanishes_ends_what_was_being_said(
    live: bool, after_s: float, autojump_clock: Clock
) -> None:
    ear = Ear(reply_live=lambda: live)
    send, inbox = trio.open_memory_channel[Heard](1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ear.actor(inbox).run)
        await send.send(sound(speech(600)))
        await trio.sleep(after_s - 0.01)
        assert UtteranceEnded not in kinds(drain(ear.spoken))
        await trio.sleep(0.02)
        assert kinds(drain(ear.spoken)) == [UtteranceEnded]
        nursery.cancel_scope.cancel()


async def test_only_what_is_live_at_the_onset_counts(autojump_clock: Clock) -> None:
    live = iter([True] * 4 + [False] * 10_000)
    ear = Ear(reply_live=lambda: next(live))
    await ear.hear(*sounds(speech(200) + silence(1000), [320]))
    assert drain(ear.reports) == [
        SoundHeard(),
        SpeechBegan(number=1, during_reply=False),
        SpeechOver(number=1),
    ]


# Markers


async def test_stop_ends_the_utterance_at_once_with_the_last_piece_of_a_frame(
    autojump_clock: Clock,
) -> None:
    ear = Ear()
    pcm16 = distinct(0, 8112, 0)
    await ear.hear(*sounds(pcm16, [1600]), MicrophoneClosed())
    told = drain(ear.spoken)
    assert kinds(told) == [UtteranceBegan, UtteranceAudio, UtteranceEnded, MicrophoneClosed]
    assert audio_of(told) == pcm16
    assert told[-2] == UtteranceEnded(number=1, audio_ms=507)
    assert drain(ear.out)[-1] == SpeechEnded(audio_ms=507, utterance=1)


async def test_stop_without_an_utterance_is_passed_on_alone(autojump_clock: Clock) -> None:
    ear = Ear()
    await ear.hear(sound(silence(500)), MicrophoneClosed())
    assert drain(ear.spoken) == [MicrophoneClosed()]
    assert drain(ear.reports) == []


async def test_stop_in_a_sound_that_was_not_confirmed_ends_it(autojump_clock: Clock) -> None:
    ear = Ear(reply_live=lambda: True)
    await ear.hear(sound(speech(200)), MicrophoneClosed())
    ended = UtteranceEnded(number=1, audio_ms=200, unsure=True)
    assert drain(ear.spoken)[-2:] == [ended, MicrophoneClosed()]


async def test_cancel_drops_the_utterance_and_what_is_said_further_on_is_the_next(
    autojump_clock: Clock,
) -> None:
    ear = Ear()
    after = distinct(0, 8000, 16_000)
    await ear.hear(sound(speech(507)), HearingCancelled(), *sounds(after, [1600]))
    told = drain(ear.spoken)
    assert kinds(told) == [
        *(UtteranceBegan, UtteranceAudio, UtteranceDropped),
        HearingCancelled,
        *(UtteranceBegan, UtteranceAudio, UtteranceEnded),
    ]
    # Not a sample of what was cancelled is in it.
    assert after.startswith(audio_of(told, 2))
    assert drain(ear.reports)[1] == SpeechDropped(number=1)
    assert ear.counted("parley_utterances_cancelled_total 1.0")
    assert ear.counted("parley_false_alarms_total 0.0")


async def test_cancel_without_an_utterance_is_passed_on_alone(autojump_clock: Clock) -> None:
    ear = Ear()
    await ear.hear(sound(silence(300)), HearingCancelled())
    assert drain(ear.spoken) == [HearingCancelled()]
    assert ear.counted("parley_utterances_cancelled_total 0.0")


async def test_markers_keep_their_places_among_what_was_heard(autojump_clock: Clock) -> None:
    ear = Ear()
    await ear.hear(
        MicrophoneOpened(),
        sound(speech(300)),
        MicrophoneClosed(),
        MicrophoneOpened(),
        sound(speech(300) + silence(800)),
        MicrophoneClosed(),
    )
    utterance = (UtteranceBegan, UtteranceAudio, UtteranceEnded)
    assert kinds(drain(ear.spoken)) == [
        *(MicrophoneOpened, *utterance, MicrophoneClosed),
        *(MicrophoneOpened, *utterance, MicrophoneClosed),
    ]


async def test_the_padding_never_reaches_back_behind_a_stop(autojump_clock: Clock) -> None:
    ear = Ear()
    before, after = distinct(3200, 0, 0), distinct(0, 4800, 0)
    await ear.hear(sound(before), MicrophoneClosed(), sound(after), MicrophoneClosed())
    assert audio_of(drain(ear.spoken)) == after


async def test_the_audio_clock_counts_every_sample_also_over_a_stop(autojump_clock: Clock) -> None:
    ear = Ear()
    odd = silence(15)
    await ear.hear(
        *(message for _ in range(100) for message in (sound(odd), MicrophoneClosed())),
        sound(speech(300)),
        MicrophoneClosed(),
    )
    assert drain(ear.spoken)[-2] == UtteranceEnded(number=1, audio_ms=1500 + 300)


# Audio that waited too long


async def test_audio_that_is_too_old_is_shed_counted_and_told_once(autojump_clock: Clock) -> None:
    ear = Ear()
    await trio.sleep(100)
    old = sound(speech(1000), received_s=100 - AUDIO_MAX_AGE_S - 0.001)
    await ear.hear(old, old, old, sound(silence(100)), old)
    assert drain(ear.spoken) == []
    told = drain(ear.out)
    assert all(isinstance(event, Info) for event in told)
    assert len(told) == 2, "once for each gap"
    assert ear.counted('parley_drops_total{edge="audio"} 4.0')


async def test_the_audio_clock_goes_on_over_a_gap(autojump_clock: Clock) -> None:
    ear = Ear()
    await trio.sleep(100)
    await ear.hear(
        sound(silence(5000), received_s=0.0), sound(silence(100) + speech(300) + silence(800))
    )
    told = drain(ear.spoken)
    assert told[0] == UtteranceBegan(number=1, first_sample_s=about(98.9), audio_ms=5100)
    assert told[-1] == UtteranceEnded(number=1, audio_ms=6100)


async def test_audio_that_is_just_not_too_old_is_heard(autojump_clock: Clock) -> None:
    ear = Ear()
    await trio.sleep(100)
    await ear.hear(sound(speech(200), received_s=100 - AUDIO_MAX_AGE_S))
    assert kinds(drain(ear.spoken)) == [UtteranceBegan, UtteranceAudio]


# Failures and restarts


async def test_a_restart_in_mid_utterance_ends_it_and_goes_on_with_the_next(
    autojump_clock: Clock,
) -> None:
    ear = Ear()
    await ear.hear(sound(speech(500)))
    assert ear.state.open
    drain(ear.spoken)
    drain(ear.out)
    await ear.hear(sound(speech(500)))
    told = drain(ear.spoken)
    assert told[0] == UtteranceEnded(number=1, audio_ms=500)
    assert told[1] == UtteranceBegan(number=2, first_sample_s=about(-0.5), audio_ms=500)
    assert drain(ear.out) == [
        SpeechEnded(audio_ms=500, utterance=1),
        SpeechStarted(audio_ms=500, energy=ENERGY, utterance=2),
    ]


class Fragile(ScriptedDetector):
    """Fails at its 41st frame."""

    def is_speech(self, pcm16: bytes) -> bool:
        if self.frames == 40:
            raise ZeroDivisionError
        return super().is_speech(pcm16)


class FailsOn(ScriptedDetector):
    """Raises when it is given some of the frames for the first time, counted from 1 over all
    detectors of its session, each as often as it is named; and at the first so many resets."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults

    def is_speech(self, pcm16: bytes) -> bool:
        if self.faults.frames and self.faults.judged + 1 == self.faults.frames[0]:
            self.faults.frames.pop(0)
            raise ZeroDivisionError
        self.faults.judged += 1
        return super().is_speech(pcm16)

    def reset(self) -> None:
        if self.faults.resets:
            self.faults.resets -= 1
            raise ZeroDivisionError
        super().reset()


@dataclass
class Faults:
    frames: list[int] = field(default_factory=list)
    resets: int = 0
    judged: int = 0


async def live(ear: Ear, *messages: Heard) -> int:
    """A session's hearing with a supervisor: gives how often the actor crashed."""
    send, inbox = trio.open_memory_channel[Heard](len(messages))
    for message in messages:
        send.send_nowait(message)
    send.close()
    for crashes in range(100):
        with suppress(ZeroDivisionError):
            await ear.actor(inbox).run()
            return crashes
    raise AssertionError("it crashes for ever")


@pytest.mark.parametrize("frames", [[41], [41, 41], [3], [44, 44]])
async def test_after_a_crash_over_a_frame_no_audio_is_lost_and_the_clock_is_right(
    autojump_clock: Clock, frames: list[int]
) -> None:
    faults = Faults(list(frames))
    ear = Ear(detector=lambda: FailsOn(faults))
    pcm16 = distinct(0, 32_000, 16_000)
    crashes = await live(ear, *sounds(pcm16, [1600]))
    assert crashes == len(frames)
    told = drain(ear.spoken)
    ends = [m for m in told if isinstance(m, UtteranceEnded)]
    heard = b"".join(audio_of(told, m.number) for m in ends)
    assert heard == pcm16[: len(heard)]
    # Two seconds of speech, then the silence that ended it.
    assert ends[-1].audio_ms == 2700
    assert len(heard) == 2700 * BYTES_PER_MS
    crashed_at_ms = (frames[0] - 1) * 20
    assert [m.audio_ms for m in ends] == ([crashed_at_ms] if frames[0] > 5 else []) + [2700]


@pytest.mark.parametrize(
    ("over_a_reply", "frame", "unsure"),
    [(False, 10, False), (True, 10, True), (True, 40, False)],
    ids=["no reply", "a short sound over a reply", "speech over a reply"],
)
async def test_what_it_ends_by_a_crash_is_no_surer_than_it_was(
    autojump_clock: Clock, over_a_reply: bool, frame: int, unsure: bool
) -> None:
    faults = Faults([frame])
    ear = Ear(detector=lambda: FailsOn(faults), reply_live=lambda: over_a_reply)
    assert await live(ear, sound(speech(1000) + silence(1000))) == 1
    first = next(m for m in drain(ear.spoken) if isinstance(m, UtteranceEnded))
    assert first.unsure == unsure, "else a client is told of a final that never comes"


class CrashesOnce:
    """A channel that has a bug over the first report of an end."""

    def __init__(self, channel: trio.MemorySendChannel[Report]) -> None:
        self._channel = channel
        self._crashed = False

    async def send(self, report: Report) -> None:
        if isinstance(report, SpeechOver | SpeechDropped) and not self._crashed:
            self._crashed = True
            raise ZeroDivisionError
        await self._channel.send(report)


@pytest.mark.parametrize("dropped", [False, True])
async def test_what_is_over_is_told_although_it_crashes_before_it_is(
    autojump_clock: Clock, dropped: bool
) -> None:
    """Else the floor is taken for ever, where the recognizer had given the utterance up."""
    ear = Ear()
    ear.reporting = cast(trio.MemorySendChannel[Report], CrashesOnce(ear.reporting))
    end = HearingCancelled() if dropped else sound(silence(1000))
    assert await live(ear, sound(speech(500)), end) == 1
    over = SpeechOver(number=1, last_sample_s=ear.state.last_sample_s)
    assert drain(ear.reports)[1:] == [SpeechDropped(number=1) if dropped else over]
    (ended,) = [event for event in drain(ear.out) if isinstance(event, SpeechEnded)]
    assert (ended.utterance, ended.dropped) == (1, dropped)


async def test_a_frame_over_which_it_crashed_twice_counts_as_silence(
    autojump_clock: Clock,
) -> None:
    faults = Faults([4, 4])
    ear = Ear(detector=lambda: FailsOn(faults))
    # Five frames of speech would be an onset. The fourth is not one of them any more.
    assert await live(ear, sound(speech(100) + silence(500))) == 2
    assert drain(ear.spoken) == []


async def test_a_frame_over_which_it_crashed_once_is_judged_again(autojump_clock: Clock) -> None:
    faults = Faults([1])
    ear = Ear(detector=lambda: FailsOn(faults))
    assert await live(ear, sound(speech(100))) == 1
    assert kinds(drain(ear.spoken)) == [UtteranceBegan, UtteranceAudio]


@pytest.mark.parametrize("resets", [1, 5])
@pytest.mark.parametrize("marker", [MicrophoneOpened(), MicrophoneClosed(), HearingCancelled()])
async def test_a_detector_that_crashes_at_a_marker_does_not_cost_the_marker(
    autojump_clock: Clock, marker: Marker, resets: int
) -> None:
    ear = Ear(detector=lambda: FailsOn(faults))
    faults = Faults(resets=resets)
    markers = [marker] * resets
    assert await live(ear, *markers, sound(speech(300) + silence(800))) == resets
    told = drain(ear.spoken)
    assert told[:resets] == markers
    assert kinds(told[resets:]) == [UtteranceBegan, UtteranceAudio, UtteranceEnded]


@pytest.mark.parametrize(
    ("marker", "end"),
    [(MicrophoneClosed(), UtteranceEnded), (HearingCancelled(), UtteranceDropped)],
)
async def test_a_marker_that_crashes_it_still_comes_behind_the_end_of_the_utterance(
    autojump_clock: Clock, marker: Marker, end: type
) -> None:
    faults = Faults(resets=1)
    ear = Ear(detector=lambda: FailsOn(faults))
    pcm16 = distinct(0, 8112, 0)
    assert await live(ear, *sounds(pcm16, [1600]), marker, sound(silence(1000))) == 1
    told = drain(ear.spoken)
    assert kinds(told) == [UtteranceBegan, UtteranceAudio, end, type(marker)]
    if end is UtteranceEnded:
        assert audio_of(told) == pcm16


@pytest.mark.parametrize(
    ("marker", "end"),
    [(MicrophoneClosed(), UtteranceEnded), (HearingCancelled(), UtteranceDropped)],
)
async def test_a_crash_before_the_end_that_a_marker_brings_costs_neither(
    autojump_clock: Clock, marker: Marker, end: type
) -> None:
    ear = Ear()
    pcm16 = distinct(0, 8112, 0)
    await ear.hear(*sounds(pcm16, [1600]))
    ear.state.marker = marker  # the endpointer crashed over it
    await ear.hear()
    told = drain(ear.spoken)
    assert kinds(told) == [UtteranceBegan, UtteranceAudio, end, type(marker)]
    if end is UtteranceEnded:
        assert audio_of(told) == pcm16
    assert ear.state == HearingState(
        heard_bytes=len(pcm16),
        utterance=1,
        last_sample_s=ear.state.last_sample_s,
        began_ms=ear.state.began_ms,
        voiced_ms=ear.state.voiced_ms,
        spoke_until_ms=ear.state.voiced_ms if end is UtteranceEnded else None,
        sure_told=1,
    )


async def test_a_detector_that_raises_crashes_the_actor_and_the_next_one_goes_on(
    autojump_clock: Clock,
) -> None:
    ear = Ear(detector=Fragile)
    with pytest.raises(ZeroDivisionError):
        await ear.hear(*sounds(speech(1000), [1600]))
    await ear.hear(sound(speech(300)), MicrophoneClosed())
    ended = [m.number for m in drain(ear.spoken) if isinstance(m, UtteranceEnded)]
    assert ended == [1, 2]


async def test_the_audio_clock_goes_on_after_a_crash(autojump_clock: Clock) -> None:
    ear = Ear(detector=Fragile)
    with pytest.raises(ZeroDivisionError):
        await ear.hear(sound(silence(1000)))
    await ear.hear(sound(speech(300)), MicrophoneClosed())
    assert drain(ear.spoken)[-2] == UtteranceEnded(number=1, audio_ms=1300)


async def test_a_full_channel_downstream_holds_it(autojump_clock: Clock) -> None:
    ear = Ear(spoken_room=1)
    heard, inbox = trio.open_memory_channel[Heard](100)
    for message in sounds(speech(1000), [1600]):
        heard.send_nowait(message)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ear.actor(inbox).run)
        await trio.sleep(5)
        # One in hand; the others wait where TCP pushes back from.
        assert inbox.statistics().current_buffer_used == 9
        heard.close()
        told = [await ear.spoken.receive() for _ in range(11)]
    assert audio_of(told) == speech(1000)


async def test_a_full_outbox_holds_it(autojump_clock: Clock) -> None:
    ear = Ear(outbox_room=0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ear.hear, *sounds(speech(500) + silence(1000), [1600]))
        await trio.testing.wait_all_tasks_blocked()
        assert kinds(drain(ear.spoken)) == [UtteranceBegan]
        assert isinstance(await ear.out.receive(), SpeechStarted)
        assert isinstance(await ear.out.receive(), SpeechEnded)
    assert kinds(drain(ear.spoken)) == [UtteranceAudio, UtteranceEnded]


async def test_a_closed_inbox_is_its_end(autojump_clock: Clock) -> None:
    ear = Ear()
    await ear.hear()
    assert drain(ear.spoken) == []


async def test_cancelled_while_it_waits_it_leaves_the_utterance_to_the_next(
    autojump_clock: Clock,
) -> None:
    ear = Ear(outbox_room=0)
    with trio.move_on_after(3) as scope:
        await ear.hear(sound(speech(500)))
    assert scope.cancelled_caught and trio.current_time() == 3
    assert ear.state.open and ear.state.utterance == 1


async def test_a_click_during_a_reply_is_told_at_once_and_soon_again_that_it_was_nothing(
    autojump_clock: Clock,
) -> None:
    ear = Ear(reply_live=lambda: True)
    await ear.hear(*sounds(silence(200) + speech(60) + silence(200), [320]))
    assert drain(ear.reports) == [SoundHeard(), SoundPassed()]


@pytest.mark.parametrize("marker", [MicrophoneClosed(), HearingCancelled()])
async def test_a_sound_that_is_cut_off_by_the_client_was_nothing(
    autojump_clock: Clock, marker: Marker
) -> None:
    ear = Ear(reply_live=lambda: True)
    await ear.hear(*sounds(silence(200) + speech(60), [320]), marker)
    assert drain(ear.reports) == [SoundHeard(), SoundPassed()]


async def test_a_restart_in_the_middle_of_a_sound_lets_the_reply_go_on(
    autojump_clock: Clock,
) -> None:
    ear = Ear(reply_live=lambda: True)
    await ear.hear(*sounds(silence(200) + speech(60), [320]))
    await ear.hear(sound(silence(100)))
    assert drain(ear.reports) == [SoundHeard(), SoundPassed()]


def on_a_line(ear: Ear, inbox: trio.MemoryReceiveChannel[Heard]) -> VADActor:
    actor = ear.actor(inbox)
    actor.line = LineHearing()
    return actor


async def heard_on_a_line(*messages: Heard, reply_live: bool = False) -> Ear:
    ear = Ear(reply_live=lambda: reply_live)
    send, inbox = trio.open_memory_channel[Heard](len(messages))
    for message in messages:
        send.send_nowait(message)
    send.close()
    await on_a_line(ear, inbox).run()
    return ear


def line(name: str) -> bytes:
    return as_heard(line_sound(name))


async def test_a_tone_of_a_telephone_line_begins_no_utterance(autojump_clock: Clock) -> None:
    # What it takes to know a tone, 60 ms and a look's length, is shorter than an onset.
    pcm16 = silence(500) + line("beep 1000 Hz") + line("pin") + silence(1000)
    ear = await heard_on_a_line(*sounds(pcm16, [1600]))
    assert drain(ear.spoken) == []
    assert drain(ear.reports) == []


async def test_hold_music_is_dropped_at_its_first_pause(autojump_clock: Clock) -> None:
    pcm16 = silence(500) + line("hold music, chords") + silence(1000)
    ear = await heard_on_a_line(*sounds(pcm16, [1600]))
    told = drain(ear.spoken)
    assert isinstance(told[0], UtteranceBegan)
    assert isinstance(told[-1], UtteranceDropped)
    assert [kind for kind in kinds(told) if kind is UtteranceEnded] == []
    assert drain(ear.reports)[-1] == SpeechDropped(number=1)
    ended = drain(ear.out)[-1]
    assert isinstance(ended, SpeechEnded)
    assert ended.dropped
    assert ear.counted("parley_line_sounds_total 1.0")
    assert ear.counted("parley_utterances_cancelled_total 0.0")


async def test_music_that_the_microphone_leaves_is_dropped(autojump_clock: Clock) -> None:
    ear = await heard_on_a_line(sound(line("hold music, chords")), MicrophoneClosed())
    assert kinds(drain(ear.spoken))[-2:] == [UtteranceDropped, MicrophoneClosed]


async def test_speech_on_a_line_is_an_utterance_with_tones_around_it(autojump_clock: Clock) -> None:
    spoken = resampled(noise("ah"), 24_000, 16_000) * 4
    pcm16 = silence(300) + line("key 5") + spoken + silence(200) + line("pin") + silence(1000)
    ear = await heard_on_a_line(*sounds(pcm16, [1600]))
    told = drain(ear.spoken)
    assert kinds(told)[0] is UtteranceBegan
    assert kinds(told)[-1] is UtteranceEnded
    assert ear.counted("parley_line_sounds_total 0.0")


async def test_without_a_line_a_tone_is_what_the_detector_says(autojump_clock: Clock) -> None:
    ear = Ear()
    await ear.hear(*sounds(silence(300) + line("beep 1000 Hz") + silence(1000), [1600]))
    assert kinds(drain(ear.spoken))[-1] is UtteranceEnded


@pytest.mark.parametrize(("given", "begun"), [(GIVEN_CAPACITY - 1, 1), (GIVEN_CAPACITY, 9)])
async def test_sounds_that_a_client_gives_wait_for_an_utterance_but_not_without_bound(
    given: int, begun: int, autojump_clock: Clock
) -> None:
    ear = Ear()
    given_sound = SoundGiven(pcm16=silence(100), given=GiveAudio(pcm16=b"", rate_hz=16_000))
    async with trio.open_nursery() as nursery:
        send, inbox = trio.open_memory_channel[Heard](1000)
        nursery.start_soon(ear.actor(inbox).run)
        for message in sounds(speech(1000), [FRAME]):
            await send.send(message)
        for _ in range(given):
            await send.send(given_sound)
        await trio.testing.wait_all_tasks_blocked()
        assert len([m for m in drain(ear.spoken) if isinstance(m, UtteranceBegan)]) == begun
        assert len(ear.state.given) < GIVEN_CAPACITY
        nursery.cancel_scope.cancel()
