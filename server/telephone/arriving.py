"""A call arrives: from the first messages of a connection to what its session is opened with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from ...agents.registry import Agents, UnknownAgent
from ...config import BadWish, Settings, wished
from ...config.wishes import VoiceSetting
from ...conversation.caller import Caller
from ...protocol.call_start import CallStart
from ...protocol.codes import Violation
from ...protocol.dialect import BadChoice, Dialect
from ...transport import Transport
from .line import Line, NoCall


class CallRefused(Exception):
    """No session is opened for this call; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What a call's session is opened with."""

    line: Line
    start: CallStart
    dialect: Dialect
    caller: Caller
    agent: str
    settings: Settings


async def arrived(
    transport: Transport,
    dialect: Dialect,
    *,
    caller: Caller,
    agent: str,
    agents: Agents | None,
    settings: Settings,
    voice_setting: VoiceSetting | None,
) -> Arrived:
    """Reads who calls. Raises CallRefused, and PeerGone."""
    if dialect.arrival is None:
        raise CallRefused(f"{dialect.profile.name} is no telephone's dialect")
    line = Line(transport, dialect.arrival(), idle_s=settings.serving.idle_timeout_s)
    try:
        start = await line.arrive()
        chosen = dialect.with_choices({**dialect.chosen, **start.choices})
    except (NoCall, Violation, BadChoice) as problem:
        raise CallRefused(str(problem)) from None
    told = {**(caller.query if dialect.told_by_query else {}), **start.told}
    structlog.get_logger().info(
        "call_arrived", service=start.service, call_id=start.call_id, peer=transport.peer
    )
    return Arrived(
        line=line,
        start=start,
        dialect=chosen,
        caller=replace(caller, parameters=told),
        agent=agent or _known(told.get("agent", ""), agents),
        settings=_wished(settings, told, voice_setting),
    )


def _known(name: str, agents: Agents | None) -> str:
    """An agent that a parameter names; the first one where there is none of this name: the caller
    is on the line already."""
    try:
        if agents is not None:
            agents.choose(name.strip())
    except UnknownAgent as problem:
        structlog.get_logger().warning("call_names_no_agent", reason=str(problem))
        return ""
    return name.strip()


def _wished(
    settings: Settings, told: Mapping[str, str], voice_setting: VoiceSetting | None
) -> Settings:
    try:
        return wished(settings, told, voice_setting)
    except BadWish as problem:
        structlog.get_logger().warning("call_wishes_what_cannot_be", reason=str(problem))
        return settings
