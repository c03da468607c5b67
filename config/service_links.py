"""Variables that an orchestrator puts into every container, named after its services.

Kubernetes tells a container of each Service by variables made of the Service's name: for one that
is called parley, `PARLEY_PORT=tcp://10.0.0.1:8084`, `PARLEY_SERVICE_HOST`,
`PARLEY_PORT_8084_TCP_ADDR` and so on (Docker's links are the same). They are no settings of ours,
whatever they are called. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ADDRESS = re.compile(r"(tcp|udp|sctp)://")
_OF_A_PORT = r"_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"


@dataclass(frozen=True, slots=True)
class ServiceLinks:
    """Those of one environment."""

    names: frozenset[str]
    services: tuple[str, ...]
    """The first part of their names: PARLEY for PARLEY_PORT."""

    def warning(self, ours: frozenset[str]) -> str | None:
        """One line for all that look like settings, where there are any. `ours` are the settings'
        names."""
        taken = sorted(self.names & ours)
        if not taken:
            return None
        return (
            f"{', '.join(taken)}: an address of a Kubernetes Service, and no setting (from the "
            "environment); it is passed over. To set the port, use --port or the .env file, or "
            "say enableServiceLinks: false in the pod"
        )


def service_links(environ: Mapping[str, str]) -> ServiceLinks:
    """What an orchestrator has put into `environ`: where X_PORT is an address of a protocol, all
    that it says of the service X."""
    services = [
        name.removesuffix("_PORT")
        for name, value in environ.items()
        if name.endswith("_PORT") and _ADDRESS.match(value.strip())
    ]
    names = frozenset(
        name for name in environ for service in services if _is_of(service, name, environ)
    )
    return ServiceLinks(names, tuple(sorted(services)))


def _is_of(service: str, name: str, environ: Mapping[str, str]) -> bool:
    if not name.startswith(f"{service}_"):
        return False
    rest = name.removeprefix(service)
    if rest == "_PORT":
        return True
    return bool(re.fullmatch(rf"_SERVICE_(HOST|PORT(_\w+)?)|{_OF_A_PORT}", rest))
