"""The page needs nothing but itself, and what was said on it is only ever text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from parley.audio.wav import parse_wav
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.recording.show import page as pages
from parley.recording.show import reading
from parley.recording.show.page import page
from parley.recording.show.reading import timeline_of
from parley.recording.show.timeline import Kind, Mark, Timeline
from support.recordings import made, recording_of

EVIL = "</script><script>alert(1)</script><!-- &amp; \u2028 'quoted' \"too\""


@pytest.fixture
def timeline() -> Timeline:
    return timeline_of(made("interruption"))


def inside(document: str, element: str) -> str:
    found = re.search(rf'id="{element}">(.*?)</script>', document, re.DOTALL)
    assert found is not None
    return found[1]


def data_of(document: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(inside(document, "data"))
    return data


def test_it_asks_nobody_for_anything(timeline: Timeline) -> None:
    document = page(timeline)
    assert not re.search(r"https?:|//[a-z]+\.|@import|<iframe|<object|\bfetch\(|XMLHttp", document)
    assert re.findall(r'(?:src|href)="([^"]*)"', document) == ["data:,"]


def test_its_policy_lets_run_what_it_was_written_with_and_nothing_else(
    timeline: Timeline,
) -> None:
    document = page(timeline)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', document)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    for kind in ("script", "style"):
        (content,) = re.findall(f"<{kind}>(.*?)</{kind}>", document, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy[1]


def test_it_has_no_handlers_and_no_styles_in_its_elements(timeline: Timeline) -> None:
    markup = re.sub(r"<(script|style).*?</\1>", "", page(timeline), flags=re.DOTALL)
    assert not re.search(r"\son[a-z]+=|\sstyle=", markup)


def test_its_script_sets_texts_and_no_markup() -> None:
    script = "".join(map(pages._web, pages.SCRIPTS))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)


def test_words_cannot_leave_their_place(timeline: Timeline) -> None:
    timeline.utterances[0].text = EVIL
    timeline.marks.append(Mark(at_s=1.0, kind=Kind.ERROR, text=EVIL))
    document = page(replace(timeline, title=EVIL, notes=[EVIL]))
    assert "alert(1)</script>" not in document
    assert document.count("<script") == 3
    told = data_of(document)
    assert told["utterances"][0]["text"] == told["title"] == told["notes"][0] == EVIL


def test_its_data_tells_what_was_heard_and_what_was_not(timeline: Timeline) -> None:
    told = data_of(page(timeline))
    first = told["turns"][0]
    assert (first["heard"], first["text"]) == ("The light", "The light is off. Is there")
    assert first["outcome"] == "interrupted"
    assert told["summary"] == ["2 turns", "1 interruption"]
    assert base64.b64decode(told["caller"])[:180] == bytes([63]) * 180


def test_it_holds_the_sound_of_both(timeline: Timeline) -> None:
    wav = parse_wav(base64.b64decode(inside(page(timeline), "sound")))
    assert wav.seconds == pytest.approx(timeline.duration_s, abs=0.001)


def test_a_recording_that_is_too_long_is_shown_without_its_sound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "LONGEST_S", 1.0)
    document = page(timeline_of(made("interruption")))
    assert inside(document, "sound") == ""
    told = data_of(document)
    assert "without its sound" in told["notes"][0]
    assert (told["caller"], told["turns"][0]["heard"]) == ("", "The light")


def test_a_page_of_nothing_is_a_page() -> None:
    told = data_of(page(timeline_of(recording_of([], PROMPT_VOICE))))
    assert (told["turns"], told["caller"]) == ([], base64.b64encode(bytes(20)).decode())
