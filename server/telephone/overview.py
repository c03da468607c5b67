"""What GET /telephone tells people: which services are set up, and what to paste where.

It holds no secret.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec

from ...config import TELEPHONE_SERVICES, Carriers
from .addresses import NO_PUBLIC_URL, Addresses
from .gate import SECRETS, Gate
from .tokens import MISSING


def wanting(carriers: Carriers) -> frozenset[str]:
    """The services that are set up and lack a package."""
    if find_spec("cryptography") is not None:
        return frozenset()
    set_up = {
        "telnyx": carriers.telnyx_public_key is not None,
        "vonage": carriers.vonage_private_key_file is not None,
    }
    return frozenset(service for service, is_set in set_up.items() if is_set)


def overview(
    gate: Gate, addresses: Addresses, makers: Collection[str], wanting: Collection[str]
) -> dict[str, object]:
    """`makers` are the services that can make calls, `wanting` those that lack a package."""
    services = {}
    for service in TELEPHONE_SERVICES:
        known_by = gate.known_by(service)
        told: dict[str, object] = {
            "known_by": known_by or SECRETS[service],
            "set_up": bool(known_by),
            "makes_calls": service in makers,
        }
        if service in wanting:
            told["missing"] = MISSING
        if addresses.is_known:
            told["stream"] = addresses.stream(service, proof="")
            told["answer"] = addresses.answer(service)
            told["status"] = addresses.status(service)
        services[service] = told
    whole: dict[str, object] = {"ok": True, "services": services}
    if not addresses.is_known:
        whole["missing"] = NO_PUBLIC_URL
    return whole
