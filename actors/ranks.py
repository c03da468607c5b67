"""Who goes first where several want to speak at the same moment: the way of the data, and whoever
decides last of all, when everybody has said what there is to say."""

from __future__ import annotations

from enum import IntEnum


class Rank(IntEnum):
    RECEIVER = 1
    VAD = 2
    ASR = 3
    LLM = 4
    PHRASER = 5
    TTS = 6
    PLAYOUT = 7
    TURN = 8
    PLAYER = 9
    CONDUCTOR = 10
    ORDERS = 11
    DIALOGUE = 12
