"""How much may wait on each edge, and why just so much."""

from __future__ import annotations

HEARD_CAPACITY = 32
"""Receiver -> VAD, in client frames. At the usual 320 ms a frame it is ten seconds of audio: a
recognizer that restarts is caught up with, and beyond it TCP pushes back on the peer."""

GIVEN_CAPACITY = 8
"""Sounds that a client has given and that wait for the end of the utterance that is open, each of a
minute at most. With the eighth that utterance ends: what is behind them is still to be heard, so
they cannot be held back."""

SPOKEN_CAPACITY = 16
"""VAD -> ASR, in client frames. Short, because the ASR actor keeps the utterance itself."""

REPORTS_CAPACITY = 16
"""Everything -> dialogue. Decisions take no time; the capacity only absorbs a burst."""

TOKENS_CAPACITY = 16
"""LLM -> phraser. A few tokens ahead; past that the phraser holds the stream."""

SPEECH_CAPACITY = 1
"""TTS -> playout, in phrases. One is being played, one waits: the synthesizer stays one ahead."""

SPEECH_PIECES_CAPACITY = 256
"""The rest of a phrase whose audio streams, in pieces as they come: some seconds at least. What is
more waits at the service."""

OUTBOX_CAPACITY = 256
"""Everything -> sender, in messages. Above the largest STREAM_BACKPRESSURE_THRESHOLD (200), so
that thinning sets in before anyone has to wait."""

AUDIO_MAX_AGE_S = 30.0
"""Receiver -> VAD: audio that waited longer than this is shed, oldest first, and the gap is
counted and told. A client that sends a file faster than real time waits far less than this; only
a recognizer that cannot keep up at all lets audio grow so old."""
