"""The page in a real browser: it draws, it obeys, and the browser has nothing to complain about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.recording.show.page import page
from parley.recording.show.reading import timeline_of
from parley.recording.tape import Recording
from support.chromium import CHROMIUM, Page, open_page
from support.recordings import lively_recording, made

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here"),
]

SHADES = """
(() => {
  const canvas = document.getElementById('lanes');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(new Uint32Array(data.buffer)).size;
})()
"""
"""How many colors were drawn. A lane that was not drawn has none."""

AFTER_A_FRAME = "new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)))"


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with open_page() as opened:
        yield opened


@pytest.fixture
def show(tab: Page, tmp_path: Path) -> Any:
    """The tab, with the page of this recording in it."""

    def shown(recording: Recording) -> Page:
        path = tmp_path / "page.html"
        path.write_text(page(timeline_of(recording)), encoding="utf-8")
        tab.size(width=1400, height=1000)
        tab.complaints.clear()
        tab.requested.clear()
        tab.open(path)
        return tab

    return shown


def text(tab: Page, selector: str) -> str:
    found: str = tab.evaluate(f"document.querySelector({selector!r}).textContent")
    return found


def clock(tab: Page) -> str:
    tab.evaluate(AFTER_A_FRAME)
    return text(tab, "#clock")


def drawn(tab: Page) -> str:
    tab.evaluate(AFTER_A_FRAME)
    image: str = tab.evaluate("document.getElementById('lanes').toDataURL()")
    return image


@pytest.fixture(scope="module")
def lively() -> Recording:
    return trio.run(lively_recording, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["two-turns-lane-lost", "in-base64-lane-lost", "typed-twice"])
def test_it_draws_and_nobody_complains(show: Any, name: str) -> None:
    tab = show(made(name))
    assert tab.evaluate("document.documentElement.dataset.ready") == "yes"
    assert tab.evaluate(SHADES) > 20
    assert len(tab.evaluate("[...document.querySelectorAll('.turn')].map((t) => t.innerText)")) == 2
    assert tab.complaints == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in tab.requested)


@pytest.mark.few(2)
@pytest.mark.parametrize(("width", "height"), [(1400, 1000), (420, 900)])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_desk_and_a_phone(
    show: Any, lively: Recording, width: int, height: int, dark: bool
) -> None:
    tab = show(lively)
    tab.size(width=width, height=height, dark=dark)
    image = tab.screenshot()
    assert len(image) > 20_000
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.complaints == []


def test_it_obeys_keys_and_wheel(show: Any, lively: Recording) -> None:
    tab = show(lively)
    assert clock(tab) == "00:00.000"
    tab.press("ArrowRight")
    assert clock(tab) == "00:01.000"
    tab.press("ArrowDown")
    tab.press("ArrowDown")
    assert clock(tab) == "00:08.227"
    assert text(tab, ".turn.now .asked") == "please turn on the lights in the kitchen"
    tab.press("End")
    assert clock(tab) == "00:33.320"
    whole = drawn(tab)
    tab.wheel(500, 400, -600)
    assert drawn(tab) != whole
    tab.press("0")
    assert drawn(tab) == whole
    assert tab.complaints == []


def test_it_plays_both_and_stops(show: Any, lively: Recording) -> None:
    tab = show(lively)
    tab.press("Home")
    tab.press(" ", text=" ")
    playing = "document.getElementById('audio')"
    tab.evaluate(f"new Promise((d) => {playing}.addEventListener('timeupdate', d, {{once: true}}))")
    assert tab.evaluate(f"{playing}.paused") is False
    assert tab.evaluate(f"{playing}.duration") == pytest.approx(33.32, abs=0.01)
    assert text(tab, "#play") == "❚❚"
    tab.evaluate("document.getElementById('hear-caller').click()")
    pressed = "document.getElementById('hear-caller').getAttribute('aria-pressed')"
    assert tab.evaluate(pressed) == "false"
    tab.press(" ", text=" ")
    assert tab.evaluate(f"{playing}.paused") is True
    assert tab.complaints == []


def test_no_other_script_runs_in_it(show: Any, lively: Recording) -> None:
    tab = show(lively)
    tab.evaluate(
        "(() => { const s = document.createElement('script');"
        " s.textContent = 'window.evil = 1'; document.body.append(s); })()"
    )
    assert tab.evaluate("window.evil === undefined") is True
    assert any("Content Security Policy" in told for told in tab.complaints)
