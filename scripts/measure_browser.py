#!/usr/bin/env python3
"""Conversations in a real browser: how soon an answer is heard, how soon it falls silent.

Needs chromium and `pip install -e '.[browser]'`. A server of its own, the page at `/`, and a
microphone that plays the shipped recordings: in each conversation a question, a second one, and a
third that interrupts the second's answer. All times are the audio context's own, from the worklets.

    .venv/bin/python scripts/measure_browser.py [conversations]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.browser import AUDIO, browsing, microphone_wav, serving  # noqa: E402

TURNS = [
    ("1-weather", "3-timer", "4-lights"),
    ("4-lights", "1-weather", "3-timer"),
    ("3-timer", "4-lights", "1-weather"),
    ("8-mother", "3-timer", "1-weather"),
    ("1-weather", "8-mother", "4-lights"),
]
FIRST_GAP_S = 9.0
SECOND_GAP_S = 2.2
"""In this the second answer has begun and is not over."""


def main(count: int) -> None:
    said = {name.removesuffix(".wav"): words for name, words in _lines()}
    answers: list[float] = []
    silences: list[float] = []
    right = finals = interrupted = 0
    with serving() as server, tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            names = TURNS[number % len(TURNS)]
            heard = microphone_wav(
                Path(folder) / f"{number}.wav",
                *(1.0, names[0], FIRST_GAP_S, names[1], SECOND_GAP_S, names[2], 8.0),
            )
            with browsing(server.url, heard) as tab:
                tab.page.click("#talk")
                tab.until("told.filter(e => e.type === 'final').length === 3", 60)
                tab.page.wait_for_timeout(3000)
                if tab.complaints:
                    print("complaints:", tab.complaints)
                finals += 3
                got = tab.finals()
                right += sum(
                    _same(text, said[name]) for text, name in zip(got, names, strict=False)
                )
                told = tab.page.evaluate("told")
                answers += _answers(told)
                found = _silences(told)
                interrupted += len(found)
                silences += found
                print(f"conversation {number + 1}: {got}")
    print(f"finals right: {right} of {finals}; interruptions: {interrupted} of {count}")
    print(f"end of speech to first sample played, ms: {_row(answers)}")
    print(f"onset of speech to last sample played, ms: {_row(silences)}")


def _lines() -> list[tuple[str, str]]:
    lines = (AUDIO / "words.txt").read_text().splitlines()
    return [(line.split()[0], " ".join(line.split()[1:])) for line in lines if line.strip()]


def _same(text: str, wanted: str) -> bool:
    return text.split() == "".join(c for c in wanted.lower() if c.isalnum() or c == " ").split()


def _answers(told: list[dict[str, Any]]) -> list[float]:
    """From the last loud frame before a sound of the loudspeaker began."""
    found, loud_s, final = [], None, False
    for event in told:
        if event["type"] == "level":
            loud_s = event["timeS"]
        elif event["type"] == "final":
            final = True
        elif event["type"] == "sound" and event["what"] == "began" and final and loud_s:
            found.append((event["timeS"] - loud_s) * 1000)
            final = False
    return found


def _silences(told: list[dict[str, Any]]) -> list[float]:
    """From the first loud frame of the sound that interrupted, to the last sample played."""
    found = []
    loud: list[float] = []
    for event in told:
        if event["type"] == "level":
            loud.append(event["timeS"])
        elif event["type"] == "sound" and event["what"] == "flushed" and loud:
            onset_s = loud[-1]
            for time_s in reversed(loud):
                if onset_s - time_s > 0.3:
                    break
                onset_s = time_s
            found.append((event["lastS"] - (onset_s - 0.02)) * 1000)
    return found


def _row(values: list[float]) -> str:
    if not values:
        return "none"
    return f"median {median(values):.0f}, most {max(values):.0f} ({len(values)})"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
