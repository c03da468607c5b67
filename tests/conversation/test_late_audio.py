"""Audio that comes while the microphone is closed: what opens it, and what is left out."""

from __future__ import annotations

from parley.conversation.late_audio import HELD_MS, LateAudio

RATE_HZ = 16_000


def ms(length: int, sample: int = 0) -> bytes:
    return sample.to_bytes(2, "little") * (RATE_HZ * length // 1000)


def test_before_any_stop_audio_is_heard_at_once() -> None:
    assert LateAudio().push(ms(20), RATE_HZ) == ms(20)


def test_what_may_have_crossed_a_stop_is_held() -> None:
    late = LateAudio()
    assert late.stop() is False
    assert [late.push(ms(100), RATE_HZ) for _ in range(HELD_MS // 100)] == [b""] * 5


def test_what_goes_on_after_a_stop_is_heard_whole_and_in_order() -> None:
    late = LateAudio()
    late.stop()
    pieces = [late.push(ms(200, sample), RATE_HZ) for sample in (1, 2, 3)]
    assert pieces == [b"", b"", ms(200, 1) + ms(200, 2) + ms(200, 3)]


def test_what_was_held_is_left_out_at_the_next_stop_or_start() -> None:
    late = LateAudio()
    late.stop()
    late.push(ms(400), RATE_HZ)
    assert late.leave_out() is True
    assert late.leave_out() is False
    late.push(ms(400), RATE_HZ)
    assert late.stop() is True
    assert late.push(ms(400), RATE_HZ) == b""


def test_one_long_frame_after_a_stop_is_heard_at_once() -> None:
    late = LateAudio()
    late.stop()
    assert late.push(ms(HELD_MS + 1), RATE_HZ) == ms(HELD_MS + 1)
