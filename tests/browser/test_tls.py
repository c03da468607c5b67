"""The page over TLS: a conversation by https and wss, which the browser calls secure."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.browser import CHROMIUM, browsing, serving_secured

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytest.importorskip("cryptography", reason="pip install -e '.[test]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]


def test_a_conversation_with_the_page_by_tls(tmp_path: Path) -> None:
    from support.certificates import certificate

    pair = certificate(tmp_path, "localhost")
    with (
        serving_secured(pair.cert, pair.key) as served,
        browsing(served.url, ignore_https_errors=True) as tab,
    ):
        assert served.url.startswith("https://")
        assert tab.page.evaluate("isSecureContext")
        tab.until("!document.getElementById('who').hidden")
        tab.page.fill("#words", "is it raining")
        tab.page.press("#words", "Enter")
        tab.until("told.some(e => e.type === 'token' && e.done)")
        assert [address.partition(":")[0] for address in tab.sockets] == ["wss"]
        assert all(address.startswith(("https:", "blob:", "data:")) for address in tab.asked)
