"""How soon a voice that streams is heard: from its first chunk to the client's first sound.

    python scripts/measure_first_sound.py [--times 20]

A server in this process, and a stand-in for `/v1/audio/speech` that sends a phrase of three seconds
over one and a half, in chunks of a tenth of a second. Words are asked in real time over each of the
four protocols. Printed, per protocol: from the moment at which the stand-in sent the first chunk
of sound to the moment at which the client had the first sound of the reply.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
import trio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from parley.audio.wav import wav_bytes  # noqa: E402
from parley.config import Settings  # noqa: E402
from parley.embedding import OwnEngines, open_server  # noqa: E402
from parley.engines.asr.scripted import ScriptedTranscriber  # noqa: E402
from parley.engines.llm.scripted import ScriptedResponder  # noqa: E402
from parley.protocol.dialect import Dialect  # noqa: E402
from parley.protocol.dialects import DIALECTS  # noqa: E402
from parley.testing import silence, speech  # noqa: E402
from support.live_server import open_client  # noqa: E402

RATE_HZ = 24_000
PHRASE_S = 3.0
CHUNK_S = 0.1
FASTER = 2.0
"""Than speech."""


@dataclass
class SlowVoice:
    """A server of one phrase, which notes when it sent the first of its sound."""

    first_s: list[float] = field(default_factory=list)

    async def serve(self, stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):  # the caller has hung up
            await self._answer(stream)

    async def _answer(self, stream: trio.SocketStream) -> None:
        request = b""
        while b"\r\n\r\n" not in request or not request.endswith(b"}"):
            request += await stream.receive_some()
        sound = bytes(range(1, 101)) * int(RATE_HZ * PHRASE_S * 2 // 100)
        file = wav_bytes(sound, RATE_HZ)
        head = "HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nTransfer-Encoding: chunked\r\n\r\n"
        await stream.send_all(head.encode())
        await self._chunk(stream, file[:44])
        step = int(RATE_HZ * CHUNK_S) * 2
        for at in range(44, len(file), step):
            if at == 44:
                self.first_s.append(trio.current_time())
            await self._chunk(stream, file[at : at + step])
            await trio.sleep(CHUNK_S / FASTER)
        await stream.send_all(b"0\r\n\r\n")

    async def _chunk(self, stream: trio.SocketStream, data: bytes) -> None:
        await stream.send_all(f"{len(data):x}\r\n".encode() + data + b"\r\n")


@asynccontextmanager
async def open_slow_voice() -> AsyncIterator[tuple[SlowVoice, str]]:
    voice = SlowVoice()
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(functools.partial(trio.serve_listeners, voice.serve, listeners))
        port = listeners[0].socket.getsockname()[1]
        yield voice, f"http://127.0.0.1:{port}/v1"
        nursery.cancel_scope.cancel()


SOUND = {
    "/ws": "tts_chunk",
    "/stream": "audio_output",
    "/engine": "binary",
    "/v1/realtime": "response.output_audio.delta",
}


async def measure(times: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    own = OwnEngines(
        transcriber=lambda session: ScriptedTranscriber(["what is it"]),
        responder=ScriptedResponder(then=["This is ", "a phrase ", "of three seconds."]),
    )
    async with open_slow_voice() as (voice, url):
        settings = Settings.defaults(
            stream_tts_engine="openai",
            openai_tts_base_url=url,
            stream_vad_engine="energy",
            stream_turn_engine="fixed",
            stream_speculations=0,
        )
        async with open_server(settings, port=0, own=own) as server:
            for dialect in DIALECTS:
                path = dialect.paths[0]
                took_ms = sorted(
                    [await _once(server.url(path), dialect, voice) for _ in range(times)]
                )
                print(
                    f"{path:8} first sound after the first chunk: median "
                    f"{statistics.median(took_ms):.1f} ms, most {took_ms[-1]:.1f} ms of {times}"
                )


async def _once(url: str, dialect: Dialect, voice: SlowVoice) -> float:
    known, kind = len(voice.first_s), SOUND[dialect.paths[0]]
    async with open_client(url, dialect) as client:
        await client.start()
        await client.speak(speech(600) + silence(1000), chunk_ms=20)
        with trio.fail_after(10):
            await client.wait_for(kind)
        return 1000 * (client.when(kind) - voice.first_s[known])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    trio.run(measure, parser.parse_args().times)
    return 0


if __name__ == "__main__":
    sys.exit(main())
