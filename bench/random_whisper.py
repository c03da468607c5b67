"""Whisper in its true shapes with random weights: fit for timing, and for nothing else.

Real weights have to be fetched from a hub. What a decode costs does not depend on their values, as
long as as many tokens are decoded; these never say the end, so every decode runs to its cap.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

VOCABULARY = 51_865
TEXT_TOKENS = 50_257
MEL_BINS = 80
SPECIAL = (
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """As published: layers of encoder and decoder each, their width, attention heads."""

    layers: int
    width: int
    heads: int


SHAPES = {
    "tiny": Shape(4, 384, 6),
    "base": Shape(6, 512, 8),
    "small": Shape(12, 768, 12),
}


def make(folder: Path, shape: Shape, seed: int = 1) -> Path:
    """Write a model that faster-whisper loads, int8, into `folder`. Takes seconds, 40 to 250 MB."""
    from ctranslate2.specs import WhisperSpec

    rng = np.random.default_rng(seed)
    spec = WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    _encoder(spec.encoder, shape, rng)
    _decoder(spec.decoder, shape, rng)
    tokens = _tokens()
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids = []
    # The end of the text is never said, at the beginning or later: its row of weights says no.
    spec.config.suppress_ids_begin = [TEXT_TOKENS]
    spec.config.lang_ids = [tokens.index("<|en|>")]
    spec.config.alignment_heads = [[shape.layers - 1, 0]]
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    _save_tokenizer(folder, tokens)
    return folder


def _tokens() -> list[str]:
    words = [f"\u0120w{number}" for number in range(TEXT_TOKENS)]
    times = [f"<|{number * 0.02:.2f}|>" for number in range(1501)]
    special = [*SPECIAL[:2], *SPECIAL[2:]]
    more = [f"<|l{number}|>" for number in range(VOCABULARY - TEXT_TOKENS - len(special) - 1501)]
    return [*words, *special, *more, *times]


def _save_tokenizer(folder: Path, tokens: list[str]) -> None:
    """One word is one token: nothing is ever encoded with it but the prompt."""
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": number, "content": token, "single_word": False, "lstrip": False,
                "rstrip": False, "normalized": False, "special": True,
            }
            for number, token in enumerate(tokens) if token in SPECIAL
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
        "model": {
            "type": "WordLevel",
            "vocab": {token: number for number, token in enumerate(tokens)},
            "unk_token": "\u0120w0",
        },
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    mels = {"feature_size": MEL_BINS, "sampling_rate": 16000, "hop_length": 160, "n_fft": 400}
    (folder / "preprocessor_config.json").write_text(json.dumps(mels), encoding="utf-8")


def _encoder(spec: Any, shape: Shape, rng: np.random.Generator) -> None:
    _linear(spec.conv1, (shape.width, MEL_BINS, 3), rng)
    _linear(spec.conv2, (shape.width, shape.width, 3), rng)
    spec.position_encodings.encodings = _weights((1500, shape.width), rng)
    _norm(spec.layer_norm, shape)
    for layer in spec.layer:
        _attention(layer.self_attention, shape, rng, (3, 1))
        _feed_forward(layer.ffn, shape, rng)


def _decoder(spec: Any, shape: Shape, rng: np.random.Generator) -> None:
    spec.embeddings.weight = _weights((VOCABULARY, shape.width), rng)
    spec.position_encodings.encodings = _weights((448, shape.width), rng)
    _norm(spec.layer_norm, shape)
    _linear(spec.projection, (VOCABULARY, shape.width), rng)
    # Only words, never the end or another special token, whatever the rest makes of it.
    spec.projection.bias[TEXT_TOKENS:] = -1e4
    for layer in spec.layer:
        _attention(layer.self_attention, shape, rng, (3, 1))
        _attention(layer.attention, shape, rng, (1, 2, 1))
        _feed_forward(layer.ffn, shape, rng)


def _attention(spec: Any, shape: Shape, rng: np.random.Generator, widths: tuple[int, ...]) -> None:
    _norm(spec.layer_norm, shape)
    for linear, times in zip(spec.linear, widths, strict=True):
        _linear(linear, (times * shape.width, shape.width), rng)


def _feed_forward(spec: Any, shape: Shape, rng: np.random.Generator) -> None:
    _norm(spec.layer_norm, shape)
    _linear(spec.linear_0, (4 * shape.width, shape.width), rng)
    _linear(spec.linear_1, (shape.width, 4 * shape.width), rng)


def _linear(spec: Any, size: tuple[int, ...], rng: np.random.Generator) -> None:
    spec.weight = _weights(size, rng)
    spec.bias = np.zeros(size[0], dtype=np.float32)


def _norm(spec: Any, shape: Shape) -> None:
    spec.gamma = np.ones(shape.width, dtype=np.float32)
    spec.beta = np.zeros(shape.width, dtype=np.float32)


def _weights(size: tuple[int, ...], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    spread = 1 / np.sqrt(np.prod(size[1:]))
    weights: np.ndarray[Any, Any] = rng.standard_normal(size, dtype=np.float32) * spread
    return weights.astype(np.float32)
