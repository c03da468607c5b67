"""A language model behind real HTTP that misbehaves: each failure has its code, and the next turn
of the same session is answered."""

from __future__ import annotations

import pytest
import trio

from parley.client.recording import Recording
from support.live_server import WEATHER, LiveServer, open_client, open_live_server
from support.llm_server import (
    Behaviour,
    LLMServer,
    cut,
    half_event,
    open_llm_server,
    refuse,
    stall_after,
    stall_before_headers,
    stall_before_tokens,
    tell,
)

pytestmark = pytest.mark.slow

SHORT = Recording(name="short", pcm16=WEATHER.pcm16[: 32 * 1200])
"""A second: what is said does not matter here, that it is answered does."""

FAILURES: dict[str, tuple[Behaviour, str, str]] = {
    "401": (refuse(401, code="invalid_api_key"), "LLM_FAIL", ""),
    "429": (refuse(429, "slow down"), "LLM_FAIL", ""),
    "429 for good": (refuse(429, code="insufficient_quota"), "LLM_FAIL", ""),
    "500": (refuse(500, "oops"), "LLM_FAIL", ""),
    "no headers": (stall_before_headers(), "LLM_TIMEOUT", ""),
    "no token": (stall_before_tokens(), "LLM_TIMEOUT", ""),
    "a gap": (stall_after("Once", " upon", " a time."), "LLM_TIMEOUT", "Once upon a time."),
    "closed": (cut("Once", " upon."), "LLM_FAIL", "Once upon."),
    "reset": (cut("Once", " upon.", reset=True), "LLM_FAIL", "Once upon."),
    "half an event": (half_event("Once", " upon."), "LLM_FAIL", "Once upon."),
}
RETRIED = {"429", "500"}
"""What may pass by itself is asked once more, while nothing was said yet."""


@pytest.mark.long
async def test_every_failure_of_the_model_has_its_code_and_the_next_turn_is_answered() -> None:
    async with (
        open_llm_server() as llm,
        open_live_server(
            stream_asr_lanes=2,
            openai_base_url=llm.base_url,
            openai_api_key="sk-some-key",
            stream_llm_first_token_s=0.5,
            stream_llm_gap_s=0.4,
        ) as live,
    ):
        for name in FAILURES:
            # One after the other: the model's script is shared.
            await _fail_and_go_on(live, llm, name)


async def _fail_and_go_on(live: LiveServer, llm: LLMServer, name: str) -> None:
    behaviour, code, said = FAILURES[name]
    llm.script(*[behaviour] * (2 if name in RETRIED else 1), tell("Still", " here", "."))
    before = len(llm.requests)
    async with open_client(live.url()) as client:
        await client.utter(SHORT, speed=30)
        error = await client.wait_for("error")
        assert (error["code"], error["recoverable"]) == (code, True), (name, error)
        await client.wait_for("tts_complete")
        assert client.reply == said, name
        assert not any(token["done"] for token in client.of("llm_token")), name
        # What was said of it, and the sentence that says that it failed.
        assert len(client.speech_s()) == 1 + bool(said), name

        await client.say(type="cancel")
        await client.utter(SHORT, speed=30)
        await client.wait_for("llm_token", where=lambda m: bool(m["done"]))
        await client.wait_for("tts_complete", count=2)
        assert client.reply == f"{said}Still here.", name
        assert set(client.codes) == {code, "CANCELLED"}, name
    assert len(llm.requests) - before == (3 if name in RETRIED else 2), name
    with trio.fail_after(5):
        await live.until_empty()
