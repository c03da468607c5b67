#!/usr/bin/env python3
"""Pictures of the page: idle, in a conversation, with the drawer; three widths, light and dark.

Needs chromium, `pip install -e '.[browser]'` and `parley models pull defaults`. A server of its own
hears three sentences; the last one interrupts an answer. With `--readme` it makes docs/page.png
alone.

    .venv/bin/python scripts/picture_page.py FOLDER
    .venv/bin/python scripts/picture_page.py --readme
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.browser import Tab, browsing, microphone_wav, serving  # noqa: E402

SIZES = [(390, 844), (1280, 800), (1920, 1080)]
SAID = (
    (0.5, "What time is it in Tokyo?"),
    (6.0, "What do you know about love?"),
    (4.5, "Set a timer for ten minutes."),
)
"""Seconds of silence, then a sentence: the third interrupts the answer to the second."""


def microphone(folder: Path) -> Path:
    """The sentences, by the voice that Parley has."""
    parts: list[float | str] = []
    for number, (silence_s, sentence) in enumerate(SAID):
        path = folder / f"{number}.wav"
        command = [sys.executable, "-m", "parley", "voices", "say", "joe", sentence]
        subprocess.run([*command, "--out", str(path)], check=True, stdout=subprocess.DEVNULL)
        parts += [silence_s, str(path)]
    return microphone_wav(folder / "mic.wav", *parts, 20.0)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as server, tempfile.TemporaryDirectory() as made:
        heard = microphone(Path(made))
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
        heard = microphone(Path(made))
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
