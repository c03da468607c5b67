"""A server's engines for tests of who is let in: scripted, and quick."""

from __future__ import annotations

from parley.embedding import OwnEngines
from parley.testing import (
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
)


def own_engines() -> OwnEngines:
    return OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["hello there"] * 50),
        responder=ScriptedResponder([], then=["Fine."]),
        synthesizer=ScriptedSynthesizer(),
    )
