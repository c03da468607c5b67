"""The worker's side of Whisper: a model through faster-whisper and CTranslate2, and one call.

A decode leaves nothing behind in the worker, so any lane can do any pass of any utterance.
faster-whisper loads the model, makes the mels and the prompt; the window is ours (its own pads to
30 s whatever one asks for).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..failures import EngineFailure
from ..models.folder import models_folder
from .decoded import Decoded
from .interface import LanguageUnknown
from .model_store import parse_name, ready_model
from .quiet_cuts import seconds_of
from .spoken_language import Found, Look, found
from .whisper_device import (
    Device,
    compute_type_on,
    ends_with_its_gpu,
    find_cublas,
    on_cpu_because,
)
from .whisper_window import FRAMES_PER_S, FULL_FRAMES, frames_of

TRANSCRIBE, TRANSLATE = "transcribe", "translate"
"""What is written down: what is said, or that in English."""

WARM_UP_S = 1.0
ALIGN_MARGIN_S = 1.0
"""Silence behind the words whose times are looked for."""
FRAME_SAMPLES = 160
"""Of a mel frame: 10 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One decode: PCM16 at 16 kHz, the window in mel frames, and how hard to try."""

    pcm16: bytes
    frames: int
    beam: int
    tokens: int
    """The most that are decoded."""
    language: str
    """A code, or "" for the one that is found."""
    begins: tuple[int, ...] = ()
    """Tokens that the text begins with. CTranslate2 steps through them like through any others, so
    they keep the words from wavering and save no time."""
    look: Look | None = None
    """How the language is looked for; None: it is not, where there is a code."""
    task: str = TRANSCRIBE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    whisper: Any
    prompt_of: Any
    device: Device


_model: _Model | None = None


def load(folder: str, compute_type: str, threads: int) -> str | None:
    """A lane's `init`. `compute_type` "" chooses: float16 on CUDA, int8 elsewhere. Where there is a
    GPU that cannot be used, the CPU is, and what is given says so in one line.

    Raises EngineFailure in one line for a folder that does not work.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    import ctranslate2

    remark = None
    if ctranslate2.get_cuda_device_count():
        find_cublas()
        try:
            _load_on("cuda", folder, compute_type_on("cuda", compute_type), threads)
            return None
        except (RuntimeError, ValueError) as error:  # a library, memory, an old GPU; or the folder
            remark = on_cpu_because(error)
    cpu_type = compute_type_on("cpu", compute_type, instead=remark is not None)
    try:
        _load_on("cpu", folder, cpu_type, threads)
    except (RuntimeError, ValueError, OSError, KeyError, TypeError) as error:
        raise EngineFailure(f"the Whisper model in {folder} cannot be loaded: {error}") from None
    return remark


def _load_on(device: Device, folder: str, compute_type: str, threads: int) -> None:
    """Raises what CTranslate2 raises, and EngineFailure for a tokenizer that does not work."""
    global _model
    from faster_whisper import WhisperModel

    try:
        whisper = WhisperModel(
            folder,
            device=device,
            compute_type=compute_type,
            cpu_threads=threads,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError, KeyError, TypeError):
        raise
    except Exception as error:  # tokenizers raises bare Exceptions
        raise EngineFailure(f"the model's tokenizer cannot be loaded: {error}") from None
    loaded = _Model(whisper=whisper, prompt_of=_Prompts(whisper), device=device)
    silence = bytes(int(WARM_UP_S * 32_000))
    _decode(loaded, [Pass(pcm16=silence, frames=300, beam=1, tokens=4, language="en")])
    _model = loaded


def load_named(name: str, models_dir: str | None, threads: int) -> str | None:
    """A lane's `init` for a model by the name that the settings have for it. Looks for it each
    time, so a lane that found none finds the one that was fetched meanwhile."""
    folder = ready_model(name, models_folder(models_dir))
    return load(str(folder), parse_name(name).compute_type or "", threads)


def loaded() -> Any:
    """The faster-whisper model of this worker. Raises EngineFailure where there is none."""
    if _model is None:
        raise EngineFailure("no model is loaded")
    return _model.whisper


def device_of_model() -> str:
    """Where it runs, and with which arithmetic. Raises EngineFailure where there is none."""
    model = loaded().model
    return f"{model.device}, {model.compute_type}"


def decode(passes: Sequence[Pass]) -> list[Decoded]:
    """All passes in one go, in the window and with the beam of the widest. Four in a batch cost up
    to a third less each on a CPU, and a GPU takes four for what it takes for one or two; of short
    passes little is gained, as the batch takes as long as its longest text. They must begin with
    equally many tokens."""
    if _model is None:
        raise EngineFailure("no model is loaded")
    with ends_with_its_gpu(_model.device):
        return _decode(_model, passes)


def _decode(model: _Model, passes: Sequence[Pass]) -> list[Decoded]:
    began_s = time.perf_counter()
    whisper, prompts = model.whisper, model.prompt_of
    if not whisper.model.is_multilingual and any(job.task == TRANSLATE for job in passes):
        raise LanguageUnknown("this Whisper model knows English only, so it cannot translate")
    frames = max(job.frames for job in passes)
    mels = np.stack([_mels(whisper, job.pcm16, frames) for job in passes])
    encoded = whisper.encode(mels)
    looks = _looks(whisper, encoded, passes)
    languages = [job.language or seen.language for job, seen in zip(passes, looks, strict=True)]
    prompt = [
        [*prompts.of(language, job.task), *job.begins]
        for job, language in zip(passes, languages, strict=True)
    ]
    most = max(job.tokens for job in passes)
    results = whisper.model.generate(
        encoded,
        prompt,
        beam_size=max(job.beam for job in passes),
        max_length=min(whisper.max_length, _length(most, len(prompt[0]) - len(passes[0].begins))),
        return_scores=True,
        return_no_speech_prob=True,
        suppress_blank=True,
        suppress_tokens=prompts.suppressed,
    )
    ms = (time.perf_counter() - began_s) * 1000 / len(passes)
    return [
        _decoded(prompts, result, job, language, seen, ms)
        for result, job, language, seen in zip(results, passes, languages, looks, strict=True)
    ]


def knows(language: str) -> bool:
    """Whether the model was trained on a language."""
    return bool(loaded().model.is_multilingual) or language == "en"


def word_times(pcm16: bytes, text: str, language: str) -> list[tuple[str, float, float]]:
    """Each word of `text`, which was heard in this audio, with the seconds at which it begins and
    ends: where the model looked while it wrote the word."""
    if _model is None:
        raise EngineFailure("no model is loaded")
    whisper, prompts = _model.whisper, _model.prompt_of
    audio_s = seconds_of(len(pcm16))
    tokenizer = prompts.tokenizer(language)
    frames = frames_of(audio_s, ALIGN_MARGIN_S, audio_s)
    tokens = tokenizer.encode(" " + text.strip())
    spoken = min(frames, max(2, int(audio_s * FRAMES_PER_S)))
    with ends_with_its_gpu(_model.device):
        encoded = whisper.encode(_mels(whisper, pcm16, frames)[None])
        (found,) = whisper.find_alignment(tokenizer, [tokens], encoded, spoken)
    words: list[tuple[str, float, float]] = []
    for each in found:
        start_s, end_s = min(float(each["start"]), audio_s), min(float(each["end"]), audio_s)
        part = str(each["word"])
        if words and not part.startswith(" "):  # punctuation, or the rest of a word
            word, begins_s, _ = words[-1]
            words[-1] = (word + part, begins_s, end_s)
        elif part.strip():
            words.append((part.strip(), start_s, end_s))
    return words


def _length(tokens: int, prompt: int) -> int:
    """What CTranslate2 is to be told, so that it decodes so many: it takes the half of it, as the
    reference does with its context, or it less the prompt, whichever is smaller."""
    return max(2 * tokens, tokens + prompt)


def _decoded(
    prompts: _Prompts, result: Any, job: Pass, language: str, seen: Found, ms: float
) -> Decoded:
    tokens = tuple(result.sequences_ids[0])  # what it was told to begin with among them
    return Decoded(
        text=prompts.text_of(tokens),
        # CTranslate2 divides the sum by the number of tokens, which makes NaN of none; the
        # reference counts the end as one.
        log_probability=result.scores[0] * len(tokens) / (len(tokens) + 1) if tokens else 0.0,
        no_speech=result.no_speech_prob,
        capped=len(tokens) >= job.tokens,
        ms=ms,
        tokens=tokens,
        language=language,
        found=seen.language,
        sure=seen.sure,
        other=seen.other,
    )


def _looks(whisper: Any, encoded: Any, passes: Sequence[Pass]) -> Sequence[Found]:
    """The language of each; only asked where one of them wants to know, for it takes a step of the
    decoder."""
    if all(job.language and job.look is None for job in passes):
        return [Found("", 0.0)] * len(passes)
    if not whisper.model.is_multilingual:
        return [Found("en", 1.0)] * len(passes)
    told = whisper.model.detect_language(encoded)
    return [_found(likely, job) for likely, job in zip(told, passes, strict=True)]


def _found(likely: Sequence[tuple[str, float]], job: Pass) -> Found:
    if job.language and job.look is None:
        return Found("", 0.0)  # only the others wanted to know
    probabilities = [(token[2:-2], p) for token, p in likely]  # <|de|>
    return found(probabilities, job.look or Look(), seconds_of(len(job.pcm16)))


def _mels(whisper: Any, pcm16: bytes, frames: int) -> Any:
    """Mels of the audio and of the silence behind it, up to the window.

    The silence is of samples. faster-whisper fills its windows with mels of zero, which are louder
    than speech: in a window of 30 s the model knows that, in a tight one it says the words again.
    """
    samples = np.frombuffer(pcm16, dtype="<i2").astype(np.float32) / 32768.0
    missing = max(0, frames * FRAME_SAMPLES - len(samples))
    mels = whisper.feature_extractor(np.pad(samples, (0, missing)), padding=FRAME_SAMPLES)
    mels = mels[:, : min(frames, FULL_FRAMES)]
    return np.pad(mels, ((0, 0), (0, frames - mels.shape[1]))).astype(np.float32)


class _Prompts:
    """Prompts and texts, per language, as faster-whisper's tokenizer makes them."""

    def __init__(self, whisper: Any) -> None:
        self._whisper = whisper
        self._tokenizers: dict[tuple[str, str], Any] = {}
        self.suppressed = self._suppressed()

    def of(self, language: str, task: str = TRANSCRIBE) -> list[int]:
        tokenizer = self.tokenizer(language, task)
        return [*tokenizer.sot_sequence, tokenizer.no_timestamps]

    def text_of(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer("en").decode(tokens)).strip()

    def tokenizer(self, language: str, task: str = TRANSCRIBE) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        if (language, task) not in self._tokenizers:
            self._tokenizers[language, task] = Tokenizer(
                self._whisper.hf_tokenizer,
                self._whisper.model.is_multilingual,
                task=task,
                language=language,
            )
        return self._tokenizers[language, task]

    def _suppressed(self) -> list[int]:
        from faster_whisper.transcribe import get_suppressed_tokens

        return list(get_suppressed_tokens(self.tokenizer("en"), [-1]))
