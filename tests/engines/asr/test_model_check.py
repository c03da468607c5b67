"""What is said of a folder: whole, half, of another kind, unreadable."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import LayerSpec, visit_spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parley.engines.asr.model_check import check_model
from parley.engines.failures import EngineUnavailable, ModelProblem
from support.whisper_folder import SOT, model_bin, model_files, write_model


def problem(folder: Path) -> str:
    with pytest.raises(ModelProblem) as caught:
        check_model(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message, "it says what to do"
    return message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "whisper"


def test_a_whole_model_passes(folder: Path) -> None:
    check_model(write_model(folder))


@pytest.mark.parametrize("version", [3, 4, 5, 6])
def test_every_binary_version_that_is_known_passes(folder: Path, version: int) -> None:
    check_model(write_model(folder, model_bin=model_bin(version=version)))


def test_a_version_that_is_not_known_is_left_to_the_library(folder: Path) -> None:
    check_model(write_model(folder, model_bin=struct.pack("<I", 7) + b"whatever"))


def test_without_a_preprocessor_there_are_defaults(folder: Path) -> None:
    check_model(write_model(folder, preprocessor_config_json=None))


def test_a_vocabulary_may_be_text(folder: Path) -> None:
    check_model(write_model(folder, vocabulary_json=None, vocabulary_txt=b"hello\n"))


def test_what_ctranslate2_itself_writes_passes_and_not_when_it_is_cut(folder: Path) -> None:
    spec = WhisperSpec(1, 2, 1, 2)
    rng = np.random.default_rng(0)

    def fill(layer: object, name: str, value: object) -> None:
        if value is None:
            weights = rng.standard_normal((4, 3)).astype(np.float32)
            setattr(layer, name.split("/")[-1], weights)

    visit_spec(spec, fill)
    LayerSpec.validate(spec)  # its own wants a vocabulary too
    write_model(folder, model_bin=None)
    spec._serialize(str(folder / "model.bin"))
    check_model(folder)
    whole = (folder / "model.bin").read_bytes()
    for count in range(0, len(whole), 37):
        (folder / "model.bin").write_bytes(whole[:count])
        assert "model.bin" in problem(folder)


# Half copied


@pytest.mark.parametrize("kept", [1, 3, 4, 6, 17, 22, 40, 80, 120, 200, -1, -20])
def test_a_file_that_was_copied_by_half_is_noticed_wherever_it_ends(
    folder: Path, kept: int
) -> None:
    whole = model_bin()
    write_model(folder, model_bin=whole[:kept])
    assert problem(folder).startswith(f"{folder}/model.bin is cut off after {len(whole[:kept])} ")


def test_no_bytes_are_no_model(folder: Path) -> None:
    write_model(folder, model_bin=b"")
    assert "has no bytes" in problem(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "vocabulary.json", "model.bin"])
def test_what_is_missing_is_named(folder: Path, name: str) -> None:
    write_model(folder, **{name: None})
    message = problem(folder)
    assert name in message and "is missing" in message


def test_the_advice_names_the_command_where_the_folder_has_a_name(tmp_path: Path) -> None:
    write_model(tmp_path / "small", model_bin=b"")
    assert problem(tmp_path / "small").endswith("delete the folder and `parley models pull small`")
    write_model(tmp_path / "me--mine", model_bin=b"")
    assert problem(tmp_path / "me--mine").endswith("`parley models pull me/mine`")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "vocabulary.json",
                                  "preprocessor_config.json"])  # fmt: skip
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_json_that_is_none_is_named(folder: Path, name: str, content: bytes) -> None:
    write_model(folder, **{name: content})
    assert problem(folder).startswith(f"{folder}/{name} is no valid JSON; ")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", [], "holds no JSON object"),
        ("tokenizer.json", "BPE", "holds no JSON object"),
        ("tokenizer.json", {}, "is no tokenizer of Whisper's"),
        ("tokenizer.json", {"added_tokens": [{"content": SOT}]}, "is no tokenizer of Whisper's"),
        ("tokenizer.json", {"model": {}, "added_tokens": ["a"]}, "is no tokenizer of Whisper's"),
        ("tokenizer.json", {"model": {}, "added_tokens": 7}, "is no tokenizer of Whisper's"),
        ("vocabulary.json", [], "holds no tokens"),
        ("vocabulary.json", {"a": 1}, "holds no tokens"),
        ("preprocessor_config.json", [], "holds no JSON object"),
        ("preprocessor_config.json", {"feature_size": "80"}, "feature_size is '80'"),
        ("preprocessor_config.json", {"hop_length": 0}, "hop_length is 0"),
        ("preprocessor_config.json", {"n_fft": True}, "n_fft is True"),
    ],
)
def test_json_of_another_shape_is_named(
    folder: Path, name: str, content: object, words: str
) -> None:
    write_model(folder, **{name: json.dumps(content).encode()})
    message = problem(folder)
    assert message.startswith(f"{folder}/{name}") and words in message


def test_an_empty_text_vocabulary_is_named(folder: Path) -> None:
    write_model(folder, vocabulary_json=None, vocabulary_txt=b"")
    assert "holds no tokens" in problem(folder)


def test_a_file_that_is_far_too_large_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley.engines.asr.model_check.MAX_JSON_BYTES", 10)
    assert "far too large" in problem(write_model(folder))


# Another kind


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + bytes(500),  # a zip archive, as PyTorch writes it
        b"\x80\x02\x8a\nl\xfc\x9cF" + bytes(500),  # a pickle
        b"GGUF" + bytes(500),
        b"<!doctype html><html></html>" * 20,
        struct.pack("<IH", 6, 5) + b"abcd\0" + bytes(500),
        model_bin().replace(struct.pack("<II", 3, 2), struct.pack("<II", 3, 2**31)),
        bytes(500),
    ],
)
def test_other_bytes_are_no_ctranslate2_model(folder: Path, content: bytes) -> None:
    write_model(folder, model_bin=content)
    message = problem(folder)
    assert "is not a CTranslate2 Whisper model" in message
    assert "ct2-transformers-converter" in message


def test_a_pointer_of_git_lfs_says_how_to_get_the_file(folder: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    write_model(folder, model_bin=pointer)
    assert problem(folder).endswith("is a pointer of Git LFS's; run `git lfs pull` in the folder")


def test_a_translator_is_no_recognizer(folder: Path) -> None:
    write_model(folder, model_bin=model_bin(spec="TransformerSpec"))
    assert "is a TransformerSpec of CTranslate2, no WhisperSpec" in problem(folder)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "pytorch_model.bin", "small.pt", "ggml-base.bin", "m.gguf"]
)
def test_the_folder_of_another_library_says_how_to_convert(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / "config.json").write_text("{}")
    assert "ct2-transformers-converter" in problem(tmp_path)


# Folders


def test_a_folder_that_is_not_there(folder: Path) -> None:
    assert problem(folder).startswith(f"{folder}: there is no such folder")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(model_bin())
    assert problem(tmp_path / "model.bin").endswith("name the folder that holds model.bin")


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_text("")
    assert "is empty" in problem(tmp_path)


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json"])
def test_what_may_not_be_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_model(folder)
    opened = Path.open

    def refuse(self: Path, *arguments: object, **named: object) -> object:
        if self.name == name:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *arguments, **named)  # type: ignore[call-overload]

    def read_bytes(self: Path) -> bytes:
        with self.open("rb") as file:
            return file.read()

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert problem(folder).startswith(f"{folder}/{name} cannot be read: Permission denied; give")


def test_a_folder_in_place_of_a_file_is_told(folder: Path) -> None:
    write_model(folder, model_bin=None)
    (folder / "model.bin").mkdir()
    assert "cannot be read: Is a directory" in problem(folder)


def test_a_dangling_link_is_missing(folder: Path) -> None:
    write_model(folder, tokenizer_json=None)
    (folder / "tokenizer.json").symlink_to(folder / "nowhere")
    assert "tokenizer.json is missing" in problem(folder)


def test_a_problem_comes_through_a_worker_as_what_it_is() -> None:
    copy = pickle.loads(pickle.dumps(ModelProblem("no model; pull one")))
    assert isinstance(copy, ModelProblem) and isinstance(copy, EngineUnavailable)
    assert (str(copy), copy.retryable) == ("no model; pull one", False)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(sorted(model_files())))
def test_whatever_is_done_to_a_file_the_worst_is_a_problem_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, name: str
) -> None:
    folder = write_model(tmp_path_factory.getbasetemp() / "mangled")
    content = bytearray(model_files()[name])
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    (folder / name).write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        check_model(folder)
    except ModelProblem as found:
        assert "\n" not in str(found)
