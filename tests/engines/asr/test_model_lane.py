"""A lane whose model is not there: everybody who asks is told why, and nothing else ends."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import trio

from parley.engines.asr.model_store import ready_model
from parley.engines.failures import EngineUnavailable
from parley.engines.lanes.lane import Lane
from support.whisper_folder import model_bin, write_model


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (model_bin()[:70], "model.bin is cut off after 70 bytes; delete the folder and"),
        (None, "the Whisper model small is not on disk; `parley models pull small`"),
    ],
)
async def test_a_model_that_cannot_be_loaded_is_a_load_error_in_words(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        write_model(tmp_path / "small", model_bin=content)
    lane = Lane("asr-1", functools.partial(ready_model, "small", tmp_path))
    async with trio.open_nursery() as nursery:
        await nursery.start(lane.run)
        with trio.fail_after(30), pytest.raises(EngineUnavailable) as caught:
            await lane.call(abs, -1)
        assert words in str(caught.value)
        assert lane.load_error is not None and words in lane.load_error
        nursery.cancel_scope.cancel()
