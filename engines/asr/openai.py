"""Speech to text by OpenAI, or by any server that speaks its `/audio/transcriptions`.

The service hears whole utterances, so the utterance is kept here and sent when it has ended. On
request it is sent on the way too, for partials, one at a time; each costs as much as a final of
its length. Nothing is retried here: the ASR actor feeds the utterance again after a failure that
may pass. Where there are several servers, each request is a question to their pool.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol, TypeVar

import msgspec
import trio

from ...audio.pcm import BYTES_PER_MS, HEARING_RATE_HZ
from ...audio.wav import wav_bytes
from ...config import Hearing, Transcribing
from ...conversation.languages import code_of
from ..failures import EngineFailure, LaneLost
from ..pools.opening import Address, addresses_of, open_pool
from ..pools.pool import Pool
from ..services.json_answer import parse_json
from ..services.openai_client import Blame, Client, SettingNames, open_client
from .interface import Hypothesis, Transcript
from .recognizer import Recognizer

Answer = TypeVar("Answer")

NAMES = SettingNames(
    model="OPENAI_ASR_MODEL",
    base_url="OPENAI_ASR_BASE_URL or OPENAI_BASE_URL",
    api_key="OPENAI_ASR_API_KEY or OPENAI_API_KEY",
)


SHORTEST_MS = 100
"""OpenAI refuses what is shorter. There is no word in it either."""

LONGEST_BYTES = 24_000_000
"""OpenAI takes files of 25 MB: twelve and a half minutes. An utterance has two at most, an upload
eight."""

LIMIT_BYTES = 1 << 20
"""What an answer may have. The words of ten minutes are 10 kB."""

TELLS_LANGUAGE = "whisper"
"""A model with that in its name is asked in a format that tells the language, where that is to be
found out. OpenAI's other models refuse it."""

PARTIAL_LIMIT_S = 2.0
"""A partial that takes longer is given up: what it would say is old."""


class _Answer(msgspec.Struct):
    text: str | None = None
    error: Any = None
    language: Any = None
    """Some servers tell it, by its code or its English name."""


@dataclass(slots=True)
class _Open:
    audio: bytearray = field(default_factory=bytearray)
    asked_s: float = field(default_factory=trio.current_time)
    """When the last partial was asked for, or it began. Audio that comes faster than it was spoken
    (an upload; an utterance that is fed again) so costs no partials."""
    partials: bool = True
    """No more of them after one that failed: the final is what counts."""
    decode_s: float = 0.0
    runs: int = 0
    language: str | None = None
    concluded: Transcript | None = None
    """What it says, if nothing comes any more."""


class Asks(Protocol):
    """Whoever knows the servers."""

    async def ask(self, attempt: Callable[[Client], Awaitable[Answer]]) -> Answer:
        """What `attempt` gives with one of the clients. Raises EngineFailure."""
        ...


@dataclass(frozen=True, slots=True)
class One:
    """One server."""

    client: Client = field(repr=False)

    async def ask(self, attempt: Callable[[Client], Awaitable[Answer]]) -> Answer:
        return await attempt(self.client)


class OpenAITranscriber:
    """One per session. The utterance is lost with a `finish` that fails or is cancelled."""

    def __init__(
        self, servers: Asks, model: str, language: str | None, partial_interval_ms: int | None
    ) -> None:
        self._servers = servers
        self._model = model
        tells = language is None and TELLS_LANGUAGE in model.lower()
        self._options: dict[str, Any] = {
            "model": model,
            "response_format": "verbose_json" if tells else "json",
        }
        if language is not None:
            self._options["language"] = language
        self._language = language
        self._interval_s = inf if partial_interval_ms is None else partial_interval_ms / 1000
        self._open: _Open | None = None

    def for_file(self, language: str | None) -> OpenAITranscriber:
        """See HearsFiles."""
        asked = self._language if language is None else language or None
        return OpenAITranscriber(self._servers, self._model, asked, None)

    async def begin(self) -> None:
        await trio.lowlevel.checkpoint()
        self._open = _Open()

    async def feed(self, pcm16: bytes) -> None:
        await trio.lowlevel.checkpoint()
        utterance = self._utterance()
        utterance.audio += pcm16
        utterance.concluded = None
        if len(utterance.audio) > LONGEST_BYTES:
            self._open = None
            raise EngineFailure(
                f"the utterance is longer than {LONGEST_BYTES} bytes", retryable=False
            )

    async def hypothesis(self) -> Hypothesis | None:
        await trio.lowlevel.checkpoint()
        utterance = self._utterance()
        due = trio.current_time() >= utterance.asked_s + self._interval_s
        return await self._partial(utterance) if due and utterance.partials else None

    async def conclude(self) -> Transcript:
        """A request like that of a final. It is the final's, where nothing follows."""
        utterance = self._utterance()
        if utterance.concluded is None:
            utterance.concluded = await self._conclude(utterance)
        else:
            await trio.lowlevel.checkpoint()
        return utterance.concluded

    async def finish(self) -> Transcript:
        utterance = self._utterance()
        self._open = None
        if utterance.concluded is not None:
            await trio.lowlevel.checkpoint()
            return utterance.concluded
        return await self._conclude(utterance)

    async def _conclude(self, utterance: _Open) -> Transcript:
        text = ""
        if len(utterance.audio) >= SHORTEST_MS * BYTES_PER_MS:
            text = await self._ask(utterance)
        else:
            await trio.lowlevel.checkpoint()
        return Transcript(
            text=text,
            decode_ms=utterance.decode_s * 1000,
            audio_ms=len(utterance.audio) / BYTES_PER_MS,
            runs=utterance.runs,
            language=(self._language or utterance.language) if text else None,
        )

    async def abandon(self) -> None:
        self._open = None
        await trio.lowlevel.checkpoint()

    async def _partial(self, utterance: _Open) -> Hypothesis | None:
        """The words so far, or None where the service does not say them soon enough."""
        now_s = utterance.asked_s = trio.current_time()
        left_s = trio.current_effective_deadline() - now_s
        covered = len(utterance.audio)
        with trio.move_on_after(min(PARTIAL_LIMIT_S, left_s / 2)):  # the caller's would lose all
            try:
                return Hypothesis(await self._ask(utterance), covered)
            except EngineFailure:
                pass
        utterance.partials = False
        return None

    async def _ask(self, utterance: _Open) -> str:
        utterance.runs += 1
        began_s = trio.current_time()
        wav = wav_bytes(bytes(utterance.audio), HEARING_RATE_HZ)

        async def attempt(client: Client) -> tuple[str, str | None]:
            file = ("speech.wav", wav, "audio/wav")
            request = client.sdk.audio.transcriptions.with_streaming_response.create(
                file=file, **self._options
            )
            _, body = await client.fetch(request, limit_bytes=LIMIT_BYTES)
            return _heard_in(body, client.blame)

        text, utterance.language = await self._servers.ask(attempt)
        utterance.decode_s += trio.current_time() - began_s
        return text

    def _utterance(self) -> _Open:
        if self._open is None:
            raise LaneLost("no utterance is open")
        return self._open


def _heard_in(body: bytes, blame: Blame) -> tuple[str, str | None]:
    """The words, and their language where it is told. Raises EngineFailure for what is none."""
    try:
        answer = parse_json(body, _Answer)
    except ValueError:
        began = blame.clean(body[:80].decode("utf-8", "replace"))
        raise EngineFailure(
            f"{blame.place} answered with no transcript but {began!r}", retryable=False
        ) from None
    if answer.error:
        raise blame.for_status(None, answer.error)
    if answer.text is None:
        raise EngineFailure(f"{blame.place} answered without a text", retryable=False)
    return answer.text.strip(), code_of(answer.language)


@dataclass(frozen=True, slots=True)
class OpenAITranscribers:
    """Makes each session's transcriber, all on the same servers. `partial_interval_ms` is audio
    between two partials; None for none."""

    servers: Asks = field(repr=False)
    model: str
    language: str | None
    partial_interval_ms: int | None

    def __call__(self, session_id: str) -> OpenAITranscriber:
        return OpenAITranscriber(self.servers, self.model, self.language, self.partial_interval_ms)


@asynccontextmanager
async def open_openai_asr(
    *,
    model: str,
    language: str | None = None,
    partial_interval_ms: int | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
) -> AsyncIterator[OpenAITranscribers]:
    """What makes transcribers for as long as its client is open; see `open_client`.
    Raises EngineUnavailable."""
    async with open_client(model=model, base_url=base_url, api_key=api_key, names=NAMES) as client:
        _ = client.sdk.audio.transcriptions.with_streaming_response  # its imports now
        yield OpenAITranscribers(One(client), model, language, partial_interval_ms)


@asynccontextmanager
async def opened(transcribing: Transcribing, hearing: Hearing) -> AsyncIterator[Recognizer]:
    """The recognizer as the settings describe it, of one server or of a pool. Raises
    EngineUnavailable."""
    model = transcribing.model
    language = None if transcribing.language == "auto" else transcribing.language
    interval_ms = hearing.partial_interval_ms if transcribing.partials else None

    def opens(address: Address) -> AbstractAsyncContextManager[Client]:
        return open_client(
            model=model, base_url=address.base_url, api_key=address.api_key, names=NAMES
        )

    async with AsyncExitStack() as stack:
        addresses = addresses_of(transcribing.base_url, transcribing.api_key)
        servers: Asks
        pools: tuple[Pool[Client], ...] = ()
        if len(addresses) > 1:
            pool = await stack.enter_async_context(
                open_pool("asr", addresses, opens, lambda client: client.look)
            )
            servers, pools, client = pool, (pool,), pool.places[0].engine
        else:
            client = await stack.enter_async_context(opens(addresses[0]))
            servers = One(client)
        _ = client.sdk.audio.transcriptions.with_streaming_response  # its imports now
        make = OpenAITranscribers(servers, model, language, interval_ms)
        yield Recognizer(make=lambda session: make(session.session_id), pools=pools)
