"""Which end-of-turn engine is taken, and by which model it hears."""

from __future__ import annotations

from pathlib import Path

import pytest

from parley.config import Settings
from parley.engines.models.packaged import SMART_TURN
from parley.engines.turn.choice import choose_turn_end, turn_model
from parley.engines.turn.open import chosen_name


def pulled(models_dir: Path, size_bytes: int = SMART_TURN.size_bytes) -> Path:
    """A file of the size of the model that came in a package: a choice looks no further."""
    path = SMART_TURN.place(models_dir)
    with path.open("wb") as file:
        file.truncate(size_bytes)
    return path


@pytest.mark.parametrize("engine", ["smart-turn", "both"])
def test_the_packaged_model_is_found_by_itself(tmp_path: Path, engine: str) -> None:
    settings = Settings.defaults(stream_turn_engine=engine, parley_models_dir=str(tmp_path))
    assert choose_turn_end(settings.turning)[0] == "text"
    assert "`parley models pull smart-turn`" in chosen_name(settings)
    path = pulled(tmp_path)
    assert choose_turn_end(settings.turning) == (engine, "")
    assert turn_model(settings.turning) == str(path)


def test_half_of_it_is_not_taken_and_a_path_that_is_set_comes_first(tmp_path: Path) -> None:
    pulled(tmp_path, SMART_TURN.size_bytes // 2)
    settings = {"stream_turn_engine": "smart-turn", "parley_models_dir": str(tmp_path)}
    assert choose_turn_end(Settings.defaults(**settings).turning)[0] == "text"
    pulled(tmp_path)
    own = Settings.defaults(**settings, stream_turn_model="/nowhere/turn.onnx").turning
    assert turn_model(own) == "/nowhere/turn.onnx"
    assert choose_turn_end(own) == ("text", "smart-turn: /nowhere/turn.onnx is not there")


def test_auto_needs_no_model_though_one_is_here(tmp_path: Path) -> None:
    pulled(tmp_path)
    assert choose_turn_end(Settings.defaults(parley_models_dir=str(tmp_path)).turning)[0] == "text"
