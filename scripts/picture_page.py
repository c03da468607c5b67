#!/usr/bin/env python3
"""Pictures of the page: idle, in a conversation, with the drawer; three widths, light and dark.

Needs chromium and `pip install -e '.[browser]'`. A server of its own hears three
sentences, of which the last interrupts an answer. With `--readme` it makes docs/page.png alone.

    .venv/bin/python scripts/picture_page.py FOLDER
    .venv/bin/python scripts/picture_page.py --readme
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.browser import Tab, browsing, microphone_wav, serving  # noqa: E402

SIZES = [(390, 844), (1280, 800), (1920, 1080)]
HEARD = (0.5, "1-weather", 6.0, "8-mother", 2.6, "4-lights", 20.0)
"""Seconds of silence, and recordings: the third interrupts the answer to the second."""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as server, tempfile.TemporaryDirectory() as made:
        heard = microphone_wav(Path(made) / "mic.wav", *HEARD)
        for scheme in ("light", "dark"):
            with browsing(server.url, heard, color_scheme=scheme, reduced_motion="reduce") as tab:
                tab.until("!document.getElementById('who').hidden")
                shoot(tab, folder, f"idle-{scheme}")
                converse(tab)
                shoot(tab, folder, f"conversation-{scheme}")
                tab.page.click("#open-settings")
                tab.page.fill("#silence", "500")
                shoot(tab, folder, f"drawer-{scheme}")
                tab.page.click("#undo")
                tab.page.click("#settings .close")
                tab.page.click("#open-help")
                shoot(tab, folder, f"help-{scheme}")


def readme() -> None:
    with serving() as server, tempfile.TemporaryDirectory() as made:
        heard = microphone_wav(Path(made) / "mic.wav", *HEARD)
        with browsing(server.url, heard, viewport={"width": 1280, "height": 760}) as tab:
            converse(tab)
            tab.page.screenshot(path=ROOT / "docs" / "page.png")


def converse(tab: Tab) -> None:
    """Until the answer after the interruption is being spoken."""
    tab.page.click("#talk")
    tab.until("told.some(e => e.type === 'interrupted')", 40)
    tab.until("told.filter(e => e.type === 'final' && e.text).length === 3", 40)
    tab.until("document.querySelector('#conversation li:last-child .lit') !== null")
    tab.page.wait_for_timeout(900)


def shoot(tab: Tab, folder: Path, name: str) -> None:
    for width, height in SIZES:
        narrow = width < 1080
        tab.page.set_viewport_size({"width": width, "height": height})
        # As somebody finds it who has a screen of this size.
        if tab.page.is_visible("#details") == narrow:
            tab.page.evaluate("document.getElementById('strip').click()")
        tab.page.wait_for_timeout(150)
        tab.page.screenshot(path=folder / f"{name}-{width}.png")


if __name__ == "__main__":
    if sys.argv[1:] == ["--readme"]:
        readme()
    else:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else "page-pictures"))
