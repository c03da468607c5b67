"""A timeline as one page that needs nothing but itself: no host, no library, no file beside it.

Its policy lets run only the one script and the one style that it was written with; what comes from
the recording is data, and is only ever set as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from typing import Any

from .payload import payload
from .sound import stereo_wav
from .timeline import Timeline

SCRIPTS = ("tell.js", "view.js", "waves.js", "lanes.js", "player.js", "turns.js", "main.js")
"""In the order in which they need each other; one script in the page."""


def page(timeline: Timeline) -> str:
    """The whole document."""
    style = _web("page.css")
    script = "'use strict';\n(() => {\n" + "\n".join(map(_web, SCRIPTS)) + "\n})();\n"
    sound = stereo_wav(timeline.caller, timeline.parley) if timeline.has_audio else b""
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; media-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": escape(f"{timeline.title} · Parley"),
        "style": style,
        "script": script,
        "data": _json(payload(timeline)),
        "sound": base64.b64encode(sound).decode("ascii"),
    }
    text = _web("page.html")
    for name, value in parts.items():
        before, found, behind = text.partition(f"<!--{name}-->")
        if not found:
            raise LookupError(f"page.html has no place for {name}")
        text = before + value + behind
    return text


def _web(name: str) -> str:
    return (files(__package__) / "web" / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _json(value: Any) -> str:
    """So that no text of a recording can end the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
