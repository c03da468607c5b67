"""Memory that a test is done with, given back: the tests are one process."""

from __future__ import annotations

import ctypes
import gc


def give_memory_back() -> None:
    """What nobody holds any more goes back to the system. glibc keeps freed blocks below others
    that are in use, and engines free many; where the C library is another, nothing happens."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
