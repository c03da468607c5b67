"""What models and services write, as fuzz targets: streams, thoughts, tool calls, phrases.

However a text is cut, the same of it is seen and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from parley.actors.phraser import SLICE_CHARS
from parley.agents.tool import BadCall, Tool, tool
from parley.config import Settings
from parley.conversation.text.phrases import Phrase, Phrases
from parley.conversation.thoughts import Thoughts
from parley.engines.failures import EngineFailure
from parley.engines.llm.openai_calls import Calls
from parley.engines.llm.openai_events import BodyDecoder
from parley.engines.llm.openai_shapes import Halves, Piece, read_event
from parley.engines.llm.written_calls import WrittenCalls
from parley.engines.services.retry_after import MAX_S, wanted_s
from parley.session.phrasing import Phrasing
from support.model_streams import streams

from .target import Target, pieces_of

LANGUAGES = ("en", "de", "es", "fr")

# Model streams


def stream(data: bytes) -> None:
    """The body of a model's answer, cut anywhere: pieces of a reply, or one failure."""
    assert _streamed([data]) == _streamed(pieces_of(data))


def _streamed(chunks: Sequence[bytes]) -> object:
    body, halves, calls = BodyDecoder(), Halves(), Calls()
    written = WrittenCalls({"time", "x"})
    text, pieces = "", []
    try:
        events = [event for chunk in chunks for event in body.feed(chunk)] + body.end()
        for event in events:
            try:
                piece = read_event(event)
            except ValueError:
                pieces.append(Piece(finish="no event"))
                continue
            pieces.append(piece)
            calls.take(piece.calls)
            told = halves.push(piece.text)
            told.encode()
            written.push(told)
            text += told
        text += halves.finish()
        calls.take(written.finish())
        for call in calls.finish():
            call.arguments.encode()
            call.name.encode()
    except EngineFailure as failure:
        return str(failure)
    return text, pieces


_DELTA = b'data: {"choices":[{"index":0,"delta":{"content":"Hello \\ud83d\\ude00"}}]}\n\n'
_CALL = (
    b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":'
    b'{"name":"time","arguments":"{\\"x\\":"}}]}}]}\r\n\r\n'
    b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]},'
    b'"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n'
)
_STREAMS = (
    _DELTA + b": keep-alive\n\nevent: x\nid: 1\n" + _DELTA + b"data: [DONE]\n\n",
    _CALL,
    b'\xef\xbb\xbf{"choices":[{"message":{"content":[{"type":"text","text":"x"},'
    b'{"type":"thinking","thinking":"y"}]},"finish_reason":"stop"}]}',
    b'{"error":{"message":"no","code":"429"}}',
    b'data: {"choices":[{"delta":{"content":"<tool_call>{\\"name\\":\\"x\\"}</tool_call>"}}]}\n\n',
)
_STREAM_WORDS = (
    *(b"data:", b"\n\n", b"\r", b"\r\n", b"[DONE]", b"\\ud83d", b"\\ude00", b'"index":', b"null"),
    *(b'"tool_calls":', b'"function_call":', b'"arguments":', b'"reasoning_content":"x"', b"[[[["),
    *(b"1e999", b"9" * 400, b'{"a":' * 70, b"\xed\xa0\xbd", b"\xff", b"<", b"\xef\xbb\xbf", b"NaN"),
)


# Texts


def thoughts(data: bytes) -> None:
    text = data.decode("utf-8", "ignore")
    whole = _seen([text])
    step = 1 + len(data) % 7
    assert _seen([text[at : at + step] for at in range(0, len(text), step)]) == whole
    assert _seen(list(text)) == whole
    assert len(whole) <= len(text)


def _seen(chunks: Sequence[str]) -> str:
    filter_ = Thoughts()
    return "".join([filter_.push(chunk) for chunk in chunks]) + filter_.finish()


SPEAKING = Settings.defaults().speaking
PHRASINGS = [
    Phrasing.of(SPEAKING, short=short, language=language)
    for language in LANGUAGES
    for short in (False, True)
]


def phrases(data: bytes) -> None:
    """The first byte chooses language and rules."""
    if not data:
        return
    text = data[1:].decode("utf-8", "ignore")
    phrasing = PHRASINGS[data[0] % len(PHRASINGS)]
    whole = _phrases(phrasing, [text])
    step = 1 + len(data) % 9
    cut = [text[at : at + step] for at in range(0, len(text), step)]
    assert _phrases(phrasing, cut) == whole
    written = "".join(phrase.before + phrase.text for phrase in whole)
    assert text.startswith(written), (written, text)
    for phrase in whole:
        _check_marks(phrase)
    _with_gaps(phrasing, cut)


def slice_of_text(data: bytes) -> None:
    """As much text as the phraser looks at without letting others have their turn."""
    if data:
        text = data[1:].decode("utf-8", "ignore")[:SLICE_CHARS]
        _phrases(PHRASINGS[data[0] % len(PHRASINGS)], [text])


def _phrases(phrasing: Phrasing, chunks: Sequence[str]) -> list[Phrase]:
    splitter = Phrases(phrasing.rules, phrasing.table)
    found = [phrase for chunk in chunks for phrase in splitter.push(chunk)]
    return [*found, *splitter.flush()]


def _with_gaps(phrasing: Phrasing, chunks: Sequence[str]) -> None:
    """A gap may end a phrase anywhere, and still nothing is lost or said twice."""
    splitter = Phrases(phrasing.rules, phrasing.table)
    found: list[Phrase] = []
    for chunk in chunks:
        found += splitter.push(chunk)
        found += splitter.gap()
    found += splitter.flush()
    assert "".join(chunks).startswith("".join(one.before + one.text for one in found))
    for phrase in found:
        _check_marks(phrase)


def _check_marks(phrase: Phrase) -> None:
    assert phrase.spoken
    assert phrase.marks
    written, spoken = zip(*phrase.marks, strict=True)
    assert list(written) == sorted(written)
    assert list(spoken) == sorted(spoken)
    assert written[-1] == len(phrase.text)
    assert spoken[-1] <= len(phrase.spoken)


_TEXTS = [one.text for one in streams() if len(one.text) < 1500][::4]
_TEXT_WORDS = tuple(
    word.encode()
    for word in (
        *("Dr. ", "3.14", "$1,250.50", "https://a.b/c", "`", "```\n", "**", "[a](b)", "|", "\n- "),
        *(
            "e.g. ",
            "…",
            "。",
            "؟",
            "😀",
            "👩‍👩‍👧",
            "ส",
            "a@b.c",
            "1/2/2026",
            "10:30 p.m.",
            "v1.2.3",
        ),
        *(
            "<think>",
            "</think>",
            "<tool_call>",
            "<|channel|>analysis<|message|>",
            "<|end|>",
            "[THINK]",
        ),
        *(
            "(",
            ")",
            '"',
            "“",
            "#",
            "&",
            "%",
            "~",
            "+1 555 0100",
            "1" * 60,
            "é",
            "\u0301" * 5,
            " " * 40,
        ),
        *("1,234,567.89 €", "٣", "½", "²", "Ⅷ", "①", "\u200b", "\u202e", "\ufeff", "\x00", "\x85"),
    )
)

# Tools


class Unit(Enum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


def _tools() -> list[Tool]:
    async def weather(place: str, days: int = 1, unit: Unit = Unit.CELSIUS) -> str:
        """Tell the weather."""
        return place

    async def book(
        seats: list[int], at: float, who: dict[str, str], sure: bool | None = None
    ) -> str:
        """Book seats."""
        return "yes"

    return [tool(weather), tool(book)]


TOOLS = _tools()


def arguments(data: bytes) -> None:
    """What a model wrote as the arguments of a call fits, or goes back to it with a reason."""
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    for one in TOOLS:
        try:
            given = one.arguments(text)
        except BadCall as bad:
            assert len(str(bad)) < 4000
            str(bad).encode("utf-8", "replace")
        else:
            assert isinstance(given, dict)


_ARGUMENTS = (
    b'{"place":"Paris","days":2,"unit":"kelvin"}',
    b'{"seats":[1,2,"3"],"at":1.5,"who":{"name":"A"},"sure":null}',
    b"",
    b"null",
    b'{"place":"\\ud800"}',
)


# Headers of answers


def retry_after(data: bytes) -> None:
    """The headers that say how long a service wants to be left alone."""
    values = data.decode("latin-1").split("\n")
    names = ("retry-after", "retry-after-ms", "date")
    found = wanted_s(dict(zip(names, values, strict=False)))
    assert found is None or 0 <= found <= MAX_S


_RETRIES = (
    b"120",
    b"Wed, 21 Oct 2026 07:28:00 GMT\n\nWed, 21 Oct 2026 07:27:00 GMT",
    b"\n1500.5",
    b"Wed, 21 Oct 2026 07:28:00 -0000",
)

TEXT_TARGETS: Sequence[Target] = (
    Target(
        name="model-stream",
        run=stream,
        seeds=_STREAMS,
        words=_STREAM_WORDS,
        kept=[
            b'{"choices":[{"message":{"content":[{"type":{},"text":"x"}]}}]}',
            b'\xef\xbb\xbf\xef\xbb\xbf{"choices":[]}',  # one mark is no text, two are
        ],
    ),
    Target(
        name="text-thoughts",
        run=thoughts,
        seeds=[text.encode() for text in _TEXTS],
        words=_TEXT_WORDS,
        max_bytes=2048,
    ),
    Target(
        name="text-phrases",
        run=phrases,
        seeds=[bytes([n % 8]) + text.encode() for n, text in enumerate(_TEXTS)],
        words=_TEXT_WORDS,
        max_bytes=200,
        least_runs=20_000,
        kept=[b"\x02\x0c~~~\x08a\nb\n~~~\nThat was it."],  # white space that is no blank
    ),
    Target(
        name="text-slice",
        run=slice_of_text,
        seeds=[bytes([n % 8]) + text.encode() for n, text in enumerate(_TEXTS)],
        words=_TEXT_WORDS,
        max_bytes=SLICE_CHARS,
        least_runs=20_000,
        kept=[b"\0" + b"9" * SLICE_CHARS, b"\1" + b"//a:1/" * 170],
    ),
    Target(
        name="tool-arguments",
        run=arguments,
        seeds=_ARGUMENTS,
        kept=[b'{"' + b"9" * 5000 + b'":1}'],
        words=(b"1e999", b"NaN", b"Infinity", b"9" * 5000, b"[" * 70, b"\\ud800", b"-0", b"null"),
    ),
    Target(
        name="retry-after",
        run=retry_after,
        seeds=_RETRIES,
        words=(b"nan", b"inf", b"-1", b"1e400", b"9" * 30, b"GMT", b"+9999", b"-2359", b"0001"),
        max_bytes=256,
    ),
)
