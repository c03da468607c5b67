"""An agent: who answers a call. What it is told, what it says first, what it can do, and ordinary
Trio code that runs for as long as the call does.

An Agent is a description, made once and shared by all calls; what differs from call to call is in
the Call (call.py). Nothing of it runs before somebody calls.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, overload

from pydantic import ValidationError

from ..config import McpServer, Settings
from ..conversation.languages import check_language
from .problems import BadAgent
from .tool import Function, Tool, tool

if TYPE_CHECKING:
    import typing_extensions

    from .call import Call

    State = typing_extensions.TypeVar("State", default=None)
else:
    State = TypeVar("State")  # before Python 3.13 it knows no default

F = TypeVar("F", bound=Function)
Words: TypeAlias = "str | Callable[[Call[Any]], str | Awaitable[str]]"
"""Words, or a function of the call that gives them."""
Code: TypeAlias = "Callable[[Call[Any]], Awaitable[object]]"

SPOKEN_STYLE = (
    "You are talking with the person, and what you write is read aloud: answer in one to three "
    "short sentences of plain spoken language, without markup, lists, links or emoji."
)
"""What every agent's model is told besides, unless `spoken_style` says otherwise."""

_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,63}")


class Agent(Generic[State]):
    """Who answers a call.

    `instructions` are for the language model, `greeting` is said first; both are words or a
    function of the call. `{{name}}` in them stands for a parameter of the call (`?name=Ann`).
    `tools` are functions with types and docstrings, made tools by `tool()` or as they are, and MCP
    servers. `state` makes the agent's own state of a call. `language`, `voice` and `settings`
    (variables by their names in lower case, those that a session reads) hold for the agent's calls.
    With `model=False` the language model answers nothing: the agent's code asks and listens.

    Raises BadAgent for what cannot work.
    """

    def __init__(
        self,
        instructions: Words = "",
        *,
        name: str = "",
        greeting: Words = "",
        greeting_interruptible: bool = True,
        tools: Sequence[Function | Tool | McpServer] = (),
        state: Callable[[], State] | None = None,
        language: str = "",
        voice: str = "",
        settings: Mapping[str, object] | None = None,
        spoken_style: str = SPOKEN_STYLE,
        model: bool = True,
        voicemail: str | None = None,
    ) -> None:
        """`voicemail` is left on an answering machine that takes a call which was made, behind its
        beep; "" hangs up there, and None leaves all of it to code."""
        if name and not _NAME.fullmatch(name):
            raise BadAgent(f"{name!r} is no name for an agent: letters, digits, _ and -")
        self.name = name
        self.instructions = instructions
        self.greeting = greeting
        self.greeting_interruptible = greeting_interruptible
        self.state = state
        self.language = language
        self.voice = voice
        self.spoken_style = spoken_style
        self.model = model
        self.voicemail = voicemail
        self.tools: list[Tool] = []
        self.mcp_servers: list[McpServer] = []
        self.code: Code | None = None
        self.overlay = _overlay(name, language, settings or {})
        """The settings of its calls that are not the server's."""
        for one in tools:
            self._add(one)

    # Decorators

    @overload
    def tool(self, function: F, /) -> F: ...

    @overload
    def tool(
        self,
        /,
        *,
        name: str | None = None,
        timeout_s: float | None = None,
        filler: str | None = None,
        must_finish: bool = False,
    ) -> Callable[[F], F]: ...

    def tool(
        self,
        function: Any = None,
        /,
        *,
        name: str | None = None,
        timeout_s: float | None = None,
        filler: str | None = None,
        must_finish: bool = False,
    ) -> Any:
        """Have the model call this function: `@agent.tool`, or `@agent.tool(timeout_s=3)`.

        `timeout_s` is how long it may take, `filler` what is said where it is slow ("" nothing);
        `must_finish` says that neither an interruption nor the end of the call cancels it. The
        function stays as it is. Raises BadAgent.
        """

        def add(decorated: F) -> F:
            made = tool(
                decorated, name=name, timeout_s=timeout_s, filler=filler, must_finish=must_finish
            )
            self._add(made)
            return decorated

        return add if function is None else add(function)

    def on_call(self, code: Code, /) -> Code:
        """Run this code for each call, from the greeting on: `@agent.on_call`. It ends with the
        call; where it raises, its call ends."""
        if self.code is not None:
            raise BadAgent(f"the agent {self.name} has code for its calls already")
        self.code = code
        return code

    def _add(self, one: Function | Tool | McpServer) -> None:
        if isinstance(one, McpServer):
            self.mcp_servers.append(one)
            return
        made = one if isinstance(one, Tool) else tool(one)
        if any(made.name == known.name for known in self.tools):
            raise BadAgent(f"two tools of the agent {self.name} are called {made.name}")
        self.tools.append(made)

    def __repr__(self) -> str:
        return f"Agent({self.name!r})"


def _overlay(name: str, language: str, settings: Mapping[str, object]) -> Mapping[str, object]:
    """The settings that are the agent's own, checked. Raises BadAgent."""
    given = dict(settings)
    if language:
        given.setdefault("stream_language", language)
    for variable in given:
        if variable not in Settings.model_fields:
            raise BadAgent(f"the agent {name}: there is no setting {variable!r}")
    try:
        if language:
            check_language(language)
        values = Settings.defaults(**given)
    except (ValidationError, ValueError) as error:
        raise BadAgent(f"the agent {name}: {_what(error)}") from None
    return {variable: getattr(values, variable) for variable in given}


def _what(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{first['loc'][0]}: {first['msg']}"
    return str(error)
