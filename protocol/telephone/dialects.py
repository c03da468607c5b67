"""The table of the telephone's dialects."""

from __future__ import annotations

import functools

from ..dialect import Dialect
from . import asterisk, audiosocket, freeswitch, genesys, jambonz, vonage
from .json_services import JSON_SERVICES
from .media_json import JsonArrival, JsonCodec, JsonService
from .profile import SOUND_OPTIONS, at_rate


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


TELEPHONE_DIALECTS: tuple[Dialect, ...] = (
    *(_json(service) for service in JSON_SERVICES),
    vonage.DIALECT,
    asterisk.DIALECT,
    jambonz.DIALECT,
    freeswitch.DIALECT,
    genesys.DIALECT,
    audiosocket.DIALECT,
)
