"""The process that holds a GGUF model: llama.cpp, by xllamacpp, behind its own HTTP door.

    python -m parley.engines.llm.gguf_worker MODEL.gguf [CONTEXT]

Prints one line of JSON: {"url": ...} when it serves on a free port of loopback, or {"error": ...}.
It ends when its standard input does, whatever it is doing, so it never outlives who started it; and
signals to the whole group are not for it, since replies may finish.
"""

from __future__ import annotations

import json
import os
import sys

from ..lanes.worker import die_when_closed, ignore_signals_of_the_group

AT_ONCE = 4
"""Replies at once; others wait their turn."""

HEADER = b"GGUF"


def _tell(**what: str) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(path: str, context: int) -> int:
    ignore_signals_of_the_group()
    die_when_closed(sys.stdin.fileno())
    try:
        with open(path, "rb") as file:
            if file.read(len(HEADER)) != HEADER:
                _tell(error=f"{path} is no GGUF file")
                return 1
    except OSError as error:
        _tell(error=f"{path} cannot be read ({error.strerror})")
        return 1
    try:
        import xllamacpp
    except ImportError as error:
        _tell(error=f"xllamacpp is not installed ({error}): pip install xllamacpp")
        return 1
    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.n_ctx = context * AT_ONCE
    parameters.n_parallel = AT_ONCE
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.ui = False
    parameters.verbosity = -1
    try:
        server = xllamacpp.Server(parameters)
    except Exception as error:  # whatever its C++ finds wrong with the file
        _tell(error=f"{path} cannot be loaded ({' '.join(str(error).split())})")
        return 1
    _tell(url=f"{server.listening_address}/v1")
    sys.stdin.buffer.read()
    os._exit(0)  # its threads may be writing a reply that nobody waits for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
