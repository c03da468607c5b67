"""Real models, where whoever runs the tests has pulled them.

`make test` pulls them once. The tests themselves run in a user's cache folder of their own
(conftest.py), so that what lies in the real one decides nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parley.client.recording import Recording
from parley.engines.asr.decoded import plain_words
from parley.engines.models.folder import models_folder
from parley.engines.models.packaged import PackagedModel

MODELS_DIR = Path(os.environ.get("REAL_MODELS_FOLDER") or models_folder())
"""Read before conftest.py sets another cache folder: import this module there. Processes that run a
part of the suite have that folder already, and are told this one."""


def says(text: str, recording: Recording) -> bool:
    """Whether a text has the words of a recording, however they are written."""
    return plain_words(text) == plain_words(recording.spoken or "")


def needs(model: PackagedModel) -> pytest.MarkDecorator:
    """Skips where the model is not here."""
    return pytest.mark.skipif(
        not model.lies_in(MODELS_DIR), reason=f"parley models pull {model.name}"
    )
