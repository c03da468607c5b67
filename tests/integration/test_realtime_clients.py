"""Stock clients of OpenAI's Realtime API hold conversations with a live Parley: OpenAI's libraries
and its Agents SDKs, in Python and in JavaScript, unchanged. What they were sent is then held to
their own types.

One server for all, with a real recognizer and a real voice, and a model that answers by rules
(tests/clients/realtime_server.py). Each client is one process that plays its scenarios at once, and
tells in a line of JSON what it saw in each.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from support.pages import blocks_of
from support.stock_clients import (
    CLIENTS,
    Found,
    agents_python,
    node_clients,
    realtime_server,
    recordings_at_24_khz,
    run_client,
)

pytestmark = pytest.mark.slow

UNKNOWN_IN_JAVASCRIPT = {"input_audio_buffer.timeout_triggered"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with realtime_server() as port:
        yield f"ws://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what each client was sent."""
    return tmp_path_factory.mktemp("frames")


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> str:
    return recordings_at_24_khz(tmp_path_factory.mktemp("audio"))


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node_clients(tmp_path_factory.mktemp("javascript"))


@pytest.fixture(scope="module")
def openai_python(server: str, audio: str, frames: Path) -> Found:
    program, seen = str(CLIENTS / "realtime_openai.py"), str(frames / "openai-python")
    return run_client(sys.executable, program, f"{server}/v1", audio, seen)


@pytest.fixture(scope="module")
def openai_javascript(server: str, audio: str, frames: Path, javascript: Path) -> Found:
    program, seen = str(javascript / "realtime_openai.mjs"), str(frames / "openai-javascript")
    return run_client("node", program, f"{server}/v1", audio, seen)


@pytest.fixture(scope="module")
def agents_sdk_python(server: str, audio: str, frames: Path) -> Found:
    program, seen = str(CLIENTS / "realtime_agents.py"), str(frames / "agents-python")
    return run_client(agents_python(), program, f"{server}/v1/realtime", audio, seen)


@pytest.fixture(scope="module")
def agents_sdk_javascript(server: str, audio: str, frames: Path, javascript: Path) -> Found:
    program, seen = str(javascript / "realtime_agents.mjs"), str(frames / "agents-javascript")
    return run_client("node", program, f"{server}/v1/realtime", audio, seen)


LONG = pytest.mark.long


@pytest.fixture(params=["openai_python", pytest.param("openai_javascript", marks=LONG)])
def openai(request: pytest.FixtureRequest) -> Found:
    found: Found = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=[pytest.param("agents_sdk_python", marks=LONG), "agents_sdk_javascript"])
def agents(request: pytest.FixtureRequest) -> Found:
    found: Found = request.getfixturevalue(request.param)
    return found


def heard_lights(heard: str) -> bool:
    return "lights in the kitchen" in heard.lower()


# OpenAI's libraries


def test_two_turns_are_heard_and_answered(openai: Found) -> None:
    told = openai["voice_turns"]
    first, second = told["heard"]
    assert heard_lights(first) and "mother" in second
    assert told["said"] == [f"You said: {first}.", f"You said: {second}."]
    assert told["statuses"] == ["completed", "completed"]
    assert told["audio_ms"] > 2000
    assert (told["errors"], told["model"]) == ([], "gpt-realtime")


def test_speech_ends_a_reply_and_truncation_cuts_its_item(openai: Found) -> None:
    told = openai["interruption"]
    assert told["statuses"] == ["cancelled", "completed"]
    assert (told["reason"], told["item_status"]) == ("turn_detected", "incomplete")
    assert told["audio_end_ms"] == 1200
    assert "lights" in told["heard"][0]


def test_a_truncated_item_holds_what_was_heard(openai_python: Found) -> None:
    told = openai_python["interruption"]
    assert told["kept"].startswith("Chapter one") and "Chapter two" not in told["kept"]
    assert told["kept_ms"] == 1200
    started = told["order"].index("input_audio_buffer.speech_started")
    assert started < told["order"].index("response.done")


def test_several_tools_are_called_at_once(openai: Found) -> None:
    told = openai["parallel_tools"]
    arguments = '{"city": "London"}'
    names = ["get_weather", "get_time"]
    assert told["calls"] == [[name, arguments, "completed"] for name in names]
    (said,) = told["said"]
    assert all(name in said for name in names)


@pytest.mark.parametrize(
    ("scenario", "called"),
    [
        ("tool", ["get_weather", '{"city": "London"}', "completed"]),
        ("spoken_tool", ["set_lights", '{"room": "London"}', "completed"]),
    ],
)
def test_a_tool_is_called_and_its_result_said(
    openai_python: Found, scenario: str, called: list[str]
) -> None:
    told = openai_python[scenario]
    assert told["calls"] == [called]
    assert told["said"][0].startswith("The tools say: ")
    assert told["statuses"] == ["completed", "completed"]


def test_text_needs_no_sound(openai: Found) -> None:
    told = openai["text_only"]
    assert (told["said"][0], told["audio_ms"]) == ("You said: hello.", 0)


def test_who_says_by_hand_when_they_have_spoken_is_answered_on_demand(openai: Found) -> None:
    told = openai["push_to_talk"]
    assert heard_lights(told["heard"][0])
    assert told["said"] == [f"You said: {heard}." for heard in told["heard"]]
    assert set(told["statuses"]) == {"completed"}


def test_a_session_for_transcription_only_hears(openai: Found) -> None:
    told = openai["transcription"]
    assert heard_lights(told["heard"][0])
    assert (told["said"], told["statuses"], told["errors"]) == ([], [], [])


def test_errors_name_the_event_and_end_nothing(openai: Found) -> None:
    told = openai["errors"]
    named = [error["event_id"] for error in told["errors"] if error.get("event_id")]
    assert named == [f"e{number}" for number in range(1, len(named) + 1)]
    assert [error["code"] for error in told["errors"][:2]] == [
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
    ]
    assert told["statuses"][-1] == "completed"


def test_a_model_that_fails_fails_its_response_alone(openai_python: Found) -> None:
    told = openai_python["errors"]
    assert told["statuses"] == ["failed", "completed"]
    assert "asked to fail" in told["failed"]["error"]["message"]


def test_a_client_ends_a_response(openai_python: Found) -> None:
    told = openai_python["client_cancels"]
    assert (told["statuses"], told["reason"]) == (["cancelled"], "client_cancelled")


def test_items_are_put_where_the_client_wants_them(openai_python: Found) -> None:
    assert openai_python["conversation_items"]["added"] == [
        ["item1", None],
        ["item2", "item1"],
        ["item3", None],
    ]


def test_replies_come_as_a_telephone_wants_them(openai_python: Found) -> None:
    told = openai_python["telephone_audio"]
    assert 4000 < told["pcmu_bytes"] < 24_000


def test_a_silence_is_answered_where_the_client_wants_that(openai_python: Found) -> None:
    told = openai_python["silence"]
    assert (told["idle_ms"], told["statuses"]) == (1000, ["completed"])


@pytest.mark.long
def test_the_synchronous_library_holds_a_conversation(
    server: str, audio: str, frames: Path
) -> None:
    program, seen = str(CLIENTS / "realtime_openai.py"), str(frames / "openai-sync")
    command = (sys.executable, program, f"{server}/v1", audio, seen, "sync")
    told = run_client(*command)["sync"]
    assert heard_lights(told["heard"][0])
    assert told["said"][1] == "You said: hello."
    assert told["errors"] == []


# OpenAI's Agents SDKs


def test_an_agents_history_holds_two_turns(agents: Found) -> None:
    told = agents["voice_turns"]
    first, second = told["heard"]
    assert heard_lights(first)
    assert told["history"] == [
        ["user", first],
        ["assistant", f"You said: {first}.", "completed"],
        ["user", second],
        ["assistant", f"You said: {second}.", "completed"],
    ]
    assert told["audio_ms"] > 2000
    assert told["errors"] == []


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [("interruption", "turn_detected"), ("interrupted_by_hand", "client_cancelled")],
)
def test_an_agent_is_interrupted(agents: Found, scenario: str, reason: str) -> None:
    told = agents[scenario]
    assert told["details"] == {"type": "cancelled", "reason": reason}
    assert told["statuses"] == ["cancelled", "completed"]
    assert told["interrupted"] == 1
    _, reply, *_ = told["history"]
    assert reply[1].startswith("Chapter one") and "Chapter three" not in reply[1]
    assert reply[2] == "incomplete"
    assert told["errors"] == []


def test_an_agent_calls_a_tool_that_was_asked_for_aloud(agents: Found) -> None:
    told = agents["spoken_tool"]
    assert told["tools"] == ["set_lights"]
    assert told["history"][-1] == ["assistant", "The tools say: on.", "completed"]
    assert told["errors"] == []


def test_an_agent_answers_each_result_of_parallel_tools(agents: Found) -> None:
    """These SDKs ask for a response at the first result, and for another one at the second."""
    told = agents["parallel_tools"]
    assert told["tools"] == ["get_weather", "get_time"]
    replies = [text for role, text, *_ in told["history"] if role == "assistant"]
    assert "rain" in replies[0] and "noon" in replies[-1]
    assert told["errors"] == []


def test_an_agent_hands_over(agents: Found) -> None:
    told = agents["handoff"]
    assert told["to"] == "billing"
    assert "bills" in told["instructions"]
    assert told["errors"] == []


def test_an_agent_is_pushed_to_talk(agents: Found) -> None:
    told = agents["push_to_talk"]
    assert heard_lights(told["heard"][0])
    assert (told["statuses"], told["errors"]) == (["completed"], [])


def test_an_agents_history_can_be_cut(agents_sdk_javascript: Found) -> None:
    told = agents_sdk_javascript["history"]
    assert [role for role, *_ in told["history"]] == ["assistant"]
    assert told["errors"] == []


# The recipes


def recipe(server: str, section: int, language: str) -> str:
    """The block of a language in the documentation, with this server's address."""
    blocks = [b for b in blocks_of("docs/OPENAI_CLIENTS.md") if b.language == language]
    port = server.rpartition(":")[2]
    return blocks[section].text.replace("127.0.0.1:8084", f"127.0.0.1:{port}").replace("8084", port)


def run_python(interpreter: str, text: str, folder: Path) -> str:
    """A block may wait at its top."""
    body = "\n".join(f"    {line}" for line in text.splitlines())
    program = folder / "recipe.py"
    program.write_text(f"import asyncio\n\n\nasync def main():\n{body}\n\n\nasyncio.run(main())\n")
    return run(interpreter, str(program))


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_recipe_for_openais_library_in_python_works(server: str, tmp_path: Path) -> None:
    told = run_python(sys.executable, recipe(server, 0, "python"), tmp_path)
    assert told.strip() == "You said: hello."


@pytest.mark.long
def test_the_recipe_for_the_agents_sdk_in_python_works(server: str, tmp_path: Path) -> None:
    told = run_python(agents_python(), recipe(server, 1, "python"), tmp_path)
    assert "bytes of PCM16" in told


@pytest.mark.parametrize("section", [0, 1])
def test_the_recipes_in_javascript_work(server: str, javascript: Path, section: int) -> None:
    program = javascript / "recipe.mjs"
    program.write_text(recipe(server, section, "js"))
    assert run("node", str(program)).strip() == "You said: hello."


# What they were sent


def seen(frames: Path) -> list[Path]:
    paths = sorted(path for path in frames.iterdir() if path.stat().st_size)
    assert paths
    return paths


def test_every_event_has_the_types_of_openais_library(openai_python: Found, frames: Path) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
    for path in seen(frames):
        for line in path.read_bytes().splitlines():
            adapter.validate_json(line)


def test_every_event_has_the_shape_that_the_agents_sdk_wants(
    openai_python: Found, agents_sdk_javascript: Found, frames: Path, javascript: Path
) -> None:
    paths = [str(path) for path in seen(frames)]
    done = subprocess.run(
        ["node", "realtime_contract.mjs", *paths],
        cwd=javascript,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["events"] > 1000
    assert told["refused"] == []
    assert set(told["unknown"]) <= UNKNOWN_IN_JAVASCRIPT
