"""What one sees: nothing important scrolls away, errors come once, everybody can use it."""

from __future__ import annotations

from typing import Any

import pytest

from support.browser import CHROMIUM, Served, Tab, browsing

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]

CONTROLS = ("#talk", "#mute", "#interrupt", "#words", "#strip", "#state", "#open-settings", "#who")

LONG = """async (count) => {
  const { Conversation } = await import("./static/page/conversation.js");
  const list = document.getElementById("conversation");
  const shown = new Conversation(list, () => {}, () => {});
  for (let n = 0; n < count; n++) {
    shown.typed(`What about number ${n}? ${"averyveryverylongword".repeat(n % 7)}`);
    shown.answer("", `Number ${n}. ${"It is a long answer. ".repeat(n % 9)}`);
  }
  const view = document.getElementById("log");
  view.scrollTop = view.scrollHeight;
}"""


def violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]


def overflows(tab: Tab) -> bool:
    return bool(
        tab.page.evaluate(
            "[document.documentElement, document.getElementById('log')]"
            ".some(e => e.scrollWidth > e.clientWidth)"
        )
    )


def can_be_used(page: Any, when: str) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(page) == [], f"{when}, {scheme}"


@pytest.mark.few(1)
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_use_it(width: int, server: Served) -> None:
    size = {"width": width, "height": 844}
    # As it stands, not on its way: axe measures the colours of what is half faded in.
    with browsing(server.url, allow=False, viewport=size, reduced_motion="reduce") as tab:
        page = tab.page
        tab.until("!document.getElementById('who').hidden")
        can_be_used(page, "idle")
        page.click("#talk")
        tab.until("document.getElementById('alerts').textContent !== ''")
        page.fill("#words", "hello")
        page.press("#words", "Enter")
        tab.until("document.querySelector('#conversation .lit') !== null")
        can_be_used(page, "in a conversation, with an alert")
        page.click("#interrupt")
        tab.until("document.querySelector('#conversation del') !== null")
        page.click("#renew")
        tab.until("document.querySelector('#conversation .divider') !== null")
        if width == 390:
            page.click("#strip")
        can_be_used(page, "interrupted, divided, with the details")
        page.click("#open-settings")
        page.fill("#silence", "500")
        assert page.is_visible("#pending")
        can_be_used(page, "with the drawer")
        page.keyboard.press("Escape")
        for name in ("help", "saving"):
            page.click(f"#open-{name}")
            can_be_used(page, f"with {name}")
            page.keyboard.press("Escape")
        assert not overflows(tab)


SIZES = [(390, 844), (360, 640), (844, 390), (1280, 800), (1920, 1080)]


@pytest.mark.long
def test_controls_stay_in_sight_however_long_the_conversation(server: Served) -> None:
    with browsing(server.url) as tab:
        tab.until("!document.getElementById('who').hidden")
        before = {}
        for size in SIZES:
            resized(tab, size)
            before[size] = {name: tab.page.locator(name).bounding_box() for name in CONTROLS}
        tab.page.evaluate(LONG, 200)
        for size in SIZES:
            resized(tab, size)
            in_sight(tab, size, before[size])


def resized(tab: Tab, size: tuple[int, int]) -> None:
    """Until the page has noticed: the details are beside the conversation where there is room."""
    tab.page.set_viewport_size({"width": size[0], "height": size[1]})
    beside = "true" if size[0] >= 1080 else "false"
    tab.until(f"(document.getElementById('details').offsetParent !== null) === {beside}")


def in_sight(tab: Tab, size: tuple[int, int], before: dict[str, Any]) -> None:
    width, height = size
    assert not overflows(tab), size
    tab.page.evaluate("scrollTo(0, 10000)")
    tab.page.mouse.move(width / 2, height / 3)
    tab.page.mouse.wheel(0, -5000)
    for name in CONTROLS:
        box = tab.page.locator(name).bounding_box()
        assert box == before[name], f"{name} has moved"
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        inside = name in ("#talk", "#mute", "#interrupt", "#words")
        assert not inside or box["height"] >= 44, "for a thumb"
    log = tab.page.locator("#log").bounding_box()
    assert log is not None
    assert log["height"] > height * (0.45 if height < 500 else 0.4)
    size_px = tab.page.evaluate("getComputedStyle(document.getElementById('words')).fontSize")
    assert size_px == "16px", "phones do not zoom in"


@pytest.mark.long
def test_the_view_follows_unless_one_has_scrolled_up(server: Served) -> None:
    at_end = """(() => {
      const view = document.getElementById("log");
      return view.scrollHeight - view.scrollTop - view.clientHeight < 5;
    })()"""
    with browsing(server.url, allow=False, viewport={"width": 1280, "height": 600}) as tab:
        page = tab.page

        def ask(words: str) -> None:
            count = len(tab.told("replydone"))
            page.fill("#words", words)
            page.press("#words", "Enter")
            tab.until(f"told.filter(e => e.type === 'replydone').length > {count}")

        page.evaluate(LONG, 20)
        page.wait_for_timeout(100)
        ask("is it raining")
        assert page.evaluate(at_end)
        assert page.is_hidden("#newest")
        page.evaluate("document.getElementById('log').scrollTop = 100")
        page.wait_for_timeout(100)
        ask("and now")
        assert page.evaluate("document.getElementById('log').scrollTop") == 100
        page.click("#newest")
        assert page.evaluate(at_end)
        assert page.is_hidden("#newest")
        ask("and then")
        assert page.evaluate(at_end)


@pytest.mark.long
def test_the_same_error_is_said_once_with_a_count(server: Served) -> None:
    with browsing(server.url, allow=False) as tab:
        with tab.settings():
            tab.until("!document.getElementById('speaking').hidden")
            tab.page.fill("#voice", "nobody")
        for count in (1, 2, 3):
            tab.page.fill("#words", "is it raining")
            tab.page.press("#words", "Enter")
            tab.until(f"told.filter(e => e.type === 'replydone').length === {count}")
        failures = tab.told("failure")
        assert len(failures) >= 3
        assert tab.page.locator(".alert").count() == 1
        text = tab.page.inner_text(".alert")
        assert text.startswith("A model or a voice is missing.")
        assert f"{len(failures)} times" in text
        assert "MODEL_LOAD_FAIL" not in text
        tab.page.click(".alert button")
        assert tab.page.locator(".alert").count() == 0


@pytest.mark.long
def test_who_answers_is_said_and_asked_again_for_each_conversation(server: Served) -> None:
    who = '{"hears": "Ears, model one", "answers": "%s", "speaks": "Mouth"}'
    names = iter(["Rules", "A model"])
    with browsing("about:blank", allow=False) as tab:

        def answer(route: Any) -> None:
            told = route.fetch().text().rstrip()[:-1]
            folder = '"stream_record_dir": "/srv/kept"'
            route.fulfill(body=f'{told}, {folder}, "who": {who % next(names)}}}')

        tab.page.route("**/api/stream_config", answer)
        tab.page.goto(server.url)
        tab.until("!document.getElementById('who').hidden")
        assert tab.page.inner_text("#who .answers") == "Answers Rules"
        assert tab.page.inner_text("#recorded") == "This server records conversations."
        tab.page.fill("#words", "hello")
        tab.page.press("#words", "Enter")
        tab.until("document.querySelector('#who .answers').textContent === 'Answers A model'")
        tab.page.click("#open-help")
        assert "/srv/kept" in tab.page.inner_text("#where-recordings")
        assert "Ears, model one" in tab.page.inner_text("#who-in-full")


def test_screen_readers_are_told_what_is_final_and_no_partials(server: Served) -> None:
    with browsing(server.url) as tab:
        said = tab.page.evaluate(
            """async () => {
              const { Conversation } = await import("./static/page/conversation.js");
              const told = [];
              const list = document.createElement("ol");
              const shown = new Conversation(list, () => {}, (words) => told.push(words));
              shown.partial("what is", 4);
              shown.partial("what is the weather", 7);
              shown.final("what is the weather");
              shown.token("It is", false);
              shown.token(" raining.", false);
              shown.replyOver();
              return told;
            }"""
        )
        assert said == ["You: what is the weather", "Parley: It is raining."]
        live = "[...document.querySelectorAll('[aria-live], [role=log]')].map(e => e.id)"
        assert tab.page.evaluate(live) == ["announcer"]
