"""Every shape in which servers of OpenAI's chat API answer, as behaviours of an LLMServer.

`RIGHT` has the text that is right, `WRONG` whether the same request may succeed later, and words of
what is said of it.
"""

from __future__ import annotations

import gzip
import json

from . import llm_server as wire

STOP = wire.delta(finish="stop")
JSON = "application/json"


def raw(*lines: str, end: str = "\n") -> wire.Behaviour:
    """Lines of a stream as they stand."""
    return (wire.STREAM_HEAD, wire.chunk(end.join(lines).encode()), wire.LAST_CHUNK)


def escaped(text: str) -> bytes:
    """An event whose letters are all escapes, halves of them too."""
    data = json.dumps({"choices": [{"delta": {"content": text}}]})
    return f"data: {data}\n\n".encode()


def cut_at(size: int, *events: bytes) -> wire.Behaviour:
    data = b"".join(events)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return (wire.STREAM_HEAD, *map(wire.chunk, pieces), wire.LAST_CHUNK)


def whole(message: object, **more: object) -> wire.Behaviour:
    choice = {"index": 0, "message": message, "finish_reason": "stop"} | more
    return wire.plain(json.dumps({"object": "chat.completion", "choices": [choice]}).encode())


def parts(*content: object) -> bytes:
    return wire.event({"choices": [{"delta": {"content": list(content)}}]})


def said(text: str) -> str:
    return json.dumps({"choices": [{"delta": {"content": text}}]})


AZURE = (
    wire.event({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}),
    wire.event({"choices": [{"index": 0, "content_filter_results": {}, "delta": {}}]}),
)
USAGE = wire.event({"choices": [], "usage": {"total_tokens": 3}})
TEXT = {"type": "text", "text": "Hi"}
SMILE = "\ud83d\ude00"

RIGHT: dict[str, tuple[wire.Behaviour, str]] = {
    "parts": (wire.stream(parts(TEXT, {"type": "text", "text": " you"}), STOP), "Hi you"),
    "parts of strings": (wire.stream(parts("Hi", " you"), STOP), "Hi you"),
    "parts with a wrapped text": (wire.stream(parts({"text": {"value": "Hi"}}), STOP), "Hi"),
    "a part that thinks": (
        wire.stream(parts({"type": "thinking", "thinking": [TEXT]}), parts(TEXT), STOP),
        "Hi",
    ),
    "a part that is a picture": (
        wire.stream(parts({"type": "image_url", "image_url": {"url": "x"}}, TEXT), STOP),
        "Hi",
    ),
    "content of a wrong type": (wire.stream(parts(5, None, TEXT, [[[[["deep"]]]]]), STOP), "Hi"),
    "both halves in one token": (wire.stream(escaped(f"a{SMILE}b"), STOP), "a😀b"),
    "halves in two tokens": (wire.stream(escaped("a\ud83d"), escaped("\ude00b"), STOP), "a😀b"),
    "half a letter alone": (wire.stream(escaped("a\ud83d"), escaped("b"), STOP), "a\ufffdb"),
    "half a letter at the end": (wire.stream(escaped("a\ud83d"), STOP), "a\ufffd"),
    "the second half alone": (wire.stream(escaped("a\ude00b"), STOP), "a\ufffdb"),
    "half a letter in bytes": (
        wire.stream(b'data: {"choices":[{"delta":{"content":"a\xed\xa0\xbd"}}]}\n\n', STOP),
        "a\ufffd",
    ),
    "bytes that are no UTF-8": (
        wire.stream(b'data: {"choices":[{"delta":{"content":"a\xff"}}]}\n\n', STOP),
        "a\ufffd",
    ),
    "a whole answer": (whole({"role": "assistant", "content": "Hi you"}), "Hi you"),
    "a whole answer of parts": (whole({"content": [TEXT]}), "Hi"),
    "a whole answer without an end": (whole({"content": "Hi"}, finish_reason=None), "Hi"),
    "a whole answer as a stream's kind": (
        wire.plain(
            b'\xef\xbb\xbf\n{"choices":[{"message":{"content":"Hi"}}]}', "text/event-stream"
        ),
        "Hi",
    ),
    "a stream as JSON's kind": (
        wire.plain(wire.delta("Hi") + STOP + wire.DONE, JSON),
        "Hi",
    ),
    "a message in an event": (
        wire.stream(wire.event({"choices": [{"message": {"content": "Hi"}}]}), STOP),
        "Hi",
    ),
    "a text in an event": (wire.stream(wire.event({"choices": [{"text": "Hi"}]}), STOP), "Hi"),
    "comments": (wire.stream(b": OPENROUTER PROCESSING\n\n", wire.delta("Hi"), STOP), "Hi"),
    "filter chunks": (wire.stream(AZURE[0], wire.delta("Hi"), AZURE[1], STOP, USAGE), "Hi"),
    "no choices at all": (wire.stream(wire.event({"id": "x"}), wire.delta("Hi"), STOP), "Hi"),
    "another choice": (
        wire.stream(
            wire.event({"choices": [{"index": 1, "delta": {"content": "No"}}, {"index": 0}]}),
            wire.delta("Hi"),
            STOP,
        ),
        "Hi",
    ),
    "a refusal": (
        wire.stream(wire.delta(refusal="I would rather not."), STOP),
        "I would rather not.",
    ),
    "no [DONE]": (wire.stream(wire.delta("Hi"), STOP), "Hi"),
    "no finish_reason": (wire.stream(wire.delta("Hi"), wire.DONE), "Hi"),
    "an empty finish_reason": (wire.stream(wire.delta("Hi", finish=""), wire.DONE), "Hi"),
    "CR alone": (raw(f"data: {said('Hi')}", "", "data: [DONE]", "", "", end="\r"), "Hi"),
    "CRLF": (raw(f"data: {said('Hi')}", "", "data: [DONE]", "", "", end="\r\n"), "Hi"),
    "a byte order mark": (raw(f"\ufeffdata: {said('Hi')}", "", "data: [DONE]", "", ""), "Hi"),
    "no space": (raw(f"data:{said('Hi')}", "", "data:[DONE]", "", ""), "Hi"),
    "data of several lines": (
        raw('data: {"choices":', 'data: [{"delta":{"content":"Hi"}}]}', "", "data: [DONE]", "", ""),
        "Hi",
    ),
    "no empty line at the end": (raw(f"data: {said('Hi')}", "", "data: [DONE]"), "Hi"),
    "a last event without an empty line": (
        raw(f"data: {said('Hi')}", "", 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}'),
        "Hi",
    ),
    **{
        f"cut every {size} bytes": (
            cut_at(size, *AZURE, wire.delta("Hi 👋"), STOP, wire.DONE),
            "Hi 👋",
        )
        for size in (1, 2, 3, 7, 50)
    },
    "gzip": (
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
            b"Connection: close\r\n\r\n" + gzip.compress(wire.delta("Hi") + STOP),
            wire.Wire.FIN,
        ),
        "Hi",
    ),
}


def tools(**more: object) -> bytes:
    call = {"index": 0, "function": {"name": "get_time", "arguments": ""}}
    return wire.delta(tool_calls=[call], **more)  # type: ignore[arg-type]


PAGE = "<!doctype html><title>Sign in</title>"

WRONG: dict[str, tuple[wire.Behaviour, bool, str]] = {
    "blank": (wire.tell(" ", "\n"), False, "without a word"),
    "dots": (wire.tell("...", "…"), False, "'...…' alone"),
    "nothing but a thought": (
        wire.stream(wire.delta(reasoning_content="hm"), wire.delta(finish="length")),
        False,
        "(length) without a word: check OPENAI_MAX_TOKENS",
    ),
    "a filter": (
        wire.stream(*AZURE, wire.delta(finish="content_filter")),
        False,
        "a content filter at 127.0.0.1",
    ),
    "a call of a tool": (
        wire.stream(tools(), wire.delta(finish="tool_calls")),
        False,
        "called a tool (get_time) and said nothing, and Parley offers no tools",
    ),
    "a page": (wire.plain(PAGE.encode(), "text/html"), False, "no reply but '<!doctype html>"),
    "a page as a stream": (
        wire.plain(PAGE.encode(), "text/event-stream"),
        False,
        "OPENAI_BASE_URL",
    ),
    "words": (wire.plain(b"ok", "text/plain"), False, "no reply but 'ok'"),
    "an empty object": (wire.plain(b"{}"), False, "no reply but '{}'"),
    "an empty body": (wire.plain(b""), True, "empty body"),
    "an error as a whole": (
        wire.plain(b'{"error":{"message":"out of memory"}}'),
        True,
        "out of mem",
    ),
    "an error of FastAPI's": (wire.plain(b'{"detail":"Not here"}'), True, "Not here"),
    "an error of vLLM's": (
        wire.stream(wire.event({"object": "error", "message": "too long", "code": 400})),
        False,
        "(400): too long",
    ),
    "an error in a choice": (
        wire.stream(wire.event({"choices": [{"error": {"message": "upstream", "code": 502}}]})),
        True,
        "(502): upstream",
    ),
    "an event that is none": (
        wire.stream(wire.delta("So"), b'data: {"cho\n\n'),
        True,
        "no JSON: '{\"cho'",
    ),
    "a cut": (wire.cut("So"), True, "the connection to 127.0.0.1"),
    "a stream that ends": (wire.unfinished("So"), True, "ended its stream in mid-reply"),
}
