"""Dictated numbers: how often somebody who dictates one is answered before its end.

    python scripts/measure_dictation.py [--models FOLDER]

Forty numbers, telephone numbers and codes, are spoken in groups by four voices of flite (Debian's
package flite), with pauses of 0.4 to 1.2 s between the groups. Half of them follow "my number is",
half answer a question of the agent. Detector, recognizer and rules are the server's, the time is
the audio's. It prints what was heard of each, and how many were cut.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from parley.audio.wav import read_wav
from parley.bench.heard_turn import HeardTurn, heard_turn, load_engines
from parley.bench.talk_over import Rule, outcome
from parley.client.recording import resampled
from parley.config import Settings
from parley.conversation.patience import Patience
from parley.engines.turn.tables import TABLES
from parley.engines.turn.text import completeness
from parley.engines.vad.silero import SileroDetector

VOICES = ("slt", "rms", "awb", "kal16")
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
COUNT = 40
PAUSES_MS = (400, 1200)
QUIET_MS = 300
ASKED = {10: "What is your telephone number?", 6: "What is the code?"}
SAID = {10: "My telephone number is", 6: "The code is"}
GROUPS = {10: (3, 3, 4), 6: (3, 3)}


def spoken(text: str, voice: str) -> bytes:
    """PCM16 at 16 kHz, without the silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", path], check=True)
        wav = read_wav(path)
    pcm16 = resampled(wav.pcm16, wav.rate_hz, 16_000)
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm16, "<i2").astype(np.int32)) > 300)
    return pcm16[2 * loud[0] : 2 * loud[-1] + 2]


def dictated(number: int, chance: random.Random) -> tuple[bytes, str]:
    """The audio, and what the agent has asked; empty where it has not."""
    length = 10 if number % 4 < 3 else 6
    asked = ASKED[length] if number % 2 else ""
    voice = VOICES[number % len(VOICES)]
    audio = bytes(32 * QUIET_MS)
    for at, size in enumerate(GROUPS[length]):
        words = " ".join(chance.choice(DIGITS) for _ in range(size))
        if at == 0 and not asked:
            words = f"{SAID[length]} {words}"
        if at:
            audio += bytes(32 * chance.randrange(*PAUSES_MS))
        audio += spoken(words, voice)
    return audio, asked


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=None, help="PARLEY_MODELS_DIR")
    arguments = parser.parse_args()
    load_engines(arguments.models, None)
    table, chance = TABLES["en"], random.Random(1)
    cut, late_ms = 0, []
    with tempfile.TemporaryDirectory() as kept:
        for number in range(COUNT):
            pcm16, asked = dictated(number, chance)
            turn = heard_turn(str(number), pcm16, SileroDetector(), "silero", Path(kept))

            def judge(
                turn: HeardTurn, first: int, now: int, before: str, asked: str = asked
            ) -> float:
                text = f"{before} {turn.text(first, now)}".strip()
                return completeness(text, table, asked=asked)

            rule = Rule(name="text", judge=judge, patience=Patience)
            found = outcome(turn, rule, Settings.defaults())
            texts = " | ".join(dict.fromkeys(turn.texts.values()))
            print(f"{'CUT ' if found.too_soon_ms else '    '}{asked:32} {texts}")
            cut += bool(found.too_soon_ms)
            if found.delay_ms is not None:
                late_ms.append(found.delay_ms)
    print(f"cut {cut} of {COUNT}; answered {np.median(late_ms):.0f} ms after the end (median)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
