"""Items that a client puts into the conversation, as effects on it."""

from __future__ import annotations

import json
from typing import Any, Literal, cast

from ..chat import ToolCall
from ..effects import AddCall, AddItem, AnyEffect, GivenItem, ReturnResult
from ..tool_calls import ToolResult
from .audio_in import from_base64
from .checks import INVALID_VALUE, a_list, a_text, an_object, one_of, required
from .problem import Problem

Role = Literal["user", "assistant", "system"]

MAX_ITEM_CHARS = 1_000_000
MAX_ID_CHARS = 128

_ALLOWED: dict[str, tuple[str, ...]] = {
    "user": ("input_text", "input_audio", "text"),
    "system": ("input_text", "text"),
    "assistant": ("output_text", "text", "output_audio", "audio"),
}
_TEXT = ("input_text", "output_text", "text")


def item_effect(item: Any, after: str | None, ref: str) -> AnyEffect:
    """What `conversation.item.create` asks for. Raises Problem."""
    found = an_object(item, "item")
    item_id = _id(found.get("id"), "item.id")
    match one_of("message", "function_call", "function_call_output")(
        required(found, "type", "item"), "item.type"
    ):
        case "function_call":
            call = ToolCall(
                id=_id(found.get("call_id"), "item.call_id") or item_id,
                name=a_text(required(found, "name", "item"), "item.name"),
                arguments=a_text(found.get("arguments", "{}"), "item.arguments"),
            )
            if not call.id:
                required(found, "call_id", "item")
            return AddCall(call=call, id=item_id, after=after, ref=ref)
        case "function_call_output":
            call_id = a_text(required(found, "call_id", "item"), "item.call_id")
            result = ToolResult(call_id=call_id, output=_output(found.get("output")))
            return ReturnResult(result=result, by_client=True, id=item_id, after=after, ref=ref)
        case _:
            role, text = message(found, "item")
            return AddItem(role=role, text=text, id=item_id, after=after, ref=ref)


def sound_in(item: Any) -> tuple[str, bytes] | None:
    """The id and the sound of a person's message that is sound alone, without its words. Raises
    Problem."""
    found = an_object(item, "item")
    parts = found.get("content")
    if found.get("role") != "user" or not isinstance(parts, list) or len(parts) != 1:
        return None
    (part,) = parts
    if not isinstance(part, dict) or part.get("type") != "input_audio" or part.get("transcript"):
        return None
    where = "item.content[0].audio"
    data = from_base64(a_text(required(part, "audio", "item.content[0]"), where), where)
    return _id(found.get("id"), "item.id"), data


def given_item(item: Any, where: str) -> GivenItem:
    """An item in the input of one response: a message, or an item of the conversation by its id."""
    found = an_object(item, where)
    if found.get("type") == "item_reference":
        return GivenItem(id=a_text(required(found, "id", where), f"{where}.id"))
    one_of("message")(required(found, "type", where), f"{where}.type")
    role, text = message(found, where)
    return GivenItem(role=role, text=text)


def message(found: dict[str, Any], where: str) -> tuple[Role, str]:
    """Who says it, and its text. Raises Problem."""
    role = one_of(*_ALLOWED)(required(found, "role", where), f"{where}.role")
    parts = a_list(required(found, "content", where), f"{where}.content")
    texts = [_part(part, role, f"{where}.content[{n}]") for n, part in enumerate(parts)]
    text = "\n".join(filter(None, texts))
    if len(text) > MAX_ITEM_CHARS:
        what = f"{where}.content: {len(text)} characters; {MAX_ITEM_CHARS} are the most"
        raise Problem("string_above_max_length", what, f"{where}.content")
    return cast("Role", role), text


def _part(part: Any, role: str, where: str) -> str:
    found = an_object(part, where)
    kind = required(found, "type", where)
    if kind == "input_image":
        what = f"{where}: the models here see no images"
        raise Problem("unsupported_content_type", what, f"{where}.type")
    if kind not in _ALLOWED[role]:
        allowed = ", ".join(_ALLOWED[role])
        what = f"{where}.type: {ascii(kind)[:40]} is refused for {role}; allowed: {allowed}"
        raise Problem(INVALID_VALUE, what, f"{where}.type")
    if kind in _TEXT:
        return a_text(required(found, "text", where), f"{where}.text")
    if found.get("transcript"):
        return a_text(found["transcript"], f"{where}.transcript")
    what = (
        f"{where}: sound beside other content needs its transcript; sound without one is an item "
        "of its own"
    )
    raise Problem("unsupported_content_type", what, where)


def _output(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _id(value: Any, where: str) -> str:
    if value is None:
        return ""
    text = a_text(value, where)
    if len(text) > MAX_ID_CHARS:
        what = f"{where}: {len(text)} characters; {MAX_ID_CHARS} are the most"
        raise Problem("string_above_max_length", what, where)
    return text
