"""An MCP server that behaves badly, for tests: run with the Python of the tests, without the mcp
package, so that it is quick to start and free to break the protocol.

Its arguments say what it does: `junk` prints lines that are no messages between its answers,
`flood` writes notifications without end, `silent` answers nothing and lets itself not be told to
end, `huge` answers a call with one endless line, `deaf` reads nothing any more after its list,
`noisy` writes to standard error without end, `leaves` starts a process of its own that stays.
`notes=` is a folder; the numbers of its processes are written there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

MODES = set(sys.argv[1:])
NOTES = next((word.partition("=")[2] for word in MODES if word.startswith("notes=")), "")
TOOL = {"name": "echo", "description": "Says it again.", "inputSchema": {"type": "object"}}
LOCK = threading.Lock()


def write(text: bytes) -> None:
    with LOCK:
        while text:
            text = text[os.write(1, text) :]


def answer(number: object, result: dict[str, Any]) -> None:
    write(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode() + b"\n")


def result_of(asked: dict[str, Any]) -> dict[str, Any] | None:
    match asked.get("method"):
        case "initialize":
            version = asked["params"]["protocolVersion"]
            me = {"name": "raw", "version": "1"}
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": me}
        case "tools/list":
            return {"tools": [TOOL]}
        case "tools/call":
            said = json.dumps(asked["params"].get("arguments"))
            return {"content": [{"type": "text", "text": said}]}
        case _:
            return None


def without_end(descriptor: int, line: bytes) -> None:
    while True:
        if descriptor == 1:
            write(line * 100)
        else:
            os.write(descriptor, line * 100)


def main() -> None:
    processes = [os.getpid()]
    if "leaves" in MODES:
        hold = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        processes.append(subprocess.Popen([sys.executable, "-c", hold]).pid)
    if "silent" in MODES:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if NOTES:
        (Path(NOTES) / "new").write_text(" ".join(map(str, processes)))
        (Path(NOTES) / "new").rename(Path(NOTES) / "processes")
    if "noisy" in MODES:
        noise = (2, b"something of no interest\n")
        threading.Thread(target=without_end, args=noise, daemon=True).start()
    while "silent" in MODES:
        time.sleep(1)
    for line in sys.stdin:
        asked = json.loads(line)
        if "junk" in MODES:
            write(b"Loading model: 50%\n{\n\xff\xfe\n\n[1, 2]\n")
        if "huge" in MODES and asked.get("method") == "tools/call":
            without_end(1, b"x" * 1000)
        result = result_of(asked)
        if result is not None:
            answer(asked["id"], result)
        if asked.get("method") == "tools/list" and "flood" in MODES:
            note = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n'
            threading.Thread(target=without_end, args=(1, note), daemon=True).start()
        if asked.get("method") == "tools/list" and "deaf" in MODES:
            time.sleep(600)


if __name__ == "__main__":
    main()
