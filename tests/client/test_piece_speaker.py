"""The loudspeaker of replies that come in pieces, over a fake sounddevice."""

from __future__ import annotations

import sys
import threading

import pytest
import trio

from parley.audio.wav import wav_bytes
from parley.client.incoming import Final, Incoming, Interrupted, ReplyComplete, Sound, SpeechBegan
from parley.client.microphone import NoMicrophone
from parley.client.piece_speaker import MAX_PIECES, PieceSpeaker
from parley.client.utterance import Heard
from support.fake_sound import FakeSound

PIECE = b"\1\0" * (24 * 80)
"""80 ms."""


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> FakeSound:
    fake = FakeSound()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def piece(item: str = "r", pcm16: bytes = PIECE) -> Sound:
    return Sound(seq=1, audio_b64=wav_bytes(pcm16, 24_000), item=item)


def hears(speaker: PieceSpeaker, *messages: Incoming) -> None:
    for message in messages:
        speaker.heard(Heard(0.0, message))


async def until_played(sound: FakeSound, pieces: int) -> None:
    while not (sound.streams and len(sound.streams[-1].played) >= pieces):
        await trio.sleep(0.001)


async def test_a_reply_is_one_stream_also_where_its_pieces_come_late(sound: FakeSound) -> None:
    speaker = PieceSpeaker()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(speaker.run)
        hears(speaker, piece())
        await until_played(sound, 1)
        await trio.sleep(0.01)
        hears(speaker, piece(), ReplyComplete())
        await speaker.quiet()
        hears(speaker, piece("r2"), ReplyComplete())
        await speaker.quiet()
        nursery.cancel_scope.cancel()
    assert [stream.played for stream in sound.streams] == [[PIECE, PIECE], [PIECE]]
    assert sound.streams[0].calls == ["start", "stop", "close"]


@pytest.mark.parametrize("message", [SpeechBegan(), Interrupted(heard="so")])
async def test_who_speaks_cuts_it_and_what_was_played_is_told(
    sound: FakeSound, message: Incoming
) -> None:
    told: list[tuple[str, int]] = []
    speaker = PieceSpeaker(on_cut=lambda item, ms: told.append((item, ms)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(speaker.run)
        hears(speaker, piece(), piece())
        await until_played(sound, 2)
        await trio.sleep(0.01)
        sound.streams[0].gate = threading.Event()
        hears(speaker, piece(), piece())
        await until_played(sound, 3)
        hears(speaker, message, Interrupted(heard="so"), ReplyComplete())
        sound.streams[0].gate.set()
        while "close" not in sound.streams[0].calls:
            await trio.sleep(0.001)
        await speaker.quiet()
        nursery.cancel_scope.cancel()
    assert told == [("r", 160)], "once, and not the piece that was on its way"
    assert sound.streams[0].calls == ["start", "abort", "close"]
    assert len(sound.streams[0].played) == 3


async def test_who_speaks_when_nothing_is_played_cuts_nothing(sound: FakeSound) -> None:
    told: list[tuple[str, int]] = []
    speaker = PieceSpeaker(on_cut=lambda item, ms: told.append((item, ms)))
    hears(speaker, SpeechBegan(), Final(text="of no interest"))
    await speaker.quiet()
    assert told == []


def test_what_cannot_be_played_is_counted() -> None:
    speaker = PieceSpeaker()
    hears(speaker, Sound(seq=1, audio_b64=b"noise", item="r"))
    hears(speaker, *[piece()] * (MAX_PIECES + 1))
    assert speaker.dropped == 2


async def test_a_deaf_one_takes_nothing() -> None:
    speaker = PieceSpeaker(deaf=True)
    hears(speaker, piece())
    await speaker.quiet()
    speaker = PieceSpeaker()
    hears(speaker, piece())
    speaker.give_up()
    await speaker.quiet()


async def test_without_a_device_it_says_so(sound: FakeSound) -> None:
    sound.broken = True
    speaker = PieceSpeaker()
    hears(speaker, piece())
    with pytest.raises(NoMicrophone, match="loudspeaker cannot be opened"):
        await speaker.run()
