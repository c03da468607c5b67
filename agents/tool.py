"""A tool: a function that a language model may call, with the schema of its arguments.

The model is told the function's name, its docstring, and what its parameters may be. What it sends
is checked by the same types; a call that does not fit goes back to the model with the reason.
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_origin

import pydantic
from pydantic_core import PydanticSerializationError, to_json

from .problems import BadAgent

Function: TypeAlias = Callable[..., Any]

NAME_CHARS = 64
"""What services take as a tool's name: letters, digits, underscores and hyphens."""

MAX_PROBLEMS = 5
"""Of a wrong call, told to the model."""

PROBLEM_CHARS = 300
"""Of each. A name that the model invented is in it, however long that is."""


class BadCall(Exception):
    """The arguments do not fit. The message is for the model."""


class BadReturn(Exception):
    """The function returned what cannot be told to a model."""


class ToolFailed(Exception):
    """The tool could not do what it was asked, and knows why. The message is for the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """`run` is given the call and the checked arguments, and may be called from Trio's thread only.

    `timeout_s` and `filler` None: as the settings say. `must_finish`: an interruption does not
    cancel it, nor does the end of the call. `own_thread`: the function is not async.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    """The JSON schema of the arguments."""
    run: Callable[[Any, Mapping[str, Any]], Awaitable[Any]] = field(repr=False)
    check: Callable[[Mapping[str, Any]], Mapping[str, Any]] = field(repr=False, default=dict)
    """Gives the arguments as the function takes them. Raises BadCall."""
    timeout_s: float | None = None
    filler: str | None = None
    must_finish: bool = False

    def arguments(self, written: str) -> Mapping[str, Any]:
        """The arguments of a call as a model wrote them. Raises BadCall."""
        try:
            given = json.loads(written) if written.strip() else {}
        except (ValueError, RecursionError) as error:
            raise BadCall(f"the arguments are no JSON: {error}") from None
        if given is None:
            given = {}
        if not isinstance(given, dict):
            raise BadCall("the arguments are no JSON object")
        return self.check(given)


def tool(
    function: Function,
    *,
    name: str | None = None,
    timeout_s: float | None = None,
    filler: str | None = None,
    must_finish: bool = False,
) -> Tool:
    """The tool that a function is. A first parameter that is annotated as a Call is given the call.

    Raises BadAgent for a function without a docstring, or with a parameter that has no type or one
    that JSON has no form for.
    """
    what = name or getattr(function, "__name__", "")
    if not what or len(what) > NAME_CHARS or not what.replace("_", "").replace("-", "").isalnum():
        raise BadAgent(f"{what!r} is no name for a tool: letters, digits, _ and -")
    description = inspect.getdoc(function)
    if not description:
        raise BadAgent(f"the tool {what} has no docstring: the model reads it to know what it does")
    wants_call, fields = _parameters(what, function)
    model = _model(what, fields)
    return Tool(
        name=what,
        description=description,
        parameters=_schema(what, model),
        run=_runner(function, wants_call=wants_call),
        check=_checker(model),
        timeout_s=timeout_s,
        filler=filler,
        must_finish=must_finish,
    )


def told(value: Any) -> str:
    """What a model is told of what a function returned. Raises BadReturn."""
    if value is None:
        return "done"
    if isinstance(value, str):
        return value
    try:
        return to_json(value).decode()
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise BadReturn(
            f"it returned a {type(value).__name__}, which is no JSON: {error}"
        ) from None


def _parameters(what: str, function: Function) -> tuple[bool, dict[str, Any]]:
    """Whether the function wants the call, and its other parameters as fields of a model."""
    from .call import Call

    try:
        hints = typing.get_type_hints(function, include_extras=True)
        signature = inspect.signature(function)
    except (NameError, TypeError, ValueError) as error:
        raise BadAgent(f"the tool {what}: its parameters cannot be read: {error}") from None
    wants_call, fields = False, {}
    for position, parameter in enumerate(signature.parameters.values()):
        hint = hints.get(parameter.name)
        if position == 0 and (hint is Call or get_origin(hint) is Call):
            wants_call = True
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise BadAgent(f"the tool {what}: *{parameter.name} cannot be told to a model")
        if hint is None:
            raise BadAgent(f"the tool {what}: the parameter {parameter.name} has no type")
        _check_type(what, parameter.name, hint)
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (_described(hint), default)
    return wants_call, fields


def _check_type(what: str, parameter: str, hint: Any) -> None:
    """Raises BadAgent for a type of which there is no JSON."""
    try:
        pydantic.TypeAdapter(hint).json_schema()
    except (pydantic.PydanticUserError, TypeError, NameError):
        shown = getattr(hint, "__name__", str(hint))
        raise BadAgent(
            f"the tool {what}: the parameter {parameter} is a {shown}, which JSON cannot say"
        ) from None


def _described(hint: Any) -> Any:
    """`Annotated[str, "the day"]` is a parameter with a description."""
    if get_origin(hint) is not typing.Annotated:
        return hint
    inner, *marks = typing.get_args(hint)
    words = [mark for mark in marks if isinstance(mark, str)]
    others = [mark for mark in marks if not isinstance(mark, str)]
    if words:
        others.append(pydantic.Field(description=" ".join(words)))
    return typing.Annotated[(inner, *others)]


def _model(what: str, fields: dict[str, Any]) -> type[pydantic.BaseModel]:
    config = pydantic.ConfigDict(extra="forbid", hide_input_in_errors=True)
    try:
        # Names are given as aliases: a parameter may be called like a method of the model.
        aliased: dict[str, Any] = {
            f"p{n}": (hint, pydantic.Field(default, alias=name))
            for n, (name, (hint, default)) in enumerate(fields.items())
        }
        model: type[pydantic.BaseModel] = pydantic.create_model(what, __config__=config, **aliased)
    except (pydantic.PydanticUserError, TypeError, NameError) as error:
        raise BadAgent(f"the tool {what}: {_first_line(error)}") from None
    return model


def _schema(what: str, model: type[pydantic.BaseModel]) -> Mapping[str, Any]:
    try:
        schema = model.model_json_schema()
    except pydantic.PydanticUserError as error:
        raise BadAgent(
            f"the tool {what}: a type that JSON cannot say: {_first_line(error)}"
        ) from None
    schema.pop("title", None)
    schema.setdefault("properties", {})
    for inner in schema["properties"].values():
        inner.pop("title", None)
    return schema


def _checker(model: type[pydantic.BaseModel]) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    names = {attribute: field.alias for attribute, field in model.model_fields.items()}

    def check(given: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            checked = model.model_validate(given)
        except pydantic.ValidationError as error:
            found = error.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]
            problems = (f"{_place(one['loc'])}: {one['msg']}"[:PROBLEM_CHARS] for one in found)
            raise BadCall(f"wrong arguments: {'; '.join(problems)}") from None
        return {str(alias): getattr(checked, attribute) for attribute, alias in names.items()}

    return check


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "arguments"


def _runner(
    function: Function, *, wants_call: bool
) -> Callable[[Any, Mapping[str, Any]], Awaitable[Any]]:
    if inspect.iscoroutinefunction(function):

        async def run(call: Any, arguments: Mapping[str, Any]) -> Any:
            return await function(*((call,) if wants_call else ()), **arguments)

        return run

    async def run_in_thread(call: Any, arguments: Mapping[str, Any]) -> Any:
        return await call._in_thread(function, (call,) if wants_call else (), arguments)

    return run_in_thread


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
