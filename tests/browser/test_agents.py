"""The page with agents: calls of tools, hand-overs, transfers, and a choice among agents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from support import agent_server
from support.browser import CHROMIUM, SEEN, Served, Tab, browsing, serving

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]


@pytest.fixture(scope="module")
def shop() -> Iterator[Served]:
    with serving(str(Path(agent_server.__file__))) as served:
        yield served


def say(tab: Tab, words: str) -> None:
    tab.page.fill("#words", words)
    tab.page.press("#words", "Enter")


def answered(tab: Tab, words: str) -> None:
    tab.until(f"document.getElementById('conversation').textContent.includes('{words}')")


def lines(tab: Tab) -> list[tuple[str, str]]:
    """What stands in the conversation, in order: what it is, and its words in one line."""
    found: list[list[str]] = tab.page.evaluate(
        """[...document.querySelectorAll('#conversation li')].map(item => [
          item.className,
          (item.querySelector('.words, .call') ?? item).textContent.trim(),
        ])"""
    )
    return [(kind, words) for kind, words in found]


def outcome(tab: Tab) -> Any:
    """Of the newest call of a tool."""
    return tab.page.evaluate("[...document.querySelectorAll('.tool')].at(-1)?.dataset.outcome")


def asked(tab: Tab) -> dict[str, str]:
    """The query of the newest session."""
    query = parse_qs(urlsplit(tab.sockets[-1]).query)
    return {name: values[0] for name, values in query.items()}


def test_a_call_of_a_tool_stands_between_the_words_of_the_answer(shop: Served) -> None:
    with browsing(shop.url, allow=False, script=SEEN) as tab:
        say(tab, "when are you open")
        answered(tab, "nine to six on Monday.")
        (typed, before, tool, after) = [line for line in lines(tab) if "hello!" not in line[1]]
        assert typed == ("caller", "when are you open")
        assert before == ("parley", "One moment.")
        assert tool == ("tool", 'opening_hours(day: "Monday", shop: "Fleet Street")')
        assert after == ("parley", "We are open from nine to six on Monday.")
        (result,) = tab.told("toolresult")
        assert (result["outcome"], result["output"]) == ("done", "9 to 18")
        # The word that is being spoken is found in either line of the answer. It is lit for less
        # time than a busy machine needs to look: `seen` has each that was.
        tab.until("['moment.', 'open'].every(word => seen.lit.includes(word))")
        assert tab.page.evaluate("seen.outcomes") == ["running", "done"]
        tab.until("told.findLast(e => e.type === 'sound')?.what === 'ended'")
        assert tab.complaints == []


@pytest.mark.long
def test_arguments_and_result_open_by_click_and_by_key(shop: Served) -> None:
    with browsing(shop.url, allow=False) as tab:
        page = tab.page
        say(tab, "when are you open")
        tab.until("document.querySelector('.tool')?.dataset.outcome === 'done'")
        told = page.inner_text(".tool .outcome")
        assert told.startswith("done, ")
        # 200 by the server's clock; this is the page's, of when it was told.
        assert int(told.removeprefix("done, ").removesuffix(" ms")) > 100
        assert page.is_hidden(".tool dl")
        page.click(".tool summary")
        assert page.is_visible(".tool dl")
        assert page.inner_text(".tool dl").split("\n")[-1] == "9 to 18"
        assert '"shop": "Fleet Street"' in page.inner_text(".tool dl")
        sockets = len(tab.sockets)
        page.focus(".tool summary")
        page.keyboard.press("Space")
        assert page.is_hidden(".tool dl")
        page.keyboard.press("Enter")
        assert page.is_visible(".tool dl")
        assert tab.told("microphone") == [], "Space was for the line, and not for Talk"
        assert len(tab.sockets) == sockets


def test_a_tool_that_fails_is_told_from_one_that_is_cancelled(shop: Served) -> None:
    with browsing(shop.url, allow=False) as tab:
        say(tab, "what is the price")
        answered(tab, "I cannot tell you")
        assert outcome(tab) == "failed"
        assert "no price list" in tab.page.text_content(".tool dl")
        say(tab, "how many in stock")
        tab.until("document.querySelectorAll('.tool').length === 2")
        assert outcome(tab) == "running"
        say(tab, "forget it")
        tab.until("[...document.querySelectorAll('.tool')].at(-1).dataset.outcome === 'cancelled'")
        assert tab.page.locator(".alert").count() == 0
        assert tab.complaints == []


@pytest.mark.long
def test_a_tool_that_is_at_work_when_the_call_ends_is_cancelled(shop: Served) -> None:
    with browsing(shop.url, allow=False) as tab:
        say(tab, "how many in stock")
        tab.until("document.querySelector('.tool') !== null")
        tab.page.click("#end")
        tab.until("document.querySelector('.tool').dataset.outcome === 'cancelled'")


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["newspeech", "prompt-voice", "io-speech"])
def test_each_protocol_tells_who_answers(protocol: str, shop: Served) -> None:
    with browsing(shop.url, allow=False) as tab:
        with tab.settings():
            tab.page.select_option("#protocol", protocol)
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'agent')")
        assert tab.told("agent")[0]["name"] == "desk"
        assert asked(tab)["tools"] == "told"


def test_a_hand_over_is_a_line_and_the_header_says_who_answers(shop: Served) -> None:
    with browsing(shop.url, allow=False) as tab:
        page = tab.page
        tab.until("!document.getElementById('who').hidden")
        assert page.inner_text("#who .answers").startswith("Answers desk, with a model of keywords")
        say(tab, "I want flowers")
        answered(tab, "What may it be?")
        # The greeting is above the first words or below them: whichever was there first.
        kinds = [kind for kind, words in lines(tab) if "hello!" not in words]
        assert kinds == ["caller", "parley", "tool", "note", "parley"]
        assert page.inner_text("#conversation .note") == "Now answering: florist"
        assert page.inner_text("#who .answers").startswith("Answers florist, with a model")
        assert page.inner_text("#who .speaks").endswith(", voice rose")
        page.click("#end")
        tab.until("document.getElementById('state').textContent === 'not connected'")
        assert page.inner_text("#who .answers").startswith("Answers desk")
        assert tab.complaints == []


@pytest.mark.long
def test_a_transfer_ends_the_call_behind_its_last_words(shop: Served) -> None:
    with browsing(shop.url, allow=False) as tab:
        say(tab, "give me a person")
        tab.until("told.some(e => e.type === 'ended')")
        state = "document.getElementById('state').textContent"
        tab.until(f"{state} === 'not connected'")
        assert lines(tab)[-1] == ("note", "Transferred to +15550100")
        assert tab.told("sound")[-1]["what"] == "ended", "and not cut"
        tab.page.wait_for_timeout(1000)
        assert len(tab.sockets) == 1, "it is no lost connection"
        assert tab.page.locator(".alert").count() == 0
        assert tab.complaints == []


def test_an_agent_that_hangs_up_ends_the_call(shop: Served) -> None:
    with browsing(shop.url, allow=False) as tab:
        say(tab, "bye")
        tab.until("document.getElementById('state').textContent === 'not connected'")
        assert lines(tab)[-1] == ("note", "The call has ended: the shop closes")
        assert tab.page.inner_text("#talk-words") == "Talk"


@pytest.mark.long
def test_an_agent_is_chosen_and_kept(shop: Served) -> None:
    with browsing(shop.url, allow=False) as tab:
        page = tab.page
        with tab.settings():
            tab.until("!document.getElementById('answering').hidden")
            assert page.input_value("#agent") == "desk"
            assert "opening_hours" in page.inner_text("#agent-tools")
            page.select_option("#agent", "florist")
            assert page.inner_text("#agent-tools") == "Its tools: to_person."
        assert page.inner_text("#who .answers").startswith("Answers florist")
        page.reload()
        tab.until("!document.getElementById('who').hidden")
        assert page.input_value("#agent") == "florist"
        say(tab, "hello")
        tab.until("told.some(e => e.type === 'agent')")
        assert tab.told("agent")[0]["name"] == "florist"
        assert asked(tab)["agent"] == "florist"
        with tab.settings():
            page.click("#as-set")
            assert page.is_visible("#pending")
            page.click("#undo")
            assert page.input_value("#agent") == "florist"
            page.click("#as-set")
            assert page.input_value("#agent") == "desk"
        assert tab.complaints == []


@pytest.mark.long
def test_the_address_names_the_agent_and_the_parameters_of_the_call(shop: Served) -> None:
    address = f"{shop.url}?agent=florist&name=Ann%20B&order=7&record=mine&tools=untold&voice=de"
    with browsing(address, allow=False) as tab:
        say(tab, "hello")
        tab.until("told.some(e => e.type === 'agent')")
        assert tab.told("agent")[0]["name"] == "florist"
        query = asked(tab)
        assert (query["agent"], query["name"], query["order"]) == ("florist", "Ann B", "7")
        assert query["tools"] == "told"
        assert query.get("record") != "mine", "whoever made the link could fetch the recording"
        assert "voice" not in query
        assert tab.page.evaluate("localStorage.getItem('parley-agent')") is None
        with tab.settings():
            assert tab.page.is_hidden("#pending")


@pytest.mark.long
def test_an_agent_that_is_not_there_is_told_and_the_first_answers(shop: Served) -> None:
    with browsing(f"{shop.url}?agent=baker", allow=False) as tab:
        tab.until("document.querySelector('.alert') !== null")
        assert "There is no agent baker here." in tab.page.inner_text(".alert")
        say(tab, "hello")
        tab.until("told.some(e => e.type === 'agent')")
        assert tab.told("agent")[0]["name"] == "desk"


@pytest.mark.long
def test_calls_are_saved_with_the_text(shop: Served, tmp_path: Path) -> None:
    with browsing(shop.url, allow=False) as tab:
        say(tab, "I want flowers")
        answered(tab, "What may it be?")
        tab.page.click("#open-saving")
        with tab.page.expect_download() as download:
            tab.page.click("#save-text")
        download.value.save_as(tmp_path / "a.md")
        assert tab.complaints == []
    text = (tmp_path / "a.md").read_text()
    assert "- Answers: florist, with a model of keywords" in text
    assert "to_florist({})" in text
    assert "*Now answering: florist, " in text


@pytest.mark.long
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_read_the_calls(width: int, shop: Served) -> None:
    from axe_playwright_python.sync_playwright import Axe

    size = {"width": width, "height": 844}
    with browsing(shop.url, allow=False, viewport=size, reduced_motion="reduce") as tab:
        page = tab.page
        for words, said in (("open", "to six"), ("price", "cannot tell"), ("flowers", "may it")):
            say(tab, words)
            answered(tab, said)
        page.click(".tool summary")
        page.evaluate(
            """async () => {
              const { Conversation } = await import("./static/page/conversation.js");
              const list = document.getElementById("conversation");
              const shown = new Conversation(list, () => {}, () => {});
              shown.toolCalled({ id: "x", name: "averyverylongname".repeat(9), arguments: "{" });
            }"""
        )
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = Axe().run(page).response["violations"]
            assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
        wide = "[document.documentElement, document.getElementById('log')]"
        assert not page.evaluate(f"{wide}.some(e => e.scrollWidth > e.clientWidth)")


ONE_ANSWER = """
async () => {
  const { Conversation } = await import("./static/page/conversation.js");
  const list = document.createElement("ol");
  const told = [];
  const shown = new Conversation(list, () => {}, (words) => told.push(words));
  const look = () => [...list.querySelectorAll(".parley .words")].map((words) => words.innerHTML);
  const found = { told };
  shown.typed("when");
  shown.token("Wait a bit.");
  shown.toolCalled({ id: "a", name: "hours", arguments: "" });
  shown.token(" ");
  shown.token("From nine.");
  shown.speaks();
  shown.spoken({ before: 9, word: 4 });
  found.lit = look();
  shown.interrupted("Wait a bit. From");
  found.cut = look();
  shown.resumed();
  found.resumed = look();
  shown.replyOver();
  shown.interrupted("Wait");
  return found;
}
"""


@pytest.mark.long
def test_an_answer_around_a_call_is_lit_cut_and_resumed_as_one(shop: Served) -> None:
    with browsing(shop.url) as tab:
        found = tab.page.evaluate(ONE_ANSWER)
    assert [item.replace('<span class="unsaid"></span>', "") for item in found["lit"]] == [
        "Wait a bit.",
        '<span class="lit">From</span><span class="unsaid"> nine.</span>',
    ]
    assert found["cut"] == ["Wait a bit.", "From<del> nine.</del>"]
    assert found["resumed"] == ["Wait a bit.", "From nine."]
    assert found["told"][-1] == "Parley: Wait a bit. From nine."
