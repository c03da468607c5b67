"""Recordings, said to a server one after the other, in one session. `demo` and `parley bench turn`
share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .conversation import Pace, conversation, ignore
from .recording import Recording
from .utterance import Heard, Utterance
from .wire import open_wire


async def recite(
    url: str,
    recordings: Sequence[Recording],
    pace: Pace,
    utterances: list[Utterance],
    *,
    begins: Callable[[Recording], None] = lambda recording: None,
    listener: Callable[[Heard], None] = ignore,
) -> None:
    """`utterances` grows as recordings are answered, so that a failure leaves what was heard.

    `begins` is called before each recording, `listener` with every message as it comes. Raises
    Unreachable, ClosedEarly and NoGreeting.
    """
    async with open_wire(url) as wire, conversation(wire, pace, listener) as talk:
        for recording in recordings:
            begins(recording)
            utterances.append(await talk.play(recording.name, recording.pcm16))
