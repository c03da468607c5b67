"""The ASRActor: partials at their cadence, one final, and what becomes of an utterance when the
recognizer fails."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing

from parley.actors.asr import ASRActor
from parley.actors.messages import (
    Report,
    UtteranceFailed,
    UtteranceFinalizing,
    UtteranceHeard,
)
from parley.actors.outbox import Outbox
from parley.actors.partials import Partials
from parley.actors.utterance_intake import Intake
from parley.audio.pcm import BYTES_PER_MS
from parley.conversation.spoken import (
    HearingCancelled,
    Marker,
    MicrophoneClosed,
    MicrophoneOpened,
    Spoken,
    UtteranceAudio,
    UtteranceBegan,
    UtteranceDropped,
    UtteranceEnded,
    UtterancePaused,
    UtteranceResumed,
)
from parley.conversation.utterance import UtteranceInHand
from parley.engines.asr.interface import Transcript
from parley.engines.asr.scripted import Call, ScriptedTranscriber
from parley.engines.failures import (
    EngineBusy,
    EngineFailure,
    EngineTimeout,
    EngineUnavailable,
    LaneLost,
)
from parley.protocol.codes import Code
from parley.protocol.events import Finalizing, Info, Partial
from parley.telemetry import Telemetry
from parley.turnstile import SendsItems
from support.channels import BrokenOnce, drain, open_outbox

Clock = trio.testing.MockClock

MANY = " ".join(f"w{n}" for n in range(1, 500))


class LikeTheDialogue:
    """Takes reports, and tells the client of a final that is being made, as the dialogue does."""

    def __init__(self, reports: SendsItems[Report], outbox: Outbox) -> None:
        self._reports, self._outbox = reports, outbox

    async def send(self, value: Report, /) -> None:
        if isinstance(value, UtteranceFinalizing):
            await self._outbox.send(Finalizing())
        else:
            await self._reports.send(value)


class Desk:
    """A session's recognizer. What happens to it is told by `said`; `run` is one incarnation."""

    def __init__(
        self,
        transcriber: ScriptedTranscriber,
        *,
        reports_room: int = 1000,
        outbox_room: int = 1000,
        spoken_room: int = 1000,
    ) -> None:
        self.transcriber = transcriber
        self.say, self._spoken = trio.open_memory_channel[Spoken](spoken_room)
        self._report: SendsItems[Report]
        report, self.reports = trio.open_memory_channel[Report](reports_room)
        self.outbox, self.out = open_outbox(outbox_room)
        self._report = LikeTheDialogue(report, self.outbox)
        self.utterance: UtteranceInHand[Transcript] = UtteranceInHand()
        self.telemetry = Telemetry()
        self._said_ms = 0
        self.utterance_audio = bytearray()
        """All that was said."""

    async def run(self) -> None:
        await ASRActor(
            intake=Intake(inbox=self._spoken, utterance=self.utterance),
            reports=self._report,
            outbox=self.outbox,
            transcriber=self.transcriber,
            partials=Partials(
                utterance=self.utterance,
                reports=self._report,
                outbox=self.outbox,
                interval_s=1.0,
                min_gap_s=0.1,
                telemetry=self.telemetry,
            ),
            timeout_s=10,
            telemetry=self.telemetry,
        ).run()

    def break_once(self, *kinds: type) -> None:
        """The next report of one of these kinds meets a bug."""
        self._report = BrokenOnce(self._report, *kinds)

    async def run_to_the_end(self) -> None:
        """Whatever has been said, and then a closed inbox."""
        self.say.close()
        await self.run()

    def said(self, number: int, *pieces_ms: int, end: bool = True) -> None:
        """A whole utterance, or its beginning, waits in the channel."""
        self.began(number)
        for ms in pieces_ms:
            self.audio(number, ms)
        if end:
            self.ended(number)

    def began(self, number: int) -> None:
        self.say.send_nowait(
            UtteranceBegan(
                number=number, first_sample_s=trio.current_time(), audio_ms=self._said_ms
            )
        )

    def audio(self, number: int, ms: int) -> None:
        self._said_ms += ms
        pcm16 = bytes([self._said_ms % 251, 1]) * (ms * BYTES_PER_MS // 2)
        self.utterance_audio += pcm16
        self.say.send_nowait(UtteranceAudio(number=number, pcm16=pcm16, audio_ms=self._said_ms))

    def ended(self, number: int, *, too_long: bool = False) -> None:
        self.say.send_nowait(
            UtteranceEnded(number=number, audio_ms=self._said_ms, too_long=too_long)
        )

    async def talk(self, number: int, ms: int, *, every_ms: int = 20, end: bool = True) -> None:
        """An utterance in real time."""
        began_s = trio.current_time()
        self.began(number)
        for at_ms in range(every_ms, ms + 1, every_ms):
            await trio.sleep_until(began_s + at_ms / 1000)
            self.audio(number, every_ms)
        if end:
            self.ended(number)

    def listening(self) -> bool:
        """Whether the recognizer has an utterance open."""
        return self.transcriber.open

    def partials(self) -> list[Partial]:
        return [event for event in drain(self.out) if isinstance(event, Partial)]

    def finals(self) -> list[str]:
        return [r.transcript.text for r in drain(self.reports) if isinstance(r, UtteranceHeard)]


def about(seconds: float) -> Any:
    """Equal to this but for what float arithmetic loses."""
    return pytest.approx(seconds)


async def timed_partials(desk: Desk, talk: Sequence[tuple[float, int]]) -> list[tuple[float, str]]:
    """(when, text) of what is told while audio comes: (at second, so many ms) each."""
    found: list[tuple[float, str]] = []

    async def listen() -> None:
        while True:
            event = await desk.out.receive()
            assert isinstance(event, Partial)
            found.append((round(trio.current_time(), 6), event.text))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        nursery.start_soon(listen)
        desk.began(1)
        for at_s, ms in talk:
            await trio.sleep_until(at_s)
            desk.audio(1, ms)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    return found


# An utterance


async def test_an_utterance_becomes_one_final(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber(["turn it off"]))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await trio.sleep(2)
        await desk.talk(1, 1000, every_ms=100)
        desk.say.close()
    (report,) = drain(desk.reports)
    assert report == UtteranceHeard(
        number=1,
        transcript=desk.transcriber.transcripts[0],
        audio_ms=1000,
        first_sample_s=2.0,
        first_partial_s=about(2.3),
    )
    assert desk.transcriber.transcripts[0].text == "turn it off"
    told = drain(desk.out)
    assert told == [
        Partial(text="turn", audio_ms=300, utterance=1),
        Partial(text="turn it", audio_ms=600, stable_chars=4, utterance=1),
        Partial(text="turn it off", audio_ms=900, stable_chars=7, utterance=1),
        Finalizing(),
    ]
    assert not desk.utterance.present


async def test_an_utterance_that_was_cut_says_so(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber(["one"]))
    desk.said(1, 400, end=False)
    desk.ended(1, too_long=True)
    await desk.run_to_the_end()
    (report,) = drain(desk.reports)
    assert isinstance(report, UtteranceHeard) and report.too_long


async def test_an_utterance_without_audio_has_an_empty_final_and_costs_no_call(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber([]))
    desk.said(1)
    await desk.run_to_the_end()
    assert desk.finals() == [""]
    assert desk.transcriber.calls.total() == 0


async def test_finalizing_is_told_before_the_final_is_made(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber(["one"], delays_s={"finish": 3.0}))
    desk.said(1, 200)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run_to_the_end)
        assert await desk.out.receive() == Finalizing()
        assert trio.current_time() == 0.0
    assert trio.current_time() == 3.0


async def test_a_second_of_audio_at_most_is_fed_at_once(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber([MANY], shortest_ms=0))
    desk.said(1, 2500)
    await desk.run_to_the_end()
    assert desk.transcriber.calls["feed"] == 3


async def test_a_slow_recognizer_makes_fewer_and_larger_calls(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber([MANY], delays_s={"feed": 0.5}, shortest_ms=0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await desk.talk(1, 3000)
        desk.say.close()
    # 0.02 s, 0.52 s, ... 2.52 s, and what came since.
    assert desk.transcriber.calls["feed"] == 7
    assert trio.current_time() == about(3.52)
    assert len(desk.transcriber.heard[0]) == 3000 * BYTES_PER_MS


# Partials


async def test_partials_come_every_100_ms_where_the_words_come_faster(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber([MANY], word_ms=20, shortest_ms=0))
    times = [at for at, _ in await timed_partials(desk, [(n * 0.02, 20) for n in range(1, 26)])]
    assert times == [about(0.02 + n * 0.1) for n in range(6)]


async def test_a_withheld_partial_is_told_by_a_timer_when_nothing_more_comes(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber([MANY], word_ms=20, shortest_ms=0))
    assert await timed_partials(desk, [(0.5, 20), (0.54, 40)]) == [
        (0.5, "w1"),
        (about(0.6), "w1 w2 w3"),
    ]


async def test_a_hypothesis_that_changed_back_is_not_told_by_the_timer(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber([["a", "b", "a"]], word_ms=20, shortest_ms=0))
    assert await timed_partials(desk, [(0.5, 20), (0.52, 20), (0.54, 20)]) == [(0.5, "a")]


async def test_an_unchanged_partial_is_refreshed_after_the_interval(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber([["one"]], word_ms=100, shortest_ms=0))
    told = await timed_partials(desk, [(n / 10, 100) for n in range(1, 26)])
    assert told == [(about(at), "one") for at in (0.1, 1.1, 2.1)]


async def test_nothing_is_told_while_there_are_no_words(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber([[""]], word_ms=100, shortest_ms=0))
    assert await timed_partials(desk, [(n / 10, 100) for n in range(1, 26)]) == []


async def test_no_partial_comes_behind_the_end(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber([MANY], word_ms=20, delays_s={"finish": 2.0}, shortest_ms=0))
    desk.said(1, 20, 20)
    await desk.run_to_the_end()
    assert drain(desk.out) == [Finalizing()]


async def test_partials_never_go_back_when_the_audio_is_fed_again(autojump_clock: Clock) -> None:
    lost = LaneLost("killed")
    desk = Desk(ScriptedTranscriber([MANY], word_ms=100, fail_on={("feed", 26): lost}))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await desk.talk(1, 3500, every_ms=100)
        desk.say.close()
    told = desk.partials()
    lengths = [len(partial.text.split()) for partial in told]
    assert lengths == sorted(set(lengths)), "a word was taken back or told twice"
    assert lengths[-1] == 34
    assert all(a.audio_ms < b.audio_ms for a, b in pairwise(told))
    assert desk.transcriber.heard[1].startswith(desk.transcriber.heard[0][: 2500 * BYTES_PER_MS])
    assert desk.finals() == [MANY]


# Markers and drops


async def test_a_dropped_utterance_is_abandoned_and_the_next_one_works(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber(["second"]))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        desk.said(1, 500, end=False)
        await trio.testing.wait_all_tasks_blocked()
        assert desk.listening() is True
        desk.say.send_nowait(UtteranceDropped(number=1))
        await trio.testing.wait_all_tasks_blocked()
        assert desk.listening() is False
        desk.said(2, 500)
        desk.say.close()
    assert Finalizing() in drain(desk.out)
    assert desk.finals() == ["second"]


async def test_an_utterance_that_was_dropped_before_it_was_fed_costs_no_call(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber([]))
    desk.said(1, 500, end=False)
    desk.say.send_nowait(UtteranceDropped(number=1))
    await desk.run_to_the_end()
    assert not drain(desk.reports) and not drain(desk.out)
    assert desk.transcriber.calls.total() == 0


async def test_markers_stay_behind_what_was_said_before_them(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber(["one", "two"], delays_s={"finish": 1.0}))
    desk.say.send_nowait(MicrophoneOpened())
    desk.said(1, 500)
    desk.say.send_nowait(MicrophoneClosed())
    desk.say.send_nowait(HearingCancelled())
    desk.said(2, 500)
    await desk.run_to_the_end()
    assert [type(report) for report in drain(desk.reports)] == [
        *(MicrophoneOpened, UtteranceHeard, MicrophoneClosed, HearingCancelled, UtteranceHeard)
    ]


async def test_what_belongs_to_an_utterance_that_is_over_is_left_out(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber(["one"]))
    desk.said(1, 500)
    desk.audio(1, 100)
    desk.ended(1)
    desk.say.send_nowait(UtteranceDropped(number=1))
    await desk.run_to_the_end()
    assert desk.finals() == ["one"]
    assert len(desk.transcriber.heard) == 1


# Failures


async def test_after_the_first_failure_it_is_fed_again(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber(["one"], fail_on={("feed", 2): LaneLost("killed")}))
    desk.said(1, 1500)
    await desk.run_to_the_end()
    assert desk.finals() == ["one"]
    assert [len(audio) // BYTES_PER_MS for audio in desk.transcriber.heard] == [1500, 1500]
    metrics = desk.telemetry.exposition()
    assert b'parley_engine_failures_total{engine="asr",failure="LaneLost"} 1.0' in metrics


async def test_finalizing_is_told_once_though_the_final_decode_is_asked_for_twice(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber(["one"], fail_on={("finish", 1): LaneLost("killed")}))
    desk.said(1, 500)
    await desk.run_to_the_end()
    assert drain(desk.out) == [Finalizing()]
    assert desk.finals() == ["one"]


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (LaneLost("killed"), LaneLost("killed again"), Code.ASR_FAIL),
        (LaneLost("killed"), EngineTimeout("killed again"), Code.ASR_TIMEOUT),
        (EngineTimeout("late"), EngineFailure("killed again"), Code.ASR_FAIL),
        (ZeroDivisionError(), EngineFailure("killed again"), Code.ASR_FAIL),
    ],
)
async def test_after_the_second_failure_it_is_given_up_and_the_next_one_works(
    autojump_clock: Clock, first: Exception, second: Exception, code: Code
) -> None:
    desk = Desk(ScriptedTranscriber(["next"], fail_on={("feed", 1): first, ("finish", 1): second}))
    desk.said(1, 500)
    if not isinstance(first, EngineFailure):
        with pytest.raises(type(first)):
            await desk.run()
    desk.said(2, 500)
    await desk.run_to_the_end()
    failed, heard = drain(desk.reports)
    assert failed == UtteranceFailed(number=1, code=code, message="killed again")
    assert isinstance(heard, UtteranceHeard)
    assert (heard.number, heard.transcript.text) == (2, "next")


async def test_a_bug_that_crashes_it_twice_costs_the_utterance(autojump_clock: Clock) -> None:
    bugs = {("feed", n): ZeroDivisionError() for n in (1, 2)}
    desk = Desk(ScriptedTranscriber(["next"], fail_on=bugs))
    desk.said(1, 500)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await desk.run()
    desk.said(2, 500)
    await desk.run_to_the_end()
    failed, heard = drain(desk.reports)
    assert isinstance(failed, UtteranceFailed) and isinstance(heard, UtteranceHeard)
    assert (failed.number, failed.code) == (1, Code.ASR_FAIL)
    assert heard.transcript.text == "next"


async def test_the_rest_of_an_utterance_that_was_given_up_is_not_heard(
    autojump_clock: Clock,
) -> None:
    lost = LaneLost("killed")
    desk = Desk(ScriptedTranscriber(["next"], fail_on={("feed", 1): lost, ("feed", 2): lost}))
    desk.said(1, 500, end=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await trio.testing.wait_all_tasks_blocked()
        desk.audio(1, 500)
        await trio.testing.wait_all_tasks_blocked()
        assert len(desk.utterance.audio) == 0
        desk.ended(1)
        desk.said(2, 500)
        desk.say.close()
    assert [type(report) for report in drain(desk.reports)] == [UtteranceFailed, UtteranceHeard]
    assert desk.transcriber.calls["begin"] == 3


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (EngineFailure("it failed"), Code.ASR_FAIL),
        (EngineFailure("it refused", retryable=False), Code.ASR_FAIL),
        (EngineTimeout("it took too long"), Code.ASR_TIMEOUT),
        (LaneLost("killed"), Code.ASR_FAIL),
        (EngineBusy("no room"), Code.BACKPRESSURE),
        (EngineUnavailable("no model"), Code.MODEL_LOAD_FAIL),
    ],
    ids=lambda value: f"{type(value).__name__}-{value}" if isinstance(value, Exception) else "",
)
async def test_however_many_utterances_fail_each_is_told_and_the_actor_does_not_crash(
    autojump_clock: Clock, failure: EngineFailure, code: Code, asked: bool
) -> None:
    failures = {("finish", call): failure for call in range(1, 100)}
    desk = Desk(ScriptedTranscriber(["x"], asked=asked, fail_on=failures))
    for number in range(1, 21):
        desk.said(number, 300, 200)
    await desk.run_to_the_end()
    assert drain(desk.reports) == [
        UtteranceFailed(number=number, code=code, message=str(failure)) for number in range(1, 21)
    ]
    assert desk.transcriber.calls["finish"] == (40 if failure.retryable else 20)


def _ends(desk: Desk, end: str) -> None:
    """An utterance that was given up goes on, and ends in one way or another."""
    desk.audio(1, 300)
    match end:
        case "ended":
            desk.ended(1)
        case "dropped":
            desk.say.send_nowait(UtteranceDropped(number=1))
        case "paused and resumed":
            desk.say.send_nowait(UtterancePaused(number=1, pause=1))
            desk.say.send_nowait(UtteranceResumed(number=1))
            desk.ended(1)
        case "ended and closed":
            desk.ended(1)
            desk.say.send_nowait(MicrophoneClosed())


ENDS = ("ended", "dropped", "paused and resumed", "ended and closed")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("failure", [EngineBusy("no"), LaneLost("no"), ZeroDivisionError()])
async def test_the_end_of_an_utterance_that_was_given_up_is_told_once(
    autojump_clock: Clock, end: str, failure: Exception
) -> None:
    desk = Desk(ScriptedTranscriber(["next"], fail_on={("feed", n): failure for n in (1, 2)}))
    desk.said(1, 500, end=False)
    for _ in range(0 if isinstance(failure, EngineFailure) else 2):
        with pytest.raises(type(failure)):
            await desk.run()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await trio.testing.wait_all_tasks_blocked()
        _ends(desk, end)
        await trio.testing.wait_all_tasks_blocked()
        desk.transcriber._fail_on.clear()
        desk.said(2, 500)
        desk.say.close()
    told = [type(report) for report in drain(desk.reports)]
    markers = [MicrophoneClosed] * (end == "ended and closed")
    assert told == [UtteranceFailed, *markers, UtteranceHeard]
    assert drain(desk.out).count(Finalizing()) == 1


@pytest.mark.parametrize("end", ENDS)
async def test_a_crash_while_it_gives_an_utterance_up_neither_loses_nor_doubles_the_report(
    autojump_clock: Clock, end: str
) -> None:
    desk = Desk(ScriptedTranscriber(["next"], fail_on={("feed", 1): EngineBusy("no room")}))
    desk.break_once(UtteranceFailed)
    desk.said(1, 500, end=False)
    with pytest.raises(ZeroDivisionError):
        await desk.run()
    assert drain(desk.reports) == []
    _ends(desk, end)
    desk.said(2, 500)
    await desk.run_to_the_end()
    first, *rest = drain(desk.reports)
    assert first == UtteranceFailed(number=1, code=Code.BACKPRESSURE, message="no room")
    markers = [MicrophoneClosed] * (end == "ended and closed")
    assert [type(report) for report in rest] == [*markers, UtteranceHeard]


async def test_a_failure_of_an_utterance_that_was_dropped_meanwhile_is_not_told(
    autojump_clock: Clock,
) -> None:
    failures = {("feed", 1): EngineBusy("no room")}
    desk = Desk(ScriptedTranscriber(["next"], delays_s={("feed", 1): 1.0}, fail_on=failures))
    desk.said(1, 500, end=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await trio.testing.wait_all_tasks_blocked()
        desk.say.send_nowait(UtteranceDropped(number=1))
        desk.said(2, 500)
        desk.say.close()
    assert [type(report) for report in drain(desk.reports)] == [UtteranceHeard]
    assert not desk.utterance.present


async def test_a_final_is_told_once_though_a_crash_follows_it(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber(["one", "two"]))
    desk.break_once(MicrophoneClosed)
    desk.said(1, 500)
    desk.say.send_nowait(MicrophoneClosed())
    with pytest.raises(ZeroDivisionError):
        await desk.run()
    desk.said(2, 500)
    await desk.run_to_the_end()
    assert [type(report) for report in drain(desk.reports)] == [
        *(UtteranceHeard, MicrophoneClosed, UtteranceHeard)
    ]


@pytest.mark.parametrize("marker", [MicrophoneOpened(), MicrophoneClosed(), HearingCancelled()])
async def test_a_crash_with_a_marker_in_hand_neither_loses_nor_doubles_it(
    autojump_clock: Clock, marker: Marker
) -> None:
    desk = Desk(ScriptedTranscriber(["one"]))
    desk.break_once(type(marker))
    desk.say.send_nowait(marker)
    with pytest.raises(ZeroDivisionError):
        await desk.run()
    desk.said(1, 500)
    await desk.run_to_the_end()
    first, second = drain(desk.reports)
    assert first == marker
    assert isinstance(second, UtteranceHeard)


async def test_a_call_that_hangs_is_a_timeout(autojump_clock: Clock) -> None:
    hang: dict[Call, float] = {("feed", 1): math.inf, ("finish", 1): math.inf}
    desk = Desk(ScriptedTranscriber(["one"], delays_s=hang))
    desk.said(1, 500)
    await desk.run_to_the_end()
    assert trio.current_time() == 20
    assert drain(desk.reports) == [
        UtteranceFailed(
            number=1, code=Code.ASR_TIMEOUT, message="the final decode took longer than 10 s"
        )
    ]


async def test_an_engine_that_cannot_be_used_at_all_is_told_at_once(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber([], fail_on={("begin", 1): EngineUnavailable("no model")}))
    desk.said(1, 500)
    await desk.run_to_the_end()
    assert drain(desk.reports) == [
        UtteranceFailed(number=1, code=Code.MODEL_LOAD_FAIL, message="no model")
    ]


# Its surroundings


async def test_cancelled_in_the_middle_of_a_call_it_leaves_the_utterance_to_the_next(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber(["one"], delays_s={("feed", 1): math.inf}))
    desk.said(1, 500)
    with trio.move_on_after(3) as scope:
        await desk.run()
    assert scope.cancelled_caught and trio.current_time() == 3
    assert not desk.transcriber.open
    assert not drain(desk.reports) and not drain(desk.out)
    await desk.run_to_the_end()
    assert desk.finals() == ["one"]


async def test_a_closed_inbox_is_its_end(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber([]))
    await desk.run_to_the_end()
    assert not drain(desk.reports) and not drain(desk.out)


async def test_full_reports_hold_it_and_nothing_is_lost(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber(["one", "two"]), reports_room=0)
    desk.said(1, 500)
    desk.said(2, 500)
    found: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run_to_the_end)
        await trio.sleep(5)
        assert desk.transcriber.calls["begin"] == 1
        while len(found) < 2:
            report = await desk.reports.receive()
            assert isinstance(report, UtteranceHeard)
            found.append(report.transcript.text)
    assert found == ["one", "two"]


async def test_a_full_outbox_holds_it(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber(["one"]), outbox_room=0)
    desk.said(1, 500)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run_to_the_end)
        await trio.sleep(5)
        assert desk.transcriber.calls["finish"] == 0
        assert await desk.out.receive() == Finalizing()
    assert desk.finals() == ["one"]


# A recognizer that decodes when it is asked


async def test_one_that_wants_to_be_asked_is_asked_and_never_holds_up_the_audio(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber([MANY], asked=True, delays_s={"hypothesis": 0.45}))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await desk.talk(1, 3000, every_ms=100)
        await trio.sleep(1)
        desk.say.close()
    partials = desk.partials()
    assert len(partials) >= 4
    # Each covers what was there when it was asked for, and is told when it is known.
    assert [p.audio_ms % 100 for p in partials] == [0] * len(partials)
    assert partials[0].text == "w1 w2"
    assert desk.finals() == [MANY]
    assert len(desk.transcriber.heard[0]) == 3000 * BYTES_PER_MS


class TakesItsTime(ScriptedTranscriber):
    """Has audio as soon as it is given, and comes back from that a moment later."""

    takes_s = 0.0

    async def feed(self, pcm16: bytes) -> str | None:
        told = await super().feed(pcm16)
        await trio.sleep(self.takes_s)
        return told


@pytest.mark.parametrize("asked_s", [0.13, 0.21, 0.4, 0.47])
@pytest.mark.parametrize("takes_s", [0.0, 0.03, 0.05])
async def test_audio_that_is_taken_in_the_moment_of_an_answer_is_heard_once(
    takes_s: float, asked_s: float, autojump_clock: Clock
) -> None:
    """What was being fed when the recognizer answered was fed again: on a busy server both often
    come together, and a tenth of a second was heard twice."""
    transcriber = TakesItsTime([MANY], asked=True, delays_s={"hypothesis": asked_s})
    transcriber.takes_s = takes_s
    desk = Desk(transcriber)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await desk.talk(1, 3000, every_ms=100)
        await trio.sleep(1)
        desk.say.close()
    assert transcriber.heard == [bytes(desk.utterance_audio)]
    assert desk.finals() == [MANY]


async def test_a_recognizer_that_fails_to_take_what_comes_is_fed_again(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber(["yes"], asked=True, delays_s={"hypothesis": 9.0}))
    feeds = 0

    async def feed(pcm16: bytes) -> str | None:
        nonlocal feeds
        feeds += 1
        if feeds == 4:
            raise EngineFailure("no")
        return await ScriptedTranscriber.feed(desk.transcriber, pcm16)

    desk.transcriber.feed = feed  # type: ignore[method-assign]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await desk.talk(1, 1000, every_ms=100)
        desk.say.close()
    assert desk.transcriber.heard[-1] == bytes(desk.utterance_audio)
    assert desk.finals() == ["yes"]
    assert desk.transcriber.calls["begin"] == 2


async def test_the_end_of_the_utterance_ends_the_asking(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber(["yes"], asked=True, delays_s={"hypothesis": 9.0}))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await desk.talk(1, 500, every_ms=100)
        await trio.testing.wait_all_tasks_blocked()
        assert desk.finals() == ["yes"]
        assert trio.current_time() < 1
        desk.say.close()


async def test_a_drop_ends_the_asking(autojump_clock: Clock) -> None:
    desk = Desk(ScriptedTranscriber(["yes", "no"], asked=True, delays_s={"hypothesis": 9.0}))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await desk.talk(1, 500, every_ms=100, end=False)
        desk.say.send_nowait(UtteranceDropped(number=1))
        await trio.testing.wait_all_tasks_blocked()
        assert not desk.listening()
        await desk.talk(2, 500, every_ms=100)
        desk.say.close()
    assert len(desk.finals()) == 1


async def test_a_failure_while_it_is_asked_is_one_of_its_attempts(autojump_clock: Clock) -> None:
    failures = {("hypothesis", 1): EngineFailure("no"), ("finish", 1): EngineFailure("no again")}
    desk = Desk(ScriptedTranscriber(["yes"], asked=True, fail_on=failures))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        desk.said(1, 500, end=False)
        await trio.testing.wait_all_tasks_blocked()
        assert desk.transcriber.calls["begin"] == 2
        desk.ended(1)
        desk.say.close()
    assert drain(desk.reports) == [
        UtteranceFailed(number=1, code=Code.ASR_FAIL, message="no again")
    ]


# Pace


async def test_a_recognizer_that_is_too_slow_twice_in_a_row_is_told_of_once(
    autojump_clock: Clock,
) -> None:
    desk = Desk(ScriptedTranscriber(["a", "b", "c"], delays_s={"finish": 2.0}))
    for number in (1, 2, 3):
        desk.said(number, 1000)
    await desk.run_to_the_end()
    advice = [event.message for event in drain(desk.out) if isinstance(event, Info)]
    assert len(advice) == 1
    assert "2.0 times as long" in advice[0]
    assert "STREAM_MODEL_WHISPER" in advice[0]


async def test_a_recognizer_that_is_slow_now_and_then_is_not_told_of(
    autojump_clock: Clock,
) -> None:
    delays: dict[str | tuple[str, int], float] = {("finish", 1): 2.0, ("finish", 3): 2.0}
    desk = Desk(ScriptedTranscriber(["a", "b", "c"], delays_s=delays))
    for number in (1, 2, 3):
        desk.said(number, 1000)
    await desk.run_to_the_end()
    assert not [event for event in drain(desk.out) if isinstance(event, Info)]


# Stable text


async def test_what_is_stable_is_shown_unchanged_though_the_recognizer_changes_its_mind(
    autojump_clock: Clock,
) -> None:
    said = ["turn", "turn it", "turn it of", "burn it off now", "burn it off now please"]
    desk = Desk(ScriptedTranscriber([said]))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await desk.talk(1, 1600, every_ms=100)
        desk.say.close()
    shown = [(p.text, p.text[: p.stable_chars]) for p in desk.partials()]
    assert shown == [
        ("turn", ""),
        ("turn it", "turn"),
        ("turn it of", "turn it"),
        ("turn it off now", "turn it"),
        ("turn it off now please", "turn it off now"),
    ]
