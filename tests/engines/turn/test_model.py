"""Pulling Smart Turn's model from a hub on loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from parley.engines.asr.model_store import ModelProblem, Pulled, installed
from parley.engines.turn import model
from support.hub import Hub, open_hub

CONTENT = bytes(range(256)) * 500


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """With a model of which the code knows size and digest."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(model, "SIZE_BYTES", len(CONTENT))
    monkeypatch.setattr(model, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    huggingface_hub.close_session()
    with open_hub({model.REPOSITORY: {model.FILE: CONTENT}}) as hub:
        hub.commit = "main"  # what is asked for: the digest says which one it is
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        yield hub
        huggingface_hub.close_session()


def test_it_arrives_whole_and_is_no_model_of_whisper(hub: Hub, tmp_path: Path) -> None:
    told: list[Pulled] = []
    path = model.pull(tmp_path / "models", told.append)
    assert path.read_bytes() == CONTENT
    assert told[-1].done_bytes == told[-1].total_bytes == len(CONTENT)
    assert installed(tmp_path / "models") == []
    asked = len(hub.asked)
    assert model.pull(tmp_path / "models") == path
    assert len(hub.asked) == asked


def test_a_cut_download_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    hub.cuts[model.FILE] = [50_000]
    assert model.pull(tmp_path).read_bytes() == CONTENT
    assert hub.asked[-1].endswith("bytes=50000-")


def test_a_damaged_one_that_is_there_is_replaced(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / model.FILE).write_bytes(CONTENT[:-1])
    assert model.pull(tmp_path).read_bytes() == CONTENT


def test_another_file_of_that_name_is_thrown_away(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "SHA256", "0" * 64)
    with pytest.raises(ModelProblem, match="arrived damaged"):
        model.pull(tmp_path)
    assert not (tmp_path / model.FILE).exists()


def test_a_hub_without_it_is_told_in_one_line(hub: Hub, tmp_path: Path) -> None:
    hub.repositories.clear()
    with pytest.raises(ModelProblem) as problem:
        model.pull(tmp_path)
    assert "\n" not in str(problem.value)
