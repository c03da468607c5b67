"""Sound on the time axis: nothing is lost, nothing is moved."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from parley.recording.show import sound
from parley.recording.show.hearing import Hearing
from parley.recording.show.silences import clear_of
from parley.recording.show.sound import Piece, laid_out, peaks, stereo_wav


def loud(ms: int, level: int = 1000, rate_hz: int = 16_000) -> bytes:
    return level.to_bytes(2, "little", signed=True) * (rate_hz * ms // 1000)


def test_a_piece_splits_at_a_sample() -> None:
    before, behind = Piece(1.0, loud(100), 16_000).split(1.03)
    assert [before.start_s, before.end_s, behind.start_s, behind.end_s] == pytest.approx(
        [1.0, 1.03, 1.03, 1.1]
    )
    assert before.pcm16 + behind.pcm16 == loud(100)


@pytest.mark.parametrize(("at_s", "kept"), [(0.5, 0), (9.0, 3200)])
def test_a_piece_splits_outside_of_itself_into_all_and_nothing(at_s: float, kept: int) -> None:
    before, behind = Piece(1.0, loud(100), 16_000).split(at_s)
    assert (len(before.pcm16), len(behind.pcm16)) == (kept, 3200 - kept)


def test_pieces_lie_where_they_begin() -> None:
    track = laid_out([Piece(0.5, loud(100), 16_000), Piece(0.1, loud(50, 7), 16_000)], 1.0)
    assert len(track) == 16_000
    assert (track[1600:2400] == 7).all()
    assert (track[8000:9600] == 1000).all()
    assert np.count_nonzero(track) == 2400


def test_what_follows_without_a_gap_is_resampled_without_a_seam() -> None:
    tone = (np.sin(np.arange(24_000) / 24_000 * 2 * np.pi * 300) * 9000).astype("<i2").tobytes()
    whole = laid_out([Piece(0.0, tone, 24_000)], 1.0)
    cut = [Piece(n / 10, tone[n * 4800 : (n + 1) * 4800], 24_000) for n in range(10)]
    assert (laid_out(cut, 1.0) == whole).all()


def test_what_lies_behind_the_end_is_left_out() -> None:
    assert len(laid_out([Piece(0.9, loud(500), 16_000)], 1.0)) == 16_000


def test_peaks_show_whatever_is_not_silent() -> None:
    track = np.zeros(16_000, dtype=np.int16)
    track[80], track[161] = 1, -32_768
    found = peaks(track)
    assert len(found) == 200
    assert found[:3] == bytes([0, 1, 255])
    assert peaks(track[:0]) == b""


def test_a_short_recording_is_pcm_with_the_caller_at_the_left() -> None:
    left, right = np.full(1600, 5, dtype=np.int16), np.full(1600, -9, dtype=np.int16)
    with wave.open(io.BytesIO(stereo_wav(left, right))) as reader:
        assert (reader.getnchannels(), reader.getframerate()) == (2, 16_000)
        pairs = np.frombuffer(reader.readframes(1600), dtype="<i2").reshape(-1, 2)
    assert (pairs == [5, -9]).all()


def test_a_long_recording_is_mu_law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "LONG_S", 0.5)
    tone = (np.sin(np.arange(16_000) / 16_000 * 2 * np.pi * 200) * 20_000).astype(np.int16)
    wav = stereo_wav(tone, np.zeros_like(tone))
    assert int.from_bytes(wav[4:8], "little") == len(wav) - 8
    assert wav[20:24] == b"\x07\x00\x02\x00"
    coded = np.frombuffer(wav[-16_000:], dtype=np.uint8).reshape(-1, 2)
    said = _from_mu_law(coded[:, 0])
    assert np.abs(said - tone[::2]).max() < 1000
    assert not _from_mu_law(coded[:, 1]).any()


def _from_mu_law(coded: np.ndarray) -> np.ndarray:
    """Source: ITU-T G.711."""
    inverted = ~coded.astype(np.int32) & 0xFF
    level = ((((inverted & 0x0F) << 3) + 132) << ((inverted >> 4) & 7)) - 132
    return np.where(inverted & 0x80, -level, level)


def test_a_frame_ends_where_it_arrived_and_never_overlaps() -> None:
    hearing = Hearing(0.02)
    hearing.opened(16_000)
    for at_s in (1.0, 1.08, 1.3):  # the second came early, the third late
        hearing.came(at_s, loud(100))
    starts = [round(piece.start_s, 3) for piece in hearing.pieces]
    assert starts == [0.9, 1.0, 1.2]
    assert not hearing.faster_than_life


def test_a_client_that_is_faster_than_life_is_noticed() -> None:
    hearing = Hearing(0.02)
    hearing.opened(16_000)
    for _ in range(8):
        hearing.came(0.1, loud(100))
    assert hearing.faster_than_life
    assert hearing.pieces[-1].end_s == pytest.approx(0.8)


def test_verdicts_belong_to_the_newest_whole_frames() -> None:
    hearing = Hearing(0.03)
    hearing.opened(16_000)
    hearing.came(0.1, loud(100))
    hearing.judged("011")  # 90 of 100 ms
    hearing.came(0.2, loud(100))
    hearing.judged("100")
    assert [(round(v.start_s, 3), round(v.end_s, 3)) for v in hearing.voiced] == [(0.03, 0.12)]


def test_what_was_lost_is_not_drawn_over_what_was_played_later() -> None:
    (piece,) = clear_of([Piece(1.0, loud(500), 16_000)], [Piece(1.2, loud(100), 16_000)])
    assert piece.end_s == pytest.approx(1.2)
