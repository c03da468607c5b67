"""G.711, the sound of telephones: eight bits a sample at 8 kHz, by the µ-law or the A-law.

Source: ITU-T G.711. Decoding is a table of 256 samples, encoding a table of all 65,536.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

Law = Literal["ulaw", "alaw"]

RATE_HZ = 8_000

_BIAS, _CLIP = 0x84, 32_635


def decode(data: bytes, law: Law) -> bytes:
    """PCM16 little-endian mono."""
    samples = _decoded(law)[np.frombuffer(data, dtype=np.uint8)]
    pcm16: bytes = samples.astype("<i2").tobytes()
    return pcm16


def encode(pcm16: bytes, law: Law) -> bytes:
    """One byte a sample. `pcm16` is little-endian mono; an odd last byte is left out."""
    whole = pcm16[: len(pcm16) // 2 * 2]
    codes: bytes = _encoded(law)[np.frombuffer(whole, dtype="<u2")].tobytes()
    return codes


@cache
def _decoded(law: Law) -> npt.NDArray[np.int16]:
    codes = np.arange(256, dtype=np.int32)
    return (_ulaw_samples(codes) if law == "ulaw" else _alaw_samples(codes)).astype(np.int16)


def _ulaw_samples(codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    bits = ~codes & 0xFF
    exponent, mantissa = bits >> 4 & 7, bits & 15
    size = ((mantissa << 3) + _BIAS << exponent) - _BIAS
    return np.where(bits & 0x80, -size, size)


def _alaw_samples(codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    bits = codes ^ 0x55
    exponent, mantissa = bits >> 4 & 7, bits & 15
    low = (mantissa << 4) + 8
    size = np.where(exponent == 0, low, low + 0x100 << np.maximum(exponent - 1, 0))
    return np.where(bits & 0x80, size, -size)


@cache
def _encoded(law: Law) -> npt.NDArray[np.uint8]:
    """For each 16-bit pattern, read as unsigned, the code whose sample the law gives it."""
    samples = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    return (_ulaw_codes(samples) if law == "ulaw" else _alaw_codes(samples)).astype(np.uint8)


def _ulaw_codes(samples: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    sign = np.where(samples < 0, 0x80, 0)
    size = np.minimum(np.abs(samples >> 2), _CLIP >> 2) + (_BIAS >> 2)  # fourteen bits
    exponent = np.floor(np.log2(size)).astype(np.int32) - 5
    mantissa = size >> exponent + 1 & 15
    codes: npt.NDArray[np.int32] = ~(sign | exponent << 4 | mantissa) & 0xFF
    return codes


def _alaw_codes(samples: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    sign = np.where(samples >= 0, 0x80, 0)
    size = np.where(samples >= 0, samples, -samples - 1) >> 4
    exponent = np.maximum(np.floor(np.log2(np.maximum(size, 1))).astype(np.int32) - 3, 1)
    exponent = np.where(size < 32, np.where(size < 16, 0, 1), exponent)
    mantissa = np.where(exponent == 0, size & 15, size >> np.maximum(exponent - 1, 0) & 15)
    codes: npt.NDArray[np.int32] = (sign | exponent << 4 | mantissa) ^ 0x55
    return codes
