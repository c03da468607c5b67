"""What services say of their sound, however they spell it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parley.protocol.telephone.dialects import TELEPHONE_DIALECTS


def rate_of(service: str, **message: Any) -> str:
    """The rate of the call that begins with `message`."""
    dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == service)
    assert dialect.arrival is not None
    start = dialect.arrival().read(json.dumps(message))
    assert start is not None
    return start.choices["rate"]


@pytest.mark.parametrize(
    ("content_type", "rate"),
    [
        ("audio/l16;rate=8000", "8000"),
        ("audio/L16; channels=1; rate=24000", "24000"),
        ('audio/l16;Rate="8000"', "8000"),
        ("audio/l16", "16000"),
        (None, "16000"),
    ],
)
def test_vonage_says_it_in_a_content_type(content_type: str | None, rate: str) -> None:
    message = {"event": "websocket:connected", "content-type": content_type}
    assert rate_of("vonage", **message) == rate


@pytest.mark.parametrize(
    ("told", "rate"), [("16000", "16000"), (16_000.0, "16000"), (None, "8000"), (22_050, "22050")]
)
def test_jambonz_says_it_as_a_number(told: Any, rate: str) -> None:
    assert rate_of("jambonz", callSid="c", sampleRate=told) == rate
