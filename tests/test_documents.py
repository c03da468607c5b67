"""The documentation keeps its word: what it shows parses, runs and exists."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio
import trio.testing
import typer.main

from parley.commands.app import app
from parley.config import SettingsError, load_settings
from parley.config.variables import Variables
from support.pages import (
    GUIDES,
    ROOT,
    Block,
    Command,
    blocks_of,
    code_spans_of,
    commands_of,
    text_of,
)

EXECUTED_ELSEWHERE = {
    "README.md": 2,
    "docs/EMBEDDING.md": 6,
    "docs/OPENAI_HTTP.md": 1,
    "docs/OPENAI_CLIENTS.md": 4,  # two of them: Pipecat and LiveKit are in no test's environment
}
"""Python blocks that test_readme.py, test_docs.py and test_openai_sdk.py execute. All others are
executed here."""

SETTINGS = {name.upper() for name in Variables.model_fields} | {"PARLEY_CONFIG"}

NO_SETTINGS = {
    *("PARLEY_EXAMPLES", "PARLEY_SEEDS", "PARLEY_STRIDE", "PARLEY_TEST_ALL"),
    *("OPENAI_HTTP", "OPENAI_CLIENTS"),
}
"""Ours, but for the tests: how long their long runs are. The last one is a page's name."""

OURS = re.compile(
    r"(?<![A-Z_])(?:STREAM|WS|VAD|AUDIO|PARLEY|OPENAI)_[A-Z0-9_]*[A-Z0-9](?![A-Z_…*])"
)

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
    module = ModuleType("example")  # dataclasses look theirs up
    monkeypatch.setitem(sys.modules, "example", module)
    names: dict[str, Any] = vars(module)

    async def run() -> None:
        coroutine = eval(program, names)
        if inspect.isawaitable(coroutine):
            await coroutine

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    if "replayed" in names:
        assert names["replayed"].diverged is None


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
    known = {"python", "toml", "json", "html", "js", "console", "sh", "dockerfile", "", "indented"}
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


@pytest.mark.few(8)
@by_place(commands_with("parley"))
def test_a_parley_command_is_one(it: Command) -> None:
    parse(it.words[1:], whole=True)


@pytest.mark.few(8)
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
