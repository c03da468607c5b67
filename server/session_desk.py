"""What whoever looks after a server may do to its sessions, over HTTP.

GET /sessions/ID            one session's line
POST /sessions/ID/cancel    end what it is saying, or about to say; the conversation goes on
DELETE /sessions/ID         end it for good: its reply finishes, its connection closes with 1000
POST /broadcast             a recording, or a text that is spoken, for every client

The list of sessions is `status`'s. Where a server is several workers, or one of several servers,
`workers.together` and `everywhere` ask the others by these same routes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import msgspec
import trio

from ..audio.pcm import check_pcm16
from ..audio.wav import NotAWav, Wav, parse_wav, wav_bytes
from ..engines.failures import EngineFailure
from .http.front import ANY_PATH, HttpHandler
from .http.head import BadRequest, Head
from .http.places import RETRY_AFTER_S
from .http.request_body import read_body
from .http.responses import Response, error_response, json_response
from .open_sessions import OpenSessions
from .status import Status

BROADCAST_BYTES = 10 * 1024 * 1024
BROADCAST_S = 30.0
TEXT_CHARS = 2000

ONE = f"/sessions/{ANY_PATH}"
CANCEL = f"/sessions/{ANY_PATH}/cancel"
BROADCAST = "/broadcast"
"""The routes, which others put themselves in front of."""


class _Words(msgspec.Struct):
    text: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """For all clients but those of some sessions."""

    wav: Wav
    exclude: Collection[str]

    @property
    def file(self) -> bytes:
        """As it is sent on to other processes."""
        return wav_bytes(self.wav.pcm16, self.wav.rate_hz)

    @property
    def query(self) -> dict[str, str]:
        return {"exclude": ",".join(self.exclude)} if self.exclude else {}


@dataclass(slots=True)
class Played:
    """To how many clients it went, and who did not say: a worker or a server, and why."""

    clients: int = 0
    missing: list[dict[str, Any]] = field(default_factory=list)

    def response(self) -> Response:
        body: dict[str, Any] = {"ok": True, "clients": self.clients}
        return json_response({**body, "missing": self.missing} if self.missing else body)


async def _nobody(announcement: Announcement) -> Played:
    return Played()


class SessionDesk:
    """One per server. `routes` are for a Front."""

    def __init__(
        self,
        sessions: OpenSessions,
        status: Status,
        *,
        read: Callable[[bytes], Awaitable[bytes]],
        speak: Callable[[str], Awaitable[bytes]],
    ) -> None:
        """`read` makes PCM16 at 16 kHz of any recording, and `speak` a WAV of a text."""
        self._sessions = sessions
        self._status = status
        self._read = read
        self._speak = speak
        self.beside: Callable[[Announcement], Awaitable[Played]] = _nobody
        """Plays it to the clients of this server's other processes."""

    @property
    def routes(self) -> dict[tuple[str, str], HttpHandler]:
        return {
            ("GET", ONE): self.show,
            ("POST", CANCEL): self.cancel,
            ("DELETE", ONE): self.close,
            ("POST", BROADCAST): self.broadcast,
        }

    async def show(self, head: Head, stream: trio.abc.Stream) -> Response:
        session_id = session_of(head)
        for line in self._status.session_lines():
            if line["session_id"] == session_id:
                return json_response({"ok": True, "session": line})
        return no_session(session_id)

    async def cancel(self, head: Head, stream: trio.abc.Stream) -> Response:
        """`cancelled` is whether there was a reply. It is silent within a moment."""
        session_id = session_of(head)
        try:
            cancelled = self._sessions.cancel_reply(session_id)
        except LookupError:
            return no_session(session_id)
        return json_response({"ok": True, "session_id": session_id, "cancelled": cancelled})

    async def close(self, head: Head, stream: trio.abc.Stream) -> Response:
        """Answered when it is over, within STREAM_DRAIN_S."""
        session_id = session_of(head)
        try:
            await self._sessions.close(session_id)
        except LookupError:
            return no_session(session_id)
        return json_response({"ok": True, "session_id": session_id, "closed": True})

    async def broadcast(self, head: Head, stream: trio.abc.Stream) -> Response:
        """Answered when it has left for the slowest client."""
        return (await self.play(await self.read(head, stream))).response()

    async def broadcast_alone(self, head: Head, stream: trio.abc.Stream) -> Response:
        """By this process alone."""
        return Played(await self._play(await self.read(head, stream))).response()

    async def read(self, head: Head, stream: trio.abc.Stream) -> Announcement:
        """What is to be announced: JSON with `text`, or a recording. Raises BadRequest."""
        body = await read_body(stream, head, BROADCAST_BYTES, BROADCAST_S)
        if not body:
            raise BadRequest(400, 'send a recording (WAV, MP3, …), or {"text": "…"}')
        try:
            wav = await self._sound(body)
            check_pcm16(wav.pcm16, wav.rate_hz)
        except EngineFailure as failure:
            later = (("Retry-After", str(RETRY_AFTER_S)),) if failure.retryable else ()
            raise BadRequest(503, str(failure), later) from None
        except ValueError as problem:
            raise BadRequest(400, str(problem)) from None
        exclude = [name for name in head.query.get("exclude", "").split(",") if name]
        return Announcement(wav, exclude)

    async def _sound(self, body: bytes) -> Wav:
        if body.lstrip()[:1] == b"{":
            try:
                text = msgspec.json.decode(body, type=_Words).text.strip()
            except msgspec.MsgspecError as error:
                raise BadRequest(400, f'that is no {{"text": "…"}}: {error}') from None
            if not 0 < len(text) <= TEXT_CHARS:
                raise BadRequest(400, f"the text has to have 1 to {TEXT_CHARS} characters")
            body = await self._speak(text)
        try:
            return parse_wav(body)
        except NotAWav:  # something else that is sound, or a WAV of another kind
            return Wav(await self._read(body), 16_000)

    async def play(self, announcement: Announcement) -> Played:
        """By all processes of this server. Returns when it has left for the slowest client."""
        played = Played()

        async def play_here() -> None:
            played.clients += await self._play(announcement)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(play_here)
            elsewhere = await self.beside(announcement)
        return Played(played.clients + elsewhere.clients, elsewhere.missing)

    async def _play(self, announcement: Announcement) -> int:
        wav = announcement.wav
        return await self._sessions.broadcast(wav.pcm16, wav.rate_hz, exclude=announcement.exclude)


def session_of(head: Head) -> str:
    """The session that a path names."""
    return head.path.split("/")[2]


def no_session(session_id: str) -> Response:
    return error_response(404, f"there is no session {session_id!r}")
