"""Who calls, as far as a server knows it when a session begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`query` are the parameters of the address, `headers` those of the request by their names in
    lower case, `parameters` what a telephone service tells of its call, `claims` what the caller's
    token says. All but `dialect` may be empty. What a caller tells of itself proves nothing.
    `headers` may hold a password, so they are not shown where a caller is printed."""

    session_id: str = ""
    dialect: str = ""
    path: str = ""
    peer: str = ""
    query: Mapping[str, str] = field(default_factory=_nothing)
    headers: Mapping[str, str] = field(default_factory=_nothing, repr=False)
    parameters: Mapping[str, str] = field(default_factory=_nothing)
    claims: Mapping[str, Any] = field(default_factory=_nothing)

    @property
    def variables(self) -> Mapping[str, str]:
        """What a prompt may name: the query, and over it the carrier's parameters and the claims
        that are words or numbers."""
        claims = {
            name: str(value)
            for name, value in self.claims.items()
            if isinstance(value, str | int | float) and not isinstance(value, bool)
        }
        return {**self.query, **self.parameters, **claims}
