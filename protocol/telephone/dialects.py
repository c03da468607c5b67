"""The table of the telephone's dialects."""

from __future__ import annotations

import functools
from types import MappingProxyType

from ..dialect import Dialect
from .json_services import JSON_SERVICES
from .media_json import JsonArrival, JsonCodec, JsonService
from .profile import at_rate
from .sound import CODINGS, RATES_HZ

SOUND_OPTIONS = MappingProxyType({"coding": CODINGS, "rate": tuple(map(str, RATES_HZ))})
"""What the start of a call says of its sound: a session's dialect is chosen by it."""


def _json(service: JsonService) -> Dialect:
    return Dialect(
        profile=service.profile,
        profile_of=at_rate,
        codec=functools.partial(JsonCodec, service),
        arrival=functools.partial(JsonArrival, service),
        paths=(f"/telephone/{service.name}",),
        options=SOUND_OPTIONS,
        texts=("stream",),
    )


TELEPHONE_DIALECTS: tuple[Dialect, ...] = tuple(_json(service) for service in JSON_SERVICES)
