"""What is wrong with what a client asked for, in the shape in which OpenAI's API says so."""

from __future__ import annotations

from typing import Any


class Problem(ValueError):
    """A request that cannot be. Nothing of it was done, and the session goes on."""

    def __init__(self, code: str, message: str, param: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


def error_message(
    code: str, message: str, *, param: str = "", ref: str = "", server: bool = False
) -> dict[str, Any]:
    """The `error` event. `ref` is the id of the client's event; what is unknown is left out,
    because some clients take null for a wrong shape."""
    error: dict[str, Any] = {
        "type": "server_error" if server else "invalid_request_error",
        "code": code,
        "message": message,
    }
    if param:
        error["param"] = param
    if ref:
        error["event_id"] = ref
    return {"type": "error", "error": error}
