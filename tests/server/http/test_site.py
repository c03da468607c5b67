"""The page's files, as the front door serves them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import trio

from parley.server.http.head import Head, HeadParser
from parley.server.http.responses import Response
from parley.server.http.site import POLICY, site

WEB = Path(__file__).parents[3] / "web"
ROUTES = site(WEB)


async def get(path: str, *headers: str) -> Response:
    lines = [f"GET {path} HTTP/1.1", "Host: a", *headers, "", ""]
    head = HeadParser().feed("\r\n".join(lines).encode())
    assert isinstance(head, Head)
    response = await ROUTES["GET", path](head, cast(trio.abc.Stream, None))
    assert isinstance(response, Response)
    return response


async def test_the_page_and_all_that_it_asks_for_is_there() -> None:
    page = await get("/")
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    for name in ("static/page/page.css", "static/page/main.js", "static/page/icon.svg"):
        assert f'"{name}"'.encode() in page.body, "relative, for a path prefix"
        assert (await get(f"/{name}")).status == 200
    served = {path for _, path in ROUTES}
    files = {path.relative_to(WEB).as_posix() for path in WEB.rglob("*") if path.is_file()}
    assert served == {"/"} | {f"/static/{name}" for name in files if name != "index.html"}


@pytest.mark.parametrize("path", sorted(path for _, path in ROUTES))
async def test_every_file_has_the_policy(path: str) -> None:
    found = await get(path)
    assert found.headers["Content-Security-Policy"] == POLICY
    assert found.headers["Content-Type"].split(";")[0] in (
        *("text/html", "text/css", "text/javascript", "image/svg+xml"),
    )
    assert b"http://" not in found.body.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"https://" not in found.body


async def test_what_a_browser_has_is_not_sent_again() -> None:
    first = await get("/static/call.js")
    tag = first.headers["ETag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}"):
        again = await get("/static/call.js", f"If-None-Match: {known}")
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == tag
    assert (await get("/static/call.js", 'If-None-Match: "other"')).body == first.body


def test_nothing_that_is_not_the_pages_has_a_route(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("x")
    (tmp_path / ".env").write_text("secret")
    (tmp_path / "notes.txt").write_text("x")
    assert set(site(tmp_path)) == {("GET", "/")}
