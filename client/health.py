"""Whether a server on this machine can talk: a container's health check.

    python -m parley.client.health

asks GET /ready at PARLEY_PORT, over TLS where the server has a certificate, and exits with 0 where
the engines can talk. A server that is only full, or that drains, is healthy: it must not be killed
for that. Standard library alone, since it runs every few seconds.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
from collections.abc import Mapping
from contextlib import closing

TIMEOUT_S = 4.0
DEFAULT_PORT = 8084


def problem(environ: Mapping[str, str]) -> str:
    """Why the server is not healthy, in one line; empty where it is."""
    try:
        port = int(environ.get("PARLEY_PORT") or DEFAULT_PORT)
        with closing(_connection(port, tls=bool(environ.get("PARLEY_TLS_CERT")))) as connection:
            connection.request("GET", "/ready")
            told = json.loads(connection.getresponse().read())
        if told["ready"]:
            return ""
        waiting = ", ".join(map(str, told.get("waiting_for", ())))
        # Who waits for its conversations to end is not ill.
        return "" if not told["accepting"] and told.get("reason") == "stopping" else waiting
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        return f"no answer from the server ({type(error).__name__})"


def _connection(port: int, *, tls: bool) -> http.client.HTTPConnection:
    if not tls:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    # The certificate has the service's name and not this machine's; whose it is matters to clients.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_S, context=context)


if __name__ == "__main__":
    sys.exit(problem(os.environ) or 0)  # a text goes to stderr, and the code is 1
