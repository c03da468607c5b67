"""What a service quotes of a request in its refusal is left out of what Parley tells of it.

A refusal may repeat the prompt or the phrase that it was asked with. Its words go to clients and
into logs, where a conversation's do not belong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

RUN_WORDS = 3
"""So many words in a row that stand in the request as well are a quotation."""

LEFT_OUT = "[…]"

_WORD = re.compile(r"\w+", re.UNICODE)


def without_quotations(text: str, request: bytes) -> str:
    """`text`, without what it repeats of the JSON in `request`. Where that is no JSON it is taken
    for none that could be quoted: an upload's fields are names."""
    known = _runs(_strings(request))
    if not known:
        return text
    words = list(_WORD.finditer(text))
    quoted = [False] * len(words)
    for at in range(len(words) - RUN_WORDS + 1):
        run = tuple(word.group().casefold() for word in words[at : at + RUN_WORDS])
        if run in known:
            quoted[at : at + RUN_WORDS] = [True] * RUN_WORDS
    kept, end, within = [], 0, False
    for word, is_quoted in zip(words, quoted, strict=True):
        if not is_quoted:
            kept.append(text[end : word.end()])
        elif not within:
            kept.append(text[end : word.start()] + LEFT_OUT)
        end, within = word.end(), is_quoted
    return "".join(kept) + text[end:]


def _runs(strings: Iterator[str]) -> set[tuple[str, ...]]:
    found = set()
    for string in strings:
        words = [word.group().casefold() for word in _WORD.finditer(string)]
        found |= {tuple(words[at : at + RUN_WORDS]) for at in range(len(words) - RUN_WORDS + 1)}
    return found


def _strings(request: bytes) -> Iterator[str]:
    try:
        waiting = [json.loads(request)]
    except (ValueError, RecursionError):
        return
    while waiting:
        match waiting.pop():
            case str() as string:
                yield string
            case list() as items:
                waiting += items
            case dict() as fields:
                waiting += fields.values()
