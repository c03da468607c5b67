"""Requests' bodies and addresses, and settings, as fuzz targets. Pure: no event loop."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from parley.config import SettingsError, load_settings, wished
from parley.config.wishes import BadWish
from parley.protocol.dialect import BadChoice
from parley.protocol.dialects import DIALECTS
from parley.server.http.head import BadRequest, HeadParser
from parley.server.http.speech_bodies import (
    event_id_of,
    holds_a_file,
    known_file,
    raw_pcm16,
    stt_audio,
    tts_text,
    voice_blob,
)
from parley.server.telephone import signatures, tokens
from parley.server.telephone.asked import Asked, NotSigned
from parley.server.telephone.statuses import call_status
from parley.server.telephone.tickets import TICKET_S, Tickets, call_path
from parley.server.v1.chat_body import chat_request
from parley.server.v1.speech_body import speech_request
from parley.server.v1.transcription_form import transcription_request
from parley.server.v1.uploads import Upload

from .files import path_of
from .target import Target

MESSAGE_CHARS = 1000
NOW_S = 1_700_000_000


def _refused(work: Callable[[], object]) -> None:
    """What is wrong with a body is told in a sentence that can be sent."""
    try:
        work()
    except BadRequest as bad:
        assert bad.status in (400, 413, 415), bad.status
        assert len(bad.message) <= MESSAGE_CHARS, bad.message
        bad.message.encode()
        (bad.param or "").encode()


# Bodies


def body(data: bytes) -> None:
    """A body as every route of speech and chat reads it."""
    for read in (speech_request, chat_request, tts_text, stt_audio):
        _refused(lambda read=read: read(data))  # type: ignore[misc]
    event_id_of(None, data)
    for look in (holds_a_file, known_file):
        _refused(lambda look=look: look(data))  # type: ignore[misc]
    _refused(lambda: raw_pcm16(data, 60_000))
    _refused(lambda: voice_blob("audio/wav", data))


def transcription(data: bytes) -> None:
    """Fields of an upload: `name=value` lines; the first line is the file's beginning."""
    beginning, *rest = data.split(b"\n")
    pairs = [line.decode("utf-8", "ignore").partition("=") for line in rest]
    upload = Upload(
        path=Path("/nowhere"),
        fields=[(name, value) for name, _, value in pairs],
        size=len(beginning),
        beginning=beginning,
        has_file=bool(pairs),
    )
    for translation in (False, True):
        _refused(lambda: transcription_request(upload, translation=translation))


_BODIES = (
    b'{"input":"Hello.","model":"tts-1","voice":{"id":"a"},"response_format":"wav","speed":1.5,'
    b'"stream_format":"sse"}',
    b'{"model":"x","stream":true,"stream_options":{"include_usage":true},"n":1,"tool_choice":'
    b'{"type":"function","function":{"name":"f"}},"tools":[{"type":"function","function":{"name":'
    b'"f","parameters":{}}}],"messages":[{"role":"system","content":"s"},{"role":"user","content":'
    b'[{"type":"text","text":"hi"}]},{"role":"assistant","tool_calls":[{"id":"1","function":'
    b'{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"ok"}]}',
    b'{"text":"Say this.","event_id":"e-1"}',
    b'{"audio":"data:audio/wav;base64,UklGRg=="}',
    b'{"tool_choice":"required","messages":[{"role":"user","content":null}]}',
)
_JSON_WORDS = (
    *(b"null", b"true", b"1e999", b"-1", b"9" * 400, b"9" * 5000, b"[" * 70, b'{"a":' * 70),
    *(b"\\ud800", b"\\u0000", b'""', b"[]", b"{}", b"NaN", b"\xff", b"\xef\xbb\xbf", b'"content":'),
)
_UPLOADS = (
    b"RIFF    WAVEfmt \nmodel=whisper-1\nlanguage=de-AT\nresponse_format=verbose_json\n"
    b"timestamp_granularities[]=word\nstream=false",
    b"OggS\nlanguages=english\nstream=1\nresponse_format=text",
)


# Addresses, tickets, signatures

TICKETS = Tickets(["key"])
_TICKET = TICKETS.make("twilio", "sales", now_s=NOW_S)


def ticket(data: bytes) -> None:
    """A path below /telephone: only the ticket that was made lets anybody in, for its call alone."""
    found = HeadParserOnce.path(data)
    if found is None:
        return
    for below in ("", "answer"):
        path = call_path(found, below=below)
        if path is None:
            continue
        path.quoted.encode("ascii")
        if TICKETS.holds(path, now_s=NOW_S):
            assert (path.service, path.agent, path.proof) == ("twilio", "sales", _TICKET)
        assert not TICKETS.holds(path, now_s=NOW_S + TICKET_S + 1)


class HeadParserOnce:
    """A path as a request has it, decoded."""

    @staticmethod
    def path(data: bytes) -> str | None:
        with suppress(BadRequest):
            head = HeadParser().feed(b"GET " + data + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            return head.path if head is not None else None
        return None


def signed(data: bytes) -> None:
    """Every check of a signature, on a request that holds anything: it matches nothing."""
    with suppress(BadRequest):
        head = HeadParser().feed(data)
        if head is None:
            return
        asked = Asked.of(head, head.surplus)
        url = "https://voice.example.org/base"
        checks: Sequence[Callable[[], str]] = (
            lambda: signatures.twilio(asked, public_url=url, auth_token="k", shared_key="s"),
            lambda: signatures.signalwire(asked, public_url=url, signing_key="k"),
            lambda: signatures.plivo(asked, public_url=url, auth_token="k"),
            lambda: tokens.vonage(asked, secret="k", now_s=NOW_S, application_id="a"),
            lambda: tokens.telnyx_stream(asked, token="k" * 30),
            lambda: tokens.telnyx_webhook(asked, public_key=_KEY, now_s=NOW_S),
            lambda: tokens.basic(asked, user="parley", password="k" * 30),
        )
        for check in checks:
            try:
                check()
            except NotSigned as why:
                assert len(str(why)) <= MESSAGE_CHARS
            else:
                raise AssertionError("a signature that nobody made was believed")
        for service in ("twilio", "telnyx", "vonage", "plivo", "exotel", "jambonz"):
            try:
                status = call_status(service, asked)
            except (NotSigned, BadRequest):
                continue
            status.detail.encode("utf-8", "replace")
        for dialect in DIALECTS:
            with suppress(BadChoice):
                dialect.with_choices(head.query)
        with suppress(BadWish):
            wished(_DEFAULTS, head.query, "stream_tts_voice")


_KEY = base64.b64encode(bytes(31) + b"\1").decode()
_DEFAULTS = load_settings(environ={}, env_file=None)
_SIGNED = b"POST /telephone/twilio?bodySHA256=ab&x=%C3%A9 HTTP/1.1\r\nHost: a\r\n"
_SIGNEDS = (
    _SIGNED + b"X-Twilio-Signature: YWJj\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
    b"CallSid=CA1&From=%2B1555&CallStatus=ringing&AnsweredBy=human",
    _SIGNED + b"X-Twilio-Signature: a=\r\nX-Twilio-Webhooks-Signature-Settings: key=1,"
    b"algorithm=HMAC_SHA256\r\n\r\n{}",
    _SIGNED + b"X-Plivo-Signature-V3: a,b\r\nX-Plivo-Signature-V3-Nonce: 5\r\n\r\n",
    _SIGNED
    + b"Authorization: Bearer "
    + b".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=")
        for part in (b'{"alg":"HS256"}', b'{"iat":1700000000,"exp":1700000100}', bytes(32))
    )
    + b"\r\nContent-Type: application/json\r\n\r\n"
    + b'{"uuid":"1","status":"answered"}',
    _SIGNED
    + b"Telnyx-Signature-Ed25519: "
    + base64.b64encode(bytes(64))
    + b"\r\nTelnyx-Timestamp: "
    b"1700000000\r\nContent-Type: application/json\r\n\r\n"
    b'{"data":{"event_type":"call.hangup","payload":{"call_control_id":"a","hangup_cause":"x"}}}',
    _SIGNED + b"Authorization: Basic cGFybGV5OmE=\r\nTelnyx-Streaming-Auth-Token: k\r\n\r\n",
    b"GET /ws?vad=webrtc&voice=x&language=de&turn_silence_ms=300&events=document HTTP/1.1\r\n"
    b"Host: a\r\n\r\n",
)
_SIGNED_WORDS = (
    *(b"\r\n", b"&", b"=", b"%", b"%00", b"+", b";", b"\xff", b"\xc3\xa9", b"HMAC_SHA1", b"Basic "),
    *(b"Bearer ", b".", b"eyJhbGciOiJub25lIn0", b"1e999", b"9" * 400, b"null", b"[" * 70, b"{}"),
    *(b"Content-Type: application/json\r\n", b"Transfer-Encoding: chunked\r\n", b"\\ud800", b"NaN"),
    *(b"%ED%A0%80", b"language=", b"voice=", b"rate=", b"coding=", b"\xb2", b"1" * 20),
)


# Settings


def settings(data: bytes) -> None:
    """A .env file and a TOML file of anything: settings, or every problem in a line of its own."""
    for kind in ("env_file", "toml_file"):
        path = Path(path_of(data))
        given = {"env_file": None, kind: path}
        try:
            load_settings(environ={}, **given)  # type: ignore[arg-type]
        except SettingsError as error:
            for problem in (*error.problems, *error.warnings):
                assert problem.isprintable(), problem
                assert len(problem) <= MESSAGE_CHARS, problem


_SETTINGS = (
    b"# Parley\nSTREAM_LANGUAGE=de\nexport WS_PORT='8084'\nVAD_SILENCE_MS=\"300\"\nOPENAI_API_KEY=x\n"
    b"OPENAI_BASE_URL=http://u:p@127.0.0.1:1/v1\n",
    b'stream_language = "de"\nws_port = 8084\nstream_turn_learns = true\nx = [1, 2]\n[table]\na=1\n',
    b'STREAM_VOICES="""\na\n"""\nSTREAM_REPLY_LEAD_MS=1e3\nPARLEY_PUBLIC_URL="https://a"\n',
)
_SETTING_WORDS = (
    *(b"=", b"\n", b"#", b"'", b'"', b'"""', b"[", b"]", b"{", b"}", b"\\u0000", b"\\", b"${A}"),
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"1e999", b"nan", b"-0", b"9" * 400, b"9" * 5000, b"[" * 70),
    *(b"0x10", b"1979-05-27T07:32:00Z", b"true", b"STREAM_", b"PARLEY_CONFIG=/dev/null", b"\r"),
)

BODY_TARGETS: Sequence[Target] = (
    Target(name="json-bodies", run=body, seeds=_BODIES, words=_JSON_WORDS),
    Target(name="upload-fields", run=transcription, seeds=_UPLOADS, words=(b"=", b"\n", b"[]")),
    Target(
        name="tickets",
        run=ticket,
        seeds=[
            f"/telephone/twilio/sales/{_TICKET}".encode(),
            f"/telephone/twilio/answer/sales/{_TICKET}".encode(),
            b"/telephone/genesys/key-abc",
            b"/telephone/plivo/a%2Fb%20c/",
        ],
        words=(b"/", b"%2f", b"%2F", b"call-", b"key-", b"%00", b"%0a", b"..", b"?", b"0" * 12),
        max_bytes=512,
    ),
    Target(name="signatures", run=signed, seeds=_SIGNEDS, words=_SIGNED_WORDS, least_runs=200_000),
    Target(
        name="settings",
        run=settings,
        seeds=_SETTINGS,
        words=_SETTING_WORDS,
        least_runs=100_000,
        kept=[
            b"ws_port = " + b"9" * 5000,
            b"PARLEY_CONFIG=/a\0b\n",
            b"PARLEY_CONFIG=/\x02a\n",
            b"PARLEY_CONFIG=/" + b"a/" * 2000,
            b"a b\n" * 1000,
            b"x = " + b"[" * 3000,
            b"stream_" + b"x" * 3000 + b" = 1",
            b'"a\\u0007" = 1',
        ],
    ),
)
