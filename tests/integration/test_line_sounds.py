"""The sounds of a telephone line with the default ear, in real time: nothing is answered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from parley.audio.g711 import RATE_HZ, Law
from parley.client.recording import load_folder
from parley.config import Settings
from parley.engines.kit import Engines, OwnEngines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.models.packaged import MOONSHINE_TINY
from parley.engines.room import open_engine_room
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.testing.line_calls import Heard, hear_line
from parley.testing.line_sounds import LINE_SOUNDS, dialled, line_sound
from parley.testing.line_waves import pcm16_of
from parley.testing.telephone_line import through_line
from support.breadth import breadth
from support.real_models import MODELS_DIR, needs

EXAMPLES = Path(__file__).parents[2] / "examples/audio"
AT_ONCE = 6
STRIDE = breadth("PARLEY_LINE_STRIDE", 4, 1)
"""Every fourth sound, or all."""
SPEED = 6.0

pytestmark = [pytest.mark.slow, needs(MOONSHINE_TINY)]


async def heard_by_default(sounds: Sequence[tuple[str, bytes]]) -> dict[str, Heard]:
    """What becomes of each sound, PCM16 at 8 kHz, in a call of its own."""
    settings = Settings.defaults(parley_models_dir=str(MODELS_DIR))
    own = OwnEngines(responder=ScriptedResponder(then=["Yes."]), synthesizer=ScriptedSynthesizer())
    found: dict[str, Heard] = {}
    room_for = trio.CapacityLimiter(AT_ONCE)

    async def one(engines: Engines, name: str, pcm16: bytes) -> None:
        async with room_for:
            found[name] = await hear_line(engines, pcm16, settings=settings, speed=SPEED)

    async with open_engine_room(settings, own) as room, trio.open_nursery() as lanes:
        await lanes.start(room.supervisor().run)
        while room.not_ready():
            await trio.sleep(0.05)
        async with trio.open_nursery() as calls:
            for name, pcm16 in sounds:
                calls.start_soon(one, room.engines, name, pcm16)
        lanes.cancel_scope.cancel()
    return found


@pytest.mark.parametrize("law", ["ulaw", pytest.param("alaw", marks=pytest.mark.long)])
async def test_no_sound_of_a_line_is_answered_as_words(law: Law) -> None:
    names = list(LINE_SOUNDS)[:: STRIDE if law == "ulaw" else 2]
    sounds = [(n, through_line(line_sound(n), RATE_HZ, law=law, noise_db=None)) for n in names]
    heard = await heard_by_default(sounds)
    assert {name: one for name, one in heard.items() if one.finals or one.answered} == {}
    assert len(heard) == len(names)


@pytest.mark.long
async def test_people_are_heard_with_keys_and_beeps_around_their_words() -> None:
    keys, beep = pcm16_of(dialled("47#", 0.1, 0.15)), line_sound("beep 1000 Hz")
    sounds = []
    for recording in load_folder(EXAMPLES):
        spoken = through_line(recording.pcm16, noise_db=30.0)
        sounds.append((recording.name, spoken))
        sounds.append((f"{recording.name}, tones around it", keys + beep + spoken + keys))
    heard = await heard_by_default(sounds)
    assert len(heard) == 2 * len(load_folder(EXAMPLES))
    for name, one in heard.items():
        assert one.finals, name
        assert one.answered, name
        assert not one.left_out, name
