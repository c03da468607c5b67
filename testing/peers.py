"""What the peers of scenes do, where it is more than a few actions.

Recordings were made of them: their times, their frames and their words stay as they are.
"""

from __future__ import annotations

import base64

import trio

from ..client.in_memory import InMemoryClient
from ..session.life import Session
from .sessions import silence, speech


async def interrupts(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(600) + silence(1500), chunk_ms=20)
    await client.speak(speech(500) + silence(1000), chunk_ms=20)
    await trio.sleep(2)


async def coughs(client: InMemoryClient, session: Session) -> None:
    await _say_at_24_khz(client, speech(500) + silence(1700))
    await _say_at_24_khz(client, speech(160) + silence(2500))


async def asks_and_stops(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(700) + silence(900))
    await client.wait_for("tts_complete")
    await client.say(type="stop")
    await trio.sleep(0.5)


async def asks_in_base64(client: InMemoryClient, session: Session) -> None:
    await client.say(type="control", action="start_listening")
    for number, start in enumerate(range(0, 48_000, 3200)):
        pcm16 = (speech(600) + silence(900))[start : start + 3200]
        data = base64.b64encode(pcm16).decode()
        await trio.sleep(0.1)
        await client.say(type="audio", data=data, timestamp=0, sequence=number)
    await trio.sleep(3)
    await client.say(type="control", action="stop_listening")
    await trio.sleep(0.2)


async def types_and_says_goodbye(client: InMemoryClient, session: Session) -> None:
    await client.say(type="text", content="hello")
    await trio.sleep(0.9)
    await client.say(type="barge_in", energy=0.5)
    await client.say(type="text", content="again")
    await trio.sleep(3)
    await client.say(type="control", command="end_session")
    await client.wait_closed()


async def is_drained(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(500) + silence(900))
    session.drain()
    await client.wait_closed()


async def is_cut_short(client: InMemoryClient, session: Session) -> None:
    """The server ends the reply, and the conversation goes on."""
    await client.start()
    await client.speak(speech(600) + silence(1500), chunk_ms=20)
    session.cancel_reply()
    await client.speak(silence(500) + speech(500) + silence(1000), chunk_ms=20)
    await trio.sleep(2)


async def waits_for_an_error(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(500) + silence(900))
    await client.wait_for("error")
    await trio.sleep(1)


async def hesitates(client: InMemoryClient, session: Session) -> None:
    await _say_at_24_khz(client, speech(500) + silence(400) + speech(400) + silence(700))
    await _say_at_24_khz(client, speech(300) + silence(2500))
    await _say_at_24_khz(client, speech(400) + silence(1200))


async def conducts_by_voice(client: InMemoryClient, session: Session) -> None:
    """Over Realtime: a turn, a cough over its reply, and words that end it; then the client tells
    how much it has played, and looks at the item."""
    await _detects(client, {"type": "server_vad", "silence_duration_ms": 300})
    await client.speak(speech(600) + silence(900), chunk_ms=20)
    await client.speak(speech(400) + silence(700), chunk_ms=20)
    await client.speak(speech(700) + silence(700), chunk_ms=20)
    done = await client.wait_for("response.done")
    item_id = done["response"]["output"][0]["id"]
    place = {"item_id": item_id, "content_index": 0}
    await client.say(type="conversation.item.truncate", **place, audio_end_ms=400)
    await client.say(type="conversation.item.retrieve", item_id=item_id)
    await client.wait_for("response.done", count=2)


async def conducts_by_hand(client: InMemoryClient, session: Session) -> None:
    """Over Realtime: push to talk, a tool that the client runs, text alone, one response beside the
    conversation, and a few mistakes."""
    tool = {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}}
    await _detects(client, None, tools=[tool])
    await client.speak(speech(700), chunk_ms=20)
    await client.say(type="input_audio_buffer.commit")
    await client.say(type="response.create")
    called = await client.wait_for("response.function_call_arguments.done")
    await trio.sleep(0.1)
    output = {"type": "function_call_output", "call_id": called["call_id"], "output": "noon"}
    await client.say(type="conversation.item.create", item=output)
    await client.say(type="response.create")
    await client.wait_for("response.done", count=2)
    aside = {"conversation": "none", "output_modalities": ["text"]}
    await client.say(type="response.create", response=aside)
    await client.say(type="response.create", response=aside)
    await client.wait_for("response.done", count=4)
    await client.say(type="response.cancel", event_id="too late")
    await client.say(type="input_audio_buffer.append", audio="&")
    await client.wait_for("error", count=2)
    await client.say(type="response.create")
    await client.wait_for("response.created", count=5)
    await trio.sleep(0.5)
    await client.say(type="response.cancel")
    await client.wait_for("response.done", count=5)


async def conducts_in_haste(client: InMemoryClient, session: Session) -> None:
    """Over Realtime: turns that are judged by their words, so that replies are begun early."""
    await _detects(client, {"type": "semantic_vad", "eagerness": "high"})
    await client.speak(speech(500) + silence(900), chunk_ms=20)
    await client.wait_for("response.done")
    await client.speak(speech(500) + silence(400) + speech(400) + silence(1500), chunk_ms=20)
    await client.wait_for("response.done", count=2)


async def conducts_an_agent(client: InMemoryClient, session: Session) -> None:
    """Over Realtime: an agent answers, with its tools and one of the client's."""
    tool = {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}}
    await _detects(client, {"type": "server_vad"}, tools=[tool], instructions="Be brief.")
    await client.wait_for("response.done")
    await client.speak(speech(700) + silence(1500), chunk_ms=20)
    called = await client.wait_for("response.function_call_arguments.done")
    output = {"type": "function_call_output", "call_id": called["call_id"], "output": "noon"}
    await client.say(type="conversation.item.create", item=output)
    await client.say(type="response.create")
    await client.wait_for("response.done", count=3)


async def _detects(client: InMemoryClient, detection: object, **more: object) -> None:
    audio = {"turn_detection": detection, "transcription": {"model": "whisper-1"}}
    session = {"type": "realtime", "audio": {"input": audio}, **more}
    await client.say(type="session.update", session=session)


async def _say_at_24_khz(client: InMemoryClient, pcm16: bytes) -> None:
    """Frames of 80 ms; each sample again and again, which is good enough for a scripted ear."""
    count = len(pcm16) // 2 * 24_000 // 16_000
    samples = [pcm16[i * 16_000 // 24_000 * 2 :][:2] for i in range(count)]
    for at in range(0, count, 1920):
        await trio.sleep(0.08)
        await client.transport.send(b"".join(samples[at : at + 1920]))


async def asks_twice(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(900) + silence(1200))
    await client.wait_for("tts_complete")
    await client.speak(speech(700) + silence(1000))
    await client.wait_for("tts_complete", count=2)
    await client.say(type="stop")
    await trio.sleep(1)


async def interrupts_and_cancels(client: InMemoryClient, session: Session) -> None:
    await client.start()
    await client.speak(speech(900) + silence(1400), chunk_ms=20)
    await client.speak(speech(800) + silence(1200), chunk_ms=20)
    await trio.sleep(3)
    await client.say(type="cancel")
    session.drain()
    await client.wait_closed()


async def types(client: InMemoryClient, session: Session) -> None:
    await client.say(type="text", content="hello")
    await trio.sleep(1.2)
    await client.say(type="barge_in", energy=0.5)
    await client.say(type="nonsense")
    await client.say(type="text", content="again")
    await trio.sleep(6)


async def clicks_and_interrupts(client: InMemoryClient, session: Session) -> None:
    """Dialect B: a question, a click that holds the reply, and an interruption."""
    await client.say(type="control", action="start_listening")
    await hear_base64(client, speech(900) + silence(1700))
    await hear_base64(client, speech(60) + silence(900))
    await hear_base64(client, speech(900) + silence(1200))
    await trio.sleep(6)


async def hear_base64(client: InMemoryClient, pcm16: bytes) -> None:
    """Dialect B: frames of 20 ms, without numbers and times."""
    for start in range(0, len(pcm16), 640):
        chunk = pcm16[start : start + 640]
        await trio.sleep(len(chunk) / 32_000)
        await client.say(type="audio", data=base64.b64encode(chunk).decode())


async def is_played_to(client: InMemoryClient, session: Session) -> None:
    """Audio from outside, in the middle of a reply and twice at once."""
    await client.say(type="text", content="hello")
    await trio.sleep(0.9)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.play, speech(300), 16_000)
        nursery.start_soon(session.play, silence(200), 16_000)
    await client.say(type="text", content="again")
    await trio.sleep(1)
    await session.play(speech(100), 8_000)
    await trio.sleep(6)


_TURN = speech(300) + silence(1100)
_INTERRUPTION = speech(500) + silence(900)
_HESITATION = speech(300) + silence(400)


async def leaves_in_a_reply(client: InMemoryClient, session: Session) -> None:
    """A turn, an interruption, another turn begun; then the connection is lost."""
    await _speak_ahead(client, _TURN + _INTERRUPTION)
    client.transport.abort()


async def is_drained_in_a_reply(client: InMemoryClient, session: Session) -> None:
    await _speak_ahead(client, _TURN + _INTERRUPTION)
    session.drain()
    await client.wait_closed()


async def hesitates_and_leaves(client: InMemoryClient, session: Session) -> None:
    await _speak_ahead(client, _HESITATION + _TURN + _INTERRUPTION)
    client.transport.abort()


async def hesitates_and_is_drained(client: InMemoryClient, session: Session) -> None:
    await _speak_ahead(client, _HESITATION + _TURN + _INTERRUPTION)
    session.drain()
    await client.wait_closed()


async def _speak_ahead(client: InMemoryClient, pcm16: bytes) -> None:
    """Dialect A: a frame of 100 ms at the beginning of each 100 ms."""
    await client.start()
    for at in range(0, len(pcm16), 3200):
        await client.transport.send(pcm16[at : at + 3200])
        await trio.sleep(0.1)
