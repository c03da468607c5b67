"""The documentation leads somewhere: its paths, links and addresses; and what no page says."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from support.pages import (
    GUIDES,
    RECORDS,
    ROOT,
    anchors_of,
    code_spans_of,
    links_of,
    prose_of,
    text_of,
)

TREE = re.compile(
    r"(?<![\w/:.\-<…])((?:actors|audio|bench|client|commands|config|conversation|docs|engines|"
    r"examples|protocol|recording|scripts|server|session|testing|tests|web)/[\w./\-]*)"
)
"""A path from the root of the repository."""

NO_PATHS = {"audio/wav"}

pages = pytest.mark.parametrize("page", GUIDES)


# Files and links


@pages
def test_a_path_in_this_repository_exists(page: str) -> None:
    folder = (ROOT / page).parent
    for path in set(TREE.findall(text_of(page))):
        name = path.rstrip(".")
        if name not in NO_PATHS:
            assert (ROOT / name).exists() or (folder / name).exists(), name


YOURS = {"shop.py"}
"""Files that a reader makes."""


@pages
def test_a_file_of_the_source_exists(page: str) -> None:
    names = {
        path.name
        for room in (ROOT, *(p for p in ROOT.iterdir() if p.name[0] not in "._"))
        for path in (room.glob("*") if room == ROOT else room.rglob("*"))
    }
    for span in code_spans_of(page):
        if re.fullmatch(r"\w+\.(py|js|md)", span):
            assert span in names or span in YOURS, span


@pytest.mark.parametrize("page", [*GUIDES, *RECORDS])
def test_a_link_leads_somewhere(page: str) -> None:
    for link in links_of(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors_of(str(target.relative_to(ROOT))), link


def test_the_index_has_every_page() -> None:
    listed = {link.partition("#")[0] for link in links_of("docs/README.md")}
    there = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert there <= listed


# What no page says


OTHER_FILES = ("Makefile", "Dockerfile", ".dockerignore", "examples/audio/README.md")

HOSTS = {
    *("127.0.0.1", "trio.readthedocs.io", "mcap.dev", "foxglove.dev", "caddyserver.com"),
    *("github.com", "host.docker.internal"),
    *("opentelemetry.io", "www.w3.org", "docs.haproxy.org", "localhost"),
}
"""Whose addresses the pages may hold. No package index is among them, and no registry of images or
models: which one is asked is the reader's own setting."""


@pytest.mark.parametrize("page", [*GUIDES, *RECORDS, *OTHER_FILES])
def test_no_page_has_the_address_of_a_registry(page: str) -> None:
    found = set(re.findall(r"(?:https?|wss?)://([\w.\-]+)", text_of(page)))
    assert {host for host in found if not host.endswith(".example.org")} <= HOSTS


@pytest.mark.parametrize("page", [*GUIDES, *RECORDS])
def test_no_page_names_a_place_of_the_machine_that_it_was_written_on(page: str) -> None:
    places = {str(ROOT), str(Path.home()), tempfile.gettempdir()} - {"/"}
    assert [place for place in places if re.search(rf"{re.escape(place)}\b", text_of(page))] == []


@pages
def test_the_english_is_plain(page: str) -> None:
    """A question may begin with "Who"; a statement that does puzzles its reader."""
    text = prose_of(page)
    assert re.findall(r"\b(?:ears?|papers?)\b", text, re.IGNORECASE) == []
    sentences = re.findall(r"(?:^|[.:;]\s+|\|\s*)(Who [^.?!|]*[.?!|])", text, re.MULTILINE)
    assert [sentence for sentence in sentences if not sentence.endswith("?")] == []
