"""The documentation keeps its word: what it shows parses, runs, exists and leads somewhere."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import typer.main

from parley.commands.app import app
from parley.config import SettingsError, load_settings
from parley.config.variables import Variables
from support.live_server import open_live_server
from support.pages import (
    GUIDES,
    RECORDS,
    ROOT,
    Block,
    Command,
    anchors_of,
    blocks_of,
    code_spans_of,
    commands_of,
    links_of,
    prose_of,
    text_of,
)

EXECUTED_ELSEWHERE = {"README.md": 1, "docs/EMBEDDING.md": 4}
"""Python blocks that test_readme.py and test_docs.py execute. All others are executed here."""

SETTINGS = {name.upper() for name in Variables.model_fields} | {"PARLEY_CONFIG"}

NO_SETTINGS = {"PARLEY_EXAMPLES", "PARLEY_SEEDS", "PARLEY_STRIDE"}
"""Ours, but for the tests: how long their long runs are."""

OURS = re.compile(
    r"(?<![A-Z_])(?:STREAM|WS|VAD|AUDIO|PARLEY|OPENAI)_[A-Z0-9_]*[A-Z0-9](?![A-Z_…*])"
)

TREE = re.compile(
    r"(?<![\w/:.\-<…])((?:actors|audio|bench|client|commands|config|conversation|docs|engines|"
    r"examples|protocol|recording|scripts|server|session|testing|tests|web)/[\w./\-]*)"
)
"""A path from the root of the repository."""

NO_PATHS = {"audio/wav"}

pages = pytest.mark.parametrize("page", GUIDES)


def blocks(*languages: str) -> list[Block]:
    return [b for page in GUIDES for b in blocks_of(page) if b.language in languages]


def by_place(found: Sequence[Block | Command]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("it", found, ids=[each.where for each in found])


def commands() -> list[Command]:
    return [c for page in GUIDES for b in blocks_of(page) for c in commands_of(b)]


def commands_with(*programs: str) -> list[Command]:
    return [command for command in commands() if command.program in programs]


# Python


@by_place(blocks("python"))
def test_a_python_block_compiles_and_imports_what_there_is(it: Block) -> None:
    tree = compile(it.text, it.where, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("parley"):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


def executed_here() -> list[Block]:
    return [block for block in blocks("python") if block.page not in EXECUTED_ELSEWHERE]


@by_place(executed_here())
def test_a_python_block_runs(
    it: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r'"([\w\-]+\.mcap)"', it.text):
        shutil.copy(ROOT / "tests/recordings/short-no.mcap", tmp_path / name)
    program = compile(it.text, it.where, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, Any] = {"__name__": "example"}

    async def run() -> None:
        coroutine = eval(program, names)
        if inspect.isawaitable(coroutine):
            await coroutine

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    if "replayed" in names:
        assert names["replayed"].diverged is None


@pytest.mark.slow
async def test_the_client_of_the_migration_page_gets_its_answer(tmp_path: Path) -> None:
    (block,) = [b for b in blocks_of("docs/COMING_FROM.md") if b.language == "python"]
    script = tmp_path / "client.py"
    async with open_live_server() as server:
        script.write_text(block.text.replace("ws://127.0.0.1:8765/", server.url("/engine")))
        with trio.fail_after(30):
            done = await trio.run_process([sys.executable, str(script)], capture_stdout=True)
    assert done.stdout.decode() == "That is four.\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "path"), [("talk", "/ws"), ("io_speech.py", "/stream")], ids=["ws", "stream"]
)
async def test_the_commands_of_the_migration_page_get_an_answer(
    command: str, path: str, tmp_path: Path
) -> None:
    """As they stand there, but for the address, and by this Python."""
    (line,) = [
        c.words
        for c in commands()
        if c.where.startswith("docs/COMING_FROM.md") and command in " ".join(c.words)
    ]
    async with open_live_server() as server:
        url = server.url(path)
        words = [url if word.startswith("ws://") else word for word in line[1:]]
        module = ["-m", "parley"] if line[0].endswith("parley") else []
        out = ["--out", str(tmp_path / "reply.wav")] if module else []
        with trio.fail_after(60):
            done = await trio.run_process(
                [sys.executable, *module, *words, *out], capture_stdout=True, cwd=ROOT
            )
    assert "what is the weather like today" in done.stdout.decode().lower()


def test_the_other_tests_execute_as_many_blocks_as_there_are() -> None:
    for page, count in EXECUTED_ELSEWHERE.items():
        assert sum(block.language == "python" for block in blocks_of(page)) == count


# Other languages


@by_place(blocks("toml", "json"))
def test_a_block_of_data_parses(it: Block) -> None:
    {"toml": tomllib.loads, "json": json.loads}[it.language](it.text)


@pages
def test_a_message_in_the_text_is_json(page: str) -> None:
    for span in code_spans_of(page):
        if span.startswith('{"') and span.endswith("}") and "…" not in span:
            names = re.search(r'[{,]"\w+"[,}]', span)  # only the fields' names: {"ok","count"}
            assert names or json.loads(span), span


@by_place(blocks("html"))
def test_a_script_in_html_imports_what_the_server_serves(it: Block) -> None:
    scripts = re.findall(r"<script type=\"module\">(.*?)</script>", it.text, re.DOTALL)
    assert scripts
    for script in scripts:
        for names, path in re.findall(r"import {([^}]*)} from \"/static/([^\"]+)\"", script):
            module = (ROOT / "web" / path).read_text()
            assert all(re.search(rf"\b{n.strip()}\b", module) for n in names.split(",")), names
        if node := shutil.which("node"):
            check = [node, "--input-type=module", "--check"]
            done = subprocess.run(check, input=script, text=True, capture_output=True, timeout=30)
            assert done.returncode == 0, done.stderr


def test_every_block_has_a_language_that_is_looked_at() -> None:
    known = {"python", "toml", "json", "html", "console", "sh", "dockerfile", "", "indented"}
    assert {block.language for page in GUIDES for block in blocks_of(page)} <= known


# Commands


def parse(words: tuple[str, ...], *, whole: bool) -> None:
    """Ask the command line itself. Not `whole`: only the commands and the options exist."""
    command: Any = typer.main.get_command(app)
    parent, name, rest = None, "parley", list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        context = command.make_context(name, list(rest), parent=parent)
        name, command, rest = command.resolve_command(context, rest)
        parent = context
    if hasattr(command, "commands"):
        assert rest in ([], ["--help"], ["--version"]), rest
    elif whole and "--help" not in rest:
        command.make_context(name, list(rest), parent=parent)
    else:
        known = {option for parameter in command.params for option in parameter.opts}
        given = {word for word in rest if word.startswith("--")}
        assert given <= known | {"--help"}, given - known


@by_place(commands_with("parley"))
def test_a_parley_command_is_one(it: Command) -> None:
    parse(it.words[1:], whole=True)


@pages
def test_a_parley_command_in_the_text_is_one(page: str) -> None:
    for span in code_spans_of(page):
        words = tuple(re.sub(r"\.\.\.|…", "", span).split())
        while words and "=" in words[0]:
            words = words[1:]
        if words and words[0].endswith("parley") and len(words) > 1 and "|" not in words:
            parse(words[1:], whole=False)


def targets() -> set[str]:
    return set(re.findall(r"^([\w\-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@by_place(commands_with("make"))
def test_a_make_target_exists(it: Command) -> None:
    assert {word for word in it.words[1:] if "=" not in word} <= targets()


@pages
def test_a_make_target_in_the_text_exists(page: str) -> None:
    for span in code_spans_of(page):
        words = span.split()
        if words and words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets(), span


@pages
def test_nobody_is_sent_to_an_index_that_does_not_have_parley(page: str) -> None:
    """The package is not published; it is installed from a checkout."""
    assert not re.search(r"install[^\n]*parley-voice", text_of(page))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for names in re.findall(r"\.\[([\w,]+)\]", text_of(page)):
        assert set(names.split(",")) <= set(extras["optional-dependencies"]), names


# Settings


@pytest.mark.parametrize("page", [*GUIDES, "Dockerfile", "Makefile"])
def test_a_variable_of_ours_is_a_setting(page: str) -> None:
    assert set(OURS.findall(text_of(page))) <= SETTINGS | NO_SETTINGS


def assignments(page: str) -> Iterator[tuple[str, str, str]]:
    """Where, name and value of what is set in blocks and code spans of a page."""
    for block in blocks_of(page):
        if block.language == "toml":
            for name, value in tomllib.loads(block.text).items():
                yield block.where, name.upper(), str(value)
        for command in commands_of(block):
            for word in (*command.assigned, *command.words):
                name, equals, value = word.partition("=")
                if equals:
                    yield command.where, name.removeprefix("$"), value
    for span in code_spans_of(page):
        name, equals, value = span.partition("=")
        if equals:
            yield page, name, value.split(" ")[0]


@pages
def test_a_setting_is_set_to_what_it_may_be(page: str) -> None:
    for where, name, value in assignments(page):
        if name not in SETTINGS - {"PARLEY_CONFIG"} or "…" in value:
            continue
        beside = {"OPENAI_API_KEY": "sk-key", "STREAM_PIPER_VOICE": "voice.onnx"}
        given = {**beside, name: value}
        try:
            settings = load_settings(given, environ={}, env_file=None)
        except SettingsError as error:
            pytest.fail(f"{where}: {error}")
        assert settings.warnings == (), where


# Files and links


@pages
def test_a_path_in_this_repository_exists(page: str) -> None:
    folder = (ROOT / page).parent
    for path in set(TREE.findall(text_of(page))):
        name = path.rstrip(".")
        if name not in NO_PATHS:
            assert (ROOT / name).exists() or (folder / name).exists(), name


@pages
def test_a_file_of_the_source_exists(page: str) -> None:
    names = {
        path.name
        for room in (ROOT, *(p for p in ROOT.iterdir() if p.name[0] not in "._"))
        for path in (room.glob("*") if room == ROOT else room.rglob("*"))
    }
    for span in code_spans_of(page):
        if re.fullmatch(r"\w+\.(py|js|md)", span):
            assert span in names, span


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
