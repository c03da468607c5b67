"""A trained model to CTranslate2's format, 8-bit, in a folder that faster-whisper loads offline.

    python convert.py RUN FOLDER

Only the model's own files in FOLDER are replaced; a README beside them stays.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from ctranslate2.converters import TransformersConverter
from transformers import GenerationConfig

import tokens

PREPROCESSOR = {
    "feature_size": 80,
    "sampling_rate": 16000,
    "hop_length": 160,
    "chunk_length": 30,
    "n_fft": 400,
}
"""What faster-whisper's FeatureExtractor is made with."""


def prepare(folder: Path) -> None:
    """What the converter wants to find beside the weights.

    The end of the text is not suppressed at the beginning, as it is in the published models: here
    nothing said gives no words.
    """
    tokenizer = tokens.build()
    ids = tokens.Ids.of(tokenizer)
    tokens.save(tokenizer, folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR, indent=2) + "\n")
    special = [tokenizer.token_to_id(text) for text in tokens.SPECIAL if text != "<|endoftext|>"]
    GenerationConfig(
        suppress_tokens=[number for number in special if number != ids.no_timestamps],
        begin_suppress_tokens=[ids.blank],
        lang_to_id={"<|en|>": tokenizer.token_to_id("<|en|>")},
        decoder_start_token_id=ids.start,
        eos_token_id=ids.end,
        pad_token_id=ids.end,
        max_length=448,
    ).save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    trained = options.run / "model"
    prepare(trained)
    converter = TransformersConverter(
        str(trained), copy_files=["tokenizer.json", "preprocessor_config.json"]
    )
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        converter.convert(made, quantization="int8", force=True)
        for path in sorted(Path(made).iterdir()):
            shutil.copyfile(path, options.folder / path.name)
            print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
