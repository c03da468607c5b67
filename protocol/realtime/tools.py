"""Tools as a client of the Realtime API names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..effects import OfferedTool, ToolChoice
from .checks import INVALID_VALUE, a_text, an_object, list_of, one_of, only_known
from .problem import Problem

MAX_TOOLS = 256
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def tool(value: Any, where: str) -> dict[str, Any]:
    found = an_object(value, where)
    kind = found.get("type", "function")
    if kind == "mcp":
        what = (
            f"{where}.type: tools of MCP servers belong to the server here; name them in "
            "STREAM_MCP_SERVERS and to an agent (docs/MCP.md)"
        )
        raise Problem("unsupported_value", what, f"{where}.type")
    one_of("function")(kind, f"{where}.type")
    only_known(found, ("type", "name", "description", "parameters", "strict"), where)
    name = a_text(found.get("name"), f"{where}.name")
    if not _NAME.match(name):
        what = f"{where}.name: letters, digits, _ and -, at most 64 of them, are allowed"
        raise Problem(INVALID_VALUE, what, f"{where}.name")
    checked: dict[str, Any] = {"type": "function", "name": name}
    if found.get("description") is not None:
        checked["description"] = a_text(found["description"], f"{where}.description")
    parameters = found.get("parameters")
    checked["parameters"] = (
        {"type": "object", "properties": {}}
        if parameters is None
        else an_object(parameters, f"{where}.parameters")
    )
    return checked


def tools(value: Any, where: str) -> list[dict[str, Any]]:
    checked: list[dict[str, Any]] = list_of(tool, most=MAX_TOOLS)(
        [] if value is None else value, where
    )
    names = [one["name"] for one in checked]
    for number, name in enumerate(names):
        if name in names[:number]:
            what = f"{where}: there are two tools of the name {name!r}"
            raise Problem(INVALID_VALUE, what, f"{where}[{number}].name")
    return checked


def tool_choice(value: Any, where: str) -> Any:
    if isinstance(value, str):
        return one_of("auto", "none", "required")(value, where)
    found = an_object(value, where)
    one_of("function")(found.get("type"), f"{where}.type")
    return {"type": "function", "name": a_text(found.get("name"), f"{where}.name")}


def tool_choice_of(value: Any) -> ToolChoice:
    return value if isinstance(value, str) else str(value["name"])


def tools_of(found: Iterable[Mapping[str, Any]]) -> tuple[OfferedTool, ...]:
    """As the session is offered them. The client runs them."""
    return tuple(
        OfferedTool(
            name=one["name"],
            description=one.get("description", ""),
            parameters=one["parameters"],
            by_client=True,
        )
        for one in found
    )
