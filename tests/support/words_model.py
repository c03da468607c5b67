"""The very small Whisper of the tests, and recordings that it was not trained on."""

from __future__ import annotations

from pathlib import Path

from parley.client.recording import Recording, load_recording

MODELS = Path(__file__).parents[1] / "models"
WORDS = MODELS / "words"
"""The model's folder; its README says what it is and what not."""

UNKNOWN_VOICE = "13"
"""The one recording that it gets wrong: in a voice that it never heard."""


def recordings() -> list[Recording]:
    """Those that it has to get right, to the word."""
    found = []
    for line in (MODELS / "recordings/words.txt").read_text(encoding="utf-8").splitlines():
        name, _voice, spoken = line.split("\t")
        if not name.startswith(UNKNOWN_VOICE):
            found.append(load_recording(MODELS / "recordings" / name, spoken))
    return found
