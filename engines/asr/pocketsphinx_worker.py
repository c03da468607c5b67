"""The worker's side of pocketsphinx: decoders, and the utterances that are open on them.

The same audio gives the same text whatever the decoder did before and however the audio is cut:
audio is decoded in blocks of one size, the cepstral mean is set at the start of each utterance,
the noise estimate is reset, and the rest of what a decoder remembers is washed out with silence
(measured: hypotheses and scores are equal to the last digit; without it the scores differ).
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..failures import EngineFailure, LaneLost

DECODERS_MAX = 8
"""Open utterances per lane. Each costs some 95 MB and, while somebody speaks, 0.15 of a core."""

PATIENT_MAX = 2
"""Beside them, pieces of recordings that are heard at the same time over HTTP."""

FORGOTTEN_S = 60.0
"""An utterance that nobody fed for so long has lost its owner: its decoder may be taken."""

BLOCK_BYTES = 640
"""20 ms. pocketsphinx moves its running mean between blocks: their size is part of the result."""

WASH = bytes(6400)
"""200 ms of silence fill the decoder's history of 7 frames several times over, in some 20 ms."""

START_CMN = "45,4.5,1,12,-2,2,0,-3,-1,-2,3,0,1"
"""The cepstral mean that a first utterance is decoded with: about that of three flite voices and
some human recordings. With the decoder's own (40,3,-1,0...) flite has nearly twice the errors."""

SETTINGS: dict[str, object] = {"loglevel": "FATAL"}
"""Its own. Closer beams for the second pass took no less time on human speech, and cost seven words
in a hundred."""


@dataclass(slots=True)
class Utterance:
    decoder: Any
    rest: bytes = b""
    used_s: float = field(default_factory=lambda: time.monotonic())


_idle: list[Any] = []
_open: dict[str, Utterance] = {}


def load() -> None:
    """A lane's `init`: one decoder ready, the others when they are needed."""
    warnings.simplefilter("ignore", DeprecationWarning)  # start_stream is, and has no successor
    _idle.append(_washed(_new()))


def begin(key: str, cmn: str) -> None:
    """Open utterance `key`. EngineFailure where all decoders are taken."""
    if not _idle and len(_open) >= DECODERS_MAX + PATIENT_MAX:
        oldest = min(_open, key=lambda other: _open[other].used_s)
        if time.monotonic() - _open[oldest].used_s < FORGOTTEN_S:
            raise EngineFailure(f"all {len(_open)} decoders of this lane are taken")
        release(oldest)
    decoder = _idle.pop() if _idle else _washed(_new())
    _open[key] = Utterance(decoder)
    _start(decoder, cmn)


def feed(key: str, pcm16: bytes) -> tuple[str, float]:
    """Decode more audio. Gives the hypothesis for all whole blocks so far, and the time in ms."""
    began_s = time.perf_counter()
    utterance = _utterance(key)
    audio = utterance.rest + pcm16
    whole = len(audio) - len(audio) % BLOCK_BYTES
    for start in range(0, whole, BLOCK_BYTES):
        utterance.decoder.process_raw(audio[start : start + BLOCK_BYTES])
    utterance.rest = audio[whole:]
    return _text(utterance.decoder), (time.perf_counter() - began_s) * 1000


def finish(key: str) -> tuple[str, float, float, str]:
    """The final text, how sure the decoder is of it, the time in ms, and the cepstral mean after
    this utterance."""
    began_s = time.perf_counter()
    utterance = _utterance(key)
    if utterance.rest:
        utterance.decoder.process_raw(utterance.rest)
    utterance.decoder.end_utt()
    text = _text(utterance.decoder)
    confidence = _confidence(utterance.decoder, text)
    cmn = utterance.decoder.get_cmn(True)
    return text, confidence, (time.perf_counter() - began_s) * 1000, cmn


def conclude(key: str) -> tuple[str, float, float, str]:
    """What `finish` would give, without an end: a copy of this process finishes, and its answer is
    all that is left of it. So the utterance goes on as if nobody had asked.

    The decoder cannot look at an utterance's end and come back, and to feed it once more from the
    start would cost what the utterance has cost so far.
    """
    began_s = time.perf_counter()
    _utterance(key)
    receiver, sender = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        os.close(receiver)
        os.close(sender)
        raise EngineFailure(f"the recognizer cannot be copied: {error.strerror}") from None
    if child == 0:
        _answer_and_end(key, sender)
    os.close(sender)
    with os.fdopen(receiver, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    if not said:
        raise EngineFailure("the copy of the recognizer died")
    text, confidence, cmn = json.loads(said)
    return text, confidence, (time.perf_counter() - began_s) * 1000, cmn


def _answer_and_end(key: str, sender: int) -> NoReturn:
    """In the copy. It ends without any clearing up: what there is to clear up is the original's."""
    try:
        text, confidence, _, cmn = finish(key)
        with os.fdopen(sender, "wb") as answer:
            answer.write(json.dumps([text, confidence, cmn]).encode())
    finally:
        os._exit(0)


def release(key: str) -> None:
    """Give the utterance's decoder back, finished or not. Harmless where there is none."""
    utterance = _open.pop(key, None)
    if utterance is not None:
        with contextlib.suppress(RuntimeError):  # it was finished
            utterance.decoder.end_utt()
        _idle.append(_washed(utterance.decoder))


def counts() -> tuple[int, int]:
    """Open utterances and idle decoders."""
    return len(_open), len(_idle)


def _utterance(key: str) -> Utterance:
    try:
        utterance = _open[key]
    except KeyError:
        raise LaneLost("the utterance is not open any more") from None
    utterance.used_s = time.monotonic()
    return utterance


def _text(decoder: Any) -> str:
    hypothesis = decoder.hyp()
    return "" if hypothesis is None else str(hypothesis.hypstr)


def _confidence(decoder: Any, text: str) -> float:
    """The posterior of the whole sentence as that of a single word: its geometric mean. 0 to 1."""
    words = len(text.split())
    if not words:
        return 0.0
    return float(min(max(decoder.hyp().prob, 0.0), 1.0) ** (1 / words))


def _new() -> Any:
    from pocketsphinx import Decoder  # only in the worker

    return Decoder(**SETTINGS)


def _start(decoder: Any, cmn: str) -> None:
    decoder.set_cmn(cmn)
    decoder.start_stream()
    decoder.start_utt()


def _washed(decoder: Any) -> Any:
    _start(decoder, START_CMN)
    decoder.process_raw(WASH)
    decoder.end_utt()
    return decoder
