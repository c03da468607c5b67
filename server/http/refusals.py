"""How a request is refused: in Parley's shape, or in OpenAI's for everything below /v1.

`{"ok": false, "error": message}` is what Parley's own routes have always said. Clients of OpenAI's
API read `{"error": {"message", "type", "param", "code"}}` and make exceptions of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from .head import BadRequest, Head
from .responses import Response, error_response, json_response

OPENAI_ROOT = "/v1"

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}
"""OpenAI's word for what is wrong, by status; of all others the request is invalid."""

CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    415: "unsupported_media_type",
    429: "rate_limit_exceeded",
    503: "service_unavailable",
}


def speaks_openai(path: str) -> bool:
    """Whether a path belongs to OpenAI's API."""
    return path == OPENAI_ROOT or path.startswith(f"{OPENAI_ROOT}/")


def openai_error(
    status: int,
    message: str,
    headers: Mapping[str, str] | None = None,
    *,
    param: str | None = None,
    code: str | None = None,
) -> Response:
    """An error as OpenAI's clients read it."""
    return json_response(error_body(status, message, param=param, code=code), status, headers)


def error_body(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> dict[str, dict[str, str | None]]:
    """The same as a body; a stream that has begun carries it as its last event."""
    return {
        "error": {
            "message": message,
            "type": TYPES.get(status, "invalid_request_error"),
            "param": param,
            "code": code or CODES.get(status),
        }
    }


def refusal(head: Head | None, problem: BadRequest) -> Response:
    """The answer to a request that is refused, in the shape that its path has. `head` is None
    where the request could not be read."""
    headers = dict(problem.headers)
    if head is None or not speaks_openai(head.path):
        return error_response(problem.status, problem.message, headers)
    return openai_error(
        problem.status, problem.message, headers, param=problem.param, code=problem.code
    )
