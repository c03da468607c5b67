"""The decoders of all dialects, and the arrivals of the telephone's, as fuzz targets.

A codec is fed frames, with what the server would say between them, since a codec keeps state. A
frame gives commands or a Violation; in the Realtime dialect it gives commands alone. What is said
must be frames that a peer can read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import msgspec
import numpy as np

from parley.protocol import commands, events
from parley.protocol.call_start import CallStart
from parley.protocol.codes import Code, Violation
from parley.protocol.dialect import BadChoice, Codec, Dialect, Frame
from parley.protocol.dialects import DIALECTS
from parley.protocol.effects import Effect
from parley.protocol.rates import COMMON_HZ
from parley.protocol.states import State
from parley.protocol.telephone import line_frames
from parley.testing.carrier import Call, Wire, wire_of
from parley.testing.carrier.wire import Mark

from .target import BINARY, FRAME, Target, frames_of, joined

MOST_FRAMES = 32
"""Of an input: a fuzzer likes many empty frames, and learns nothing from them."""
MESSAGE_CHARS = 1000
"""A peer is told what is wrong in a sentence, and not its own message back."""

COMMANDS = (
    *(commands.StartListening, commands.StopListening, commands.CancelReply, commands.Audio),
    *(commands.TypedText, commands.Interrupt, commands.Played, commands.Ping, commands.Digit),
    *(commands.EndSession, commands.LineTold, commands.Remark, commands.CommitAudio),
    *(commands.GiveAudio, commands.ClearAudio, commands.TuneHearing, commands.TellClient, Effect),
)

PCM16 = np.arange(-4000, 4000, 50, dtype="<i2").tobytes()

SAID: Sequence[events.Outbound] = (
    events.StateChanged(state=State.CAPTURING, listening=True),
    events.SpeechStarted(audio_ms=20, energy=0.1, utterance=1),
    events.Partial(text="Wo", audio_ms=40, stable_chars=1, utterance=1),
    events.SpeechEnded(audio_ms=900, utterance=1),
    events.Final(text="World \U0001f600", id="f1", audio_ms=900, utterance=1, confidence=0.9),
    events.Token(text="Hel\ud83d", turn=1),
    events.ReplyAudio(seq=1, pcm16=PCM16, rate_hz=16_000, turn=1),
    events.PhraseDone(seq=1, turn=1),
    events.ReplyHeld(turn=1),
    events.ReplyReleased(turn=1),
    events.BargeIn(seq=1, heard="Hel", turn=1),
    events.DigitsTold(digits="1w#"),
    events.Pong(),
    events.Failure.of(Code.ASR_FAIL, "no words", utterance=1),
    events.Info(message="so it is"),
)


def check_frames(codec: Codec, data: bytes, *, violates: bool = True) -> None:
    """Decode every frame of an input, and say something behind each."""
    _said(codec, events.SessionOpened(session_id="s-1"))
    for number, frame in enumerate(islice(frames_of(data), MOST_FRAMES)):
        try:
            found = codec.decode(frame)
        except Violation as violation:
            assert violates, f"a violation where none may be: {violation}"
            assert len(violation.message) <= MESSAGE_CHARS, len(violation.message)
            violation.message.encode()
        else:
            for command in found:
                _check(command)
                if isinstance(command, commands.TellClient):
                    _said(codec, command.event)
        _said(codec, SAID[number % len(SAID)])
    _said(codec, events.Closing(code=1000, reason="over"))


def _check(command: object) -> None:
    assert isinstance(command, COMMANDS), command
    if isinstance(command, commands.Audio):
        assert len(command.pcm16) % 2 == 0
    elif isinstance(command, commands.StartListening):
        assert command.rate_hz in COMMON_HZ
    elif isinstance(command, commands.Played):
        assert 0 <= command.ms < 1e10
    elif isinstance(command, commands.Digit):
        assert len(command.digit) == 1


def _said(codec: Codec, event: events.Outbound) -> None:
    for frame in codec.encode(event):
        if isinstance(frame, str):
            frame.encode()
            assert not frame.startswith("{") or isinstance(msgspec.json.decode(frame), dict)


# The three first, and Realtime

NEEDLES = (
    b'{"type":',
    b'"sample_rate":',
    b"1e999",
    b"-0",
    b"9" * 400,
    b"9" * 5000,
    b"[" * 70,
    b'{"a":' * 70,
    b"\\ud83d",
    b"\\u0000",
    b"null",
    b"true",
    b'""',
    b"[]",
    b"{}",
    b"\xef\xbb\xbf",
    FRAME,
    FRAME + BINARY,
)

_WS = (
    '{"type":"start","sample_rate":48000,"audio_clock":true}',
    PCM16,
    '{"type":"played","ms":120.5,"flushed":true}',
    '{"type":"cancel"}',
    '{"type":"start","sampling_rate":"8000"}',
    PCM16[:33],
    '{"type":"stop"}',
)
_STREAM = (
    '{"type":"control","action":"start_listening"}',
    '{"type":"audio","data":"AAECAwQFBgc=","sequence":1}',
    '{"type":"audio","data":"AAEC","sequence":9}',
    '{"type":"control","action":"cancel_tts"}',
    '{"type":"control","action":"stop_listening"}',
)
_ENGINE = (
    '{"type":"control","command":"start_session","audio_clock":true}',
    PCM16,
    b'{"type":"text","content":"in a binary frame"}',
    '{"content":"typed words"}',
    '{"type":"control","command":"barge_in"}',
    '{"type":"played","ms":10}',
    '{"type":"ping"}',
    '{"type":"control","command":"end_session"}',
)
_TOOL = '{"type":"function","name":"f","description":"d","parameters":{"type":"object"}}'
_REALTIME = (
    '{"type":"session.update","event_id":"e1","session":{"type":"realtime","instructions":"Be '
    'brief.","output_modalities":["audio"],"audio":{"input":{"format":{"type":"audio/pcm",'
    '"rate":24000},"turn_detection":{"type":"server_vad","threshold":0.5,"silence_duration_ms":'
    '500,"prefix_padding_ms":300,"create_response":true,"interrupt_response":true}},"output":'
    '{"voice":"marin","speed":1.0}},"tools":[' + _TOOL + '],"tool_choice":"auto"}}',
    '{"type":"input_audio_buffer.append","audio":"' + "AAAAAQAC" * 40 + '"}',
    '{"type":"input_audio_buffer.commit"}',
    '{"type":"input_audio_buffer.clear"}',
    '{"type":"conversation.item.create","previous_item_id":"root","item":{"id":"i1","type":'
    '"message","role":"user","content":[{"type":"input_text","text":"hi"}]}}',
    '{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c",'
    '"output":"{}"}}',
    '{"type":"conversation.item.truncate","item_id":"i1","content_index":0,"audio_end_ms":10}',
    '{"type":"conversation.item.retrieve","item_id":"i1"}',
    '{"type":"response.create","response":{"conversation":"none","metadata":{"a":"b"},"input":[]}}',
    '{"type":"response.cancel","response_id":"resp_1"}',
    '{"type":"conversation.item.delete","item_id":"i1"}',
    '{"type":"transcription_session.update","session":{"input_audio_format":"g711_ulaw",'
    '"turn_detection":{"type":"semantic_vad","eagerness":"high"}}}',
)
_BY_NAME = {
    "prompt-voice": _WS,
    "io-speech": _STREAM,
    "newspeech": _ENGINE,
    "realtime": _REALTIME,
}


def _decoder(dialect: Dialect) -> Callable[[bytes], None]:
    violates = dialect.profile.name != "realtime"

    def run(data: bytes) -> None:
        check_frames(dialect.new_codec(lambda: 1_700_000_000_000), data, violates=violates)

    return run


RATES = [b'{"type":"start","sample_rate":96000,"audio_clock":true}']
"""The fuzzer's own check was older than the rates that are taken."""


OLDER = [b'{"type":"transcription_session.update","session":{"audio":"x","turn_detection":{}}}']
"""An older name whose newer place is no object."""


def _web(dialect: Dialect) -> Target:
    frames = _BY_NAME[dialect.profile.name]
    return Target(
        name=f"dialect-{dialect.profile.name}",
        run=_decoder(dialect),
        seeds=[joined(frames), *(joined([frame]) for frame in frames)],
        words=NEEDLES,
        max_bytes=2048,
        kept=[*RATES, *OLDER],
    )


# Telephone lines

KEPT = {
    # A NUL in the stream's id stood where the codec cut its own messages in two.
    "plivo": [b'{"event":"start","start":{"streamId":"\\u0000a"}}'],
    "exotel": [b'{"event":"start","start":{"stream_sid":"a\\u0000"}}'],
}

CALL = Call(parameters={"agent": "sales", "order": "42"})


def _line(dialect: Dialect) -> Callable[[bytes], None]:
    """Arrival and codec, as the line has them: what arrives is given to the codec again, and the
    dialect is chosen by what arrived. Where nothing arrives the codec of the defaults reads."""
    assert dialect.arrival is not None
    make = dialect.arrival

    def run(data: bytes) -> None:
        arrival, now_ms, chosen = make(), 0, dialect
        for frame in frames_of(data):
            try:
                start = arrival.read(frame)
            except Violation as violation:
                assert len(violation.message) <= MESSAGE_CHARS, len(violation.message)
                return
            if start is not None:
                _check_start(start)
                try:
                    chosen = dialect.with_choices({**dialect.chosen, **start.choices})
                except BadChoice as problem:
                    assert len(str(problem)) <= MESSAGE_CHARS
                    return
                break

        def clock() -> int:
            nonlocal now_ms
            now_ms += 10
            return now_ms

        check_frames(chosen.new_codec(clock), data)

    return run


def _check_start(start: CallStart) -> None:
    for name, value in start.told.items():
        assert isinstance(name, str)
        assert isinstance(value, str)


def _telephone(dialect: Dialect) -> Target:
    wire = wire_of(dialect.profile.name, CALL)
    hello = list(wire.hello())
    sound = wire.sound.silence * (wire.sound.frame_samples * wire.piece_ms // 20)
    heard = [frame for n in range(3) if (frame := wire.sound_in(sound, 20 * n)) is not None]
    marks = wire.marks(_mark_names(dialect, wire, [*hello, *heard]), cleared=True)
    more = [*wire.digit("5"), *marks, *wire.clearing(), line_frames.quiet(300), *wire.goodbye()]
    frames = [*hello, *heard, line_frames.told("machine"), *more]
    return Target(
        name=f"dialect-{dialect.profile.name}",
        run=_line(dialect),
        seeds=[joined(frames), joined(hello), *(joined([frame]) for frame in frames)],
        words=(*NEEDLES, b'"event":"media"', b'"event":"start"', b"parley:"),
        max_bytes=2048,
        kept=KEPT.get(dialect.profile.name, ()),
    )


def _mark_names(dialect: Dialect, wire: Wire, frames: Sequence[Frame]) -> list[str]:
    """The marks that the service is sent with a reply."""
    assert dialect.arrival is not None
    arrival, told = dialect.arrival(), [SAID[6], SAID[7]]
    (start,) = [start for frame in frames if (start := arrival.read(frame)) is not None][:1]
    codec = dialect.with_choices({**dialect.chosen, **start.choices}).new_codec(lambda: 0)
    for frame in frames:
        codec.decode(frame)
    wishes = [wish for event in told for frame in codec.encode(event) for wish in wire.read(frame)]
    return [wish.name for wish in wishes if isinstance(wish, Mark)]


DIALECT_TARGETS: Sequence[Target] = tuple(
    _telephone(dialect) if dialect.arrival is not None else _web(dialect) for dialect in DIALECTS
)
