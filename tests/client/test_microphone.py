"""Microphone and loudspeaker over a fake sounddevice; no sound is made."""

from __future__ import annotations

import sys
import threading

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from parley.client.incoming import Final, Incoming, Partial, Phrase, Unknown
from parley.client.microphone import (
    MAX_FRAMES,
    MAX_PHRASES,
    NoMicrophone,
    Speaker,
    open_microphone,
    sound_library,
)
from parley.client.utterance import Heard
from support.fake_sound import FakeSound
from support.stand_in import tone, wav


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> FakeSound:
    fake = FakeSound()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def hears(speaker: Speaker, message: Incoming) -> None:
    speaker.heard(Heard(0.0, message))


def phrase(milliseconds: int, seq: int = 1) -> Phrase:
    return Phrase(seq=seq, audio_b64=wav(tone(milliseconds)))


async def test_frames_come_from_the_audio_thread_to_trio(sound: FakeSound) -> None:
    with open_microphone(16_000, 100) as microphone:
        stream = sound.streams[0]
        assert stream.options["blocksize"] == 1600
        await trio.to_thread.run_sync(stream.record, b"\1\0", b"\2\0")
        got = []
        async for frame in microphone.frames():
            got.append(frame)
            if len(got) == 2:
                microphone.stop()
    assert got == [b"\1\0", b"\2\0"]
    assert stream.calls == ["start", "close"]


async def test_frames_that_do_not_fit_are_counted(sound: FakeSound) -> None:
    with open_microphone(16_000, 100) as microphone:
        for _ in range(MAX_FRAMES + 3):
            await trio.to_thread.run_sync(sound.streams[0].record, b"\1\0")
            await wait_all_tasks_blocked()
        assert microphone.dropped == 3


async def test_while_trio_is_held_up_only_so_many_frames_wait(sound: FakeSound) -> None:
    with open_microphone(16_000, 100) as microphone:
        sound.streams[0].record(*[b"\1\0"] * (MAX_FRAMES + 2))  # no checkpoint: Trio is held up
        assert microphone.dropped == 2


async def test_a_frame_after_the_end_is_harmless(sound: FakeSound) -> None:
    with open_microphone(16_000, 100) as microphone:
        microphone.stop()
        await trio.to_thread.run_sync(sound.streams[0].record, b"\1\0")
        await wait_all_tasks_blocked()


def test_a_frame_after_trio_has_ended_is_harmless(sound: FakeSound) -> None:
    async def main() -> None:
        with open_microphone(16_000, 100):
            pass

    trio.run(main)
    sound.streams[0].record(b"\1\0")


async def test_phrases_are_played_in_slices_one_after_the_other(sound: FakeSound) -> None:
    speaker = Speaker()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(speaker.run)
        hears(speaker, phrase(130))
        hears(speaker, phrase(60, 2))
        while [stream.calls for stream in sound.streams] != [["start", "stop", "close"]] * 2:
            await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    assert [len(data) for data in sound.streams[0].played] == [1920, 1920, 320]
    assert sound.streams[0].options["samplerate"] == 16_000
    assert b"".join(sound.streams[0].played) == tone(130)


@pytest.mark.parametrize("message", [Partial(text="wait"), Unknown(type="barge_in")])
async def test_who_speaks_interrupts_the_playback(sound: FakeSound, message: Incoming) -> None:
    sound.gate = threading.Event()
    speaker = Speaker()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(speaker.run)
        hears(speaker, phrase(1000))
        hears(speaker, phrase(1000, 2))
        while not (sound.streams and sound.streams[0].played):
            await trio.sleep(0.001)
        hears(speaker, message)
        sound.gate.set()
        while "close" not in sound.streams[0].calls:
            await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    assert len(sound.streams[0].played) == 1
    assert sound.streams[0].calls == ["start", "abort", "close"]
    assert len(sound.streams) == 1


def test_what_cannot_be_played_is_counted() -> None:
    speaker = Speaker()
    hears(speaker, Phrase(seq=1, audio_b64=b"noise"))
    for _ in range(MAX_PHRASES + 1):
        hears(speaker, phrase(1))
    hears(speaker, Final(text="of no interest"))
    assert speaker.dropped == 2


async def test_without_a_device_it_says_so(sound: FakeSound) -> None:
    sound.broken = True
    with pytest.raises(NoMicrophone, match="microphone cannot be opened"), open_microphone(1, 1):
        pass  # pragma: no cover
    speaker = Speaker()
    hears(speaker, phrase(10))
    with pytest.raises(NoMicrophone, match="loudspeaker cannot be opened"):
        await speaker.run()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(NoMicrophone, match=r"pip install sounddevice"):
        sound_library()


def test_without_portaudio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(NoMicrophone, match="apt-get install libportaudio2"):
        sound_library()
