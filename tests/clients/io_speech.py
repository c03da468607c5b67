"""A client of `/stream` as its users write them: `websockets`, one task, send first, read later.

    python io_speech.py ws://127.0.0.1:8084/stream RECORDING.wav

Prints every message as a line of JSON; ends with the final transcript, or with `--whole` when the
reply has been spoken.
"""

import asyncio
import base64
import json
import sys
import time
import wave

import websockets


async def stream_audio(uri: str, path: str, whole: bool) -> None:
    with wave.open(path) as recording:
        pcm16 = recording.readframes(recording.getnframes())
    async with websockets.connect(uri) as websocket:
        print(await websocket.recv(), flush=True)
        await websocket.send(json.dumps({"type": "control", "action": "start_listening"}))
        for sequence, start in enumerate(range(0, len(pcm16), 3200)):
            message = {
                "type": "audio",
                "data": base64.b64encode(pcm16[start : start + 3200]).decode(),
                "timestamp": int(time.time() * 1000),
                "sequence": sequence,
            }
            await websocket.send(json.dumps(message))
            await asyncio.sleep(0.1)
        spoken = False
        async for text in websocket:
            message = json.loads(text)
            message.pop("data", None)
            print(json.dumps(message), flush=True)
            if message["type"] == "transcript" and message["is_final"] and not whole:
                break
            spoken = spoken or message.get("status") == "speaking"
            if spoken and message.get("status") == "listening":
                break


asyncio.run(stream_audio(sys.argv[1], sys.argv[2], "--whole" in sys.argv))
