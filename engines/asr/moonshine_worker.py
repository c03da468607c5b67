"""The worker's side of Moonshine: two graphs through onnxruntime, and one call.

A decode leaves nothing behind in the worker, so any lane can do any pass of any utterance. The
encoder takes the audio as it is, as long as it is: no mels, no window. The decoder steps through
the text token by token with the keys and values of all steps before.

Source: the graphs' own inputs and outputs, as exported for transformers.js; Moonshine's paper
(Jeffries and others, 2024) for the token rate.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...audio.pcm import HEARING_RATE_HZ
from ..failures import EngineFailure
from .decoded import Decoded
from .moonshine_files import DECODER, ENCODER, TOKENIZER, Pieces, read_pieces

BEGIN, END = 1, 2
"""Tokens."""
TOKENS_PER_S = 6.5
"""Above is a loop (the paper's own limit); `TOKENS_MORE` for short audio."""
TOKENS_MORE = 3
TOKENS_MOST = 190
"""The model knows no more places."""

LEAST_SAMPLES = HEARING_RATE_HZ // 10
"""The encoder's first layer needs so many to give anything; less is filled up with silence."""

UNSURE_FIRST = 0.75
"""A text of one token is believed from this likelihood of it: silence and noise give "You" with
less, measured on silence, noise and snippets of 0.3 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One decode of PCM16 at 16 kHz. `lead_ms` of silence are put before it and behind it."""

    pcm16: bytes
    lead_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    encoder: Any
    decoder: Any
    pieces: Pieces
    layers: int
    """Of the decoder; each has keys and values of its own and of the encoder."""
    outputs: tuple[str, ...]


_model: _Model | None = None


def load(folder: str, threads: int) -> None:
    """A lane's `init`: the model in a folder. Raises EngineFailure in one line for a folder that
    does not work."""
    global _model
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # What a lane needs now and then for a long utterance it would keep for good.
    options.enable_cpu_mem_arena = False

    def session(name: str) -> Any:
        return onnxruntime.InferenceSession(
            str(Path(folder, name)), options, providers=["CPUExecutionProvider"]
        )

    try:
        encoder, decoder = session(ENCODER), session(DECODER)
        pieces = read_pieces(Path(folder, TOKENIZER).read_bytes())
    except Exception as error:  # onnxruntime raises a class for each of its own codes
        reason = str(error).splitlines()[0]
        raise EngineFailure(f"the Moonshine model in {folder} cannot be loaded: {reason}") from None
    names = [output.name for output in decoder.get_outputs()]
    layers = sum(name.endswith(".decoder.key") for name in names)
    _model = _Model(
        encoder=encoder, decoder=decoder, pieces=pieces, layers=layers, outputs=tuple(names)
    )
    decode([Pass(pcm16=bytes(HEARING_RATE_HZ))])


def decode(passes: Sequence[Pass]) -> list[Decoded]:
    """Each pass on its own: a batch would be padded to its longest audio, which this model hears
    as audio."""
    if _model is None:
        raise EngineFailure("no model is loaded")
    return [_decode(_model, job) for job in passes]


def token_cap(audio_s: float) -> int:
    """The most tokens that so much audio can hold."""
    return min(TOKENS_MOST, math.ceil(audio_s * TOKENS_PER_S) + TOKENS_MORE)


def _decode(model: _Model, job: Pass) -> Decoded:
    began_s = time.perf_counter()
    samples = _samples(job)
    audio_s = len(samples) / HEARING_RATE_HZ
    try:
        tokens, likelihoods = _greedy(model, samples, token_cap(audio_s))
    except Exception as error:  # onnxruntime raises a class for each of its own codes
        reason = str(error).splitlines()[0][:200]
        raise EngineFailure(f"Moonshine failed over {audio_s:.1f} s: {reason}") from None
    ended = bool(tokens) and tokens[-1] == END
    words = tokens[:-1] if ended else tokens
    no_speech = 0.0
    if len(words) <= 1:
        no_speech = 1.0 if not words or math.exp(likelihoods[0]) < UNSURE_FIRST else 0.0
    return Decoded(
        text=model.pieces.text_of(words),
        log_probability=sum(likelihoods) / len(likelihoods) if words else 0.0,
        no_speech=no_speech,
        capped=not ended,
        ms=(time.perf_counter() - began_s) * 1000,
        tokens=tuple(words),
        language="en",
    )


def _samples(job: Pass) -> Any:
    samples = np.frombuffer(job.pcm16, dtype="<i2").astype(np.float32) / 32768.0
    lead = job.lead_ms * HEARING_RATE_HZ // 1000
    missing = max(0, LEAST_SAMPLES - len(samples) - 2 * lead)
    return np.pad(samples, (lead, lead + missing))


def _greedy(model: _Model, samples: Any, most: int) -> tuple[list[int], list[float]]:
    """The likeliest token at each step, up to the end or to `most`, with their log likelihoods."""
    import onnxruntime

    value = onnxruntime.OrtValue.ortvalue_from_numpy
    # Of samples, for both graphs: the decoder takes each 384th for one place of the encoder's.
    mask = value(np.ones((1, len(samples)), dtype=np.int64))
    (encoded,) = model.encoder.run_with_ort_values(
        ["last_hidden_state"], {"input_values": value(samples[None, :]), "attention_mask": mask}
    )
    feed = {
        "encoder_hidden_states": encoded,
        "encoder_attention_mask": mask,
        "use_cache_branch": value(np.array([False])),
        "input_ids": value(np.array([[BEGIN]], dtype=np.int64)),
    }
    nothing = value(np.zeros((1, 8, 0, 36), dtype=np.float32))
    for layer in range(model.layers):
        for side in ("decoder", "encoder"):
            for kind in ("key", "value"):
                feed[f"past_key_values.{layer}.{side}.{kind}"] = nothing
    tokens: list[int] = []
    likelihoods: list[float] = []
    for step in range(most):
        found = dict(
            zip(
                model.outputs,
                model.decoder.run_with_ort_values(list(model.outputs), feed),
                strict=True,
            )
        )
        scores = found.pop("logits").numpy()[0, -1]
        token = int(scores.argmax())
        tokens.append(token)
        likelihoods.append(-float(np.log(np.exp(scores - scores[token]).sum())))
        if token == END:
            break
        for name, kept in found.items():
            if step == 0 or ".decoder." in name:  # the encoder's are made in the first step only
                feed[name.replace("present", "past_key_values")] = kept
        feed["input_ids"] = value(np.array([[token]], dtype=np.int64))
        feed["use_cache_branch"] = value(np.array([True]))
    return tokens, likelihoods
