"""Whether a server may listen where it is told to, given who is asked for what. No I/O.

Whoever is reached by others without a lock is refused, with what to do about it. Nobody reads a
warning before the harm is done.
"""

from __future__ import annotations

from ipaddress import ip_address

from ...addresses import is_loopback, is_private, without_brackets
from ...config import Settings


class Exposed(ValueError):
    """The server would be open to everybody; or halfway secured. One line that says what to do."""


def check_binding(settings: Settings) -> None:
    """Raises Exposed."""
    admitting, serving = settings.admitting, settings.serving
    if (admitting.tls_cert is None) != (admitting.tls_key is None):
        raise Exposed("TLS takes both PARLEY_TLS_CERT and PARLEY_TLS_KEY")
    if serving.agent_port and not _is_closed(serving.agent_host):
        raise Exposed(
            f"{serving.agent_host} is a public address, and PARLEY_AGENT_PORT is for a balancer "
            "beside the server: set PARLEY_AGENT_HOST to a private address"
        )
    if admitting.insecure:
        return
    locked = admitting.token is not None or admitting.tokens_file is not None
    if not is_loopback(serving.host):
        if not locked:
            raise Exposed(
                f"others can reach {serving.host}, and nobody would be asked for a token: set "
                "PARLEY_TOKEN, or make a file of tokens with `parley tokens new`; where something "
                "in front of Parley lets people in, say --insecure"
            )
        if serving.audiosocket_port and "audiosocket" not in settings.telephone.open:
            raise Exposed(
                f"AudioSocket knows no token, and others can reach {serving.host}: listen on "
                "127.0.0.1, or say PARLEY_TELEPHONE_OPEN=audiosocket in a closed network"
            )
    unlocked = admitting.admin_token is None and not is_loopback(admitting.admin_host)
    if admitting.admin_port and unlocked:
        raise Exposed(
            f"others can reach {admitting.admin_host}, where sessions and metrics are shown: "
            "set PARLEY_ADMIN_TOKEN, or PARLEY_ADMIN_HOST=127.0.0.1"
        )


def _is_closed(host: str) -> bool:
    """Whether no public address is named. A name may lead to one: there only private addresses are
    answered, as on every interface."""
    try:
        ip_address(without_brackets(host))
    except ValueError:
        return True
    return is_private(host)
