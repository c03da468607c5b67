"""What each of several workers gets of the engines' processes and of the cores. No I/O.

Engines in processes of their own cost memory and cores whoever uses them, so the lanes that the
settings ask for are those of the whole server, shared out among its workers; each has one at least.
`WS_MAX_CONNECTIONS` needs no sharing out: workers know of each other's sessions.
"""

from __future__ import annotations

from ...config import Settings


def workers_wanted(wanted: int, cores: int) -> int:
    """How many workers there are to be; `wanted` 0 is one per core."""
    return wanted or max(1, cores)


def shared_out(settings: Settings, workers: int) -> Settings:
    """The settings of one of so many workers."""
    return settings.model_copy(
        update={
            "stream_asr_lanes": max(1, settings.stream_asr_lanes // workers),
            "stream_tts_thread_workers": max(1, settings.stream_tts_thread_workers // workers),
        }
    )


def cores_each(cores: int, workers: int) -> int:
    """Of the cores of the machine."""
    return max(1, cores // workers)


def told(settings: Settings, workers: int, cores: int) -> str:
    """What each has, for people. `settings` are those of the whole server."""
    each = shared_out(settings, workers)
    lanes = _count(each.stream_asr_lanes, "lane")
    voices = _count(each.stream_tts_thread_workers, "voice process", "voice processes")
    return (
        f"{_count(workers, 'process', 'processes')} on {_count(cores, 'core')}; each has {lanes} "
        f"to hear with and {voices}"
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
