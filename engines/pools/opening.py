"""Pools of servers that speak OpenAI's API, as the settings name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from ...config import keys_of, urls_of
from ..failures import EngineUnavailable
from .place import Place
from .pool import HasPools, Pool

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Address:
    """Where one server is, and its key."""

    base_url: str | None
    """None: OpenAI itself."""
    api_key: str | None


def addresses_of(listed: str | None, key: SecretStr | None) -> tuple[Address, ...]:
    """One, or several, which are a pool. Raises EngineUnavailable where keys and URLs do not
    fit."""
    urls = urls_of(listed) or (None,)
    try:
        keys = keys_of(key, len(urls))
    except ValueError as error:
        raise EngineUnavailable(str(error)) from None
    return tuple(Address(url, key) for url, key in zip(urls, keys, strict=True))


@asynccontextmanager
async def open_pool(
    kind: str,
    addresses: Sequence[Address],
    opens: Callable[[Address], AbstractAsyncContextManager[T]],
    look: Callable[[T], Callable[[], Awaitable[None]]],
) -> AsyncIterator[Pool[T]]:
    """An engine at each address, for as long as the context lasts. Raises EngineUnavailable."""
    names = names_of([address.base_url or "" for address in addresses])
    async with AsyncExitStack() as stack:
        places = []
        for name, address in zip(names, addresses, strict=True):
            engine = await stack.enter_async_context(opens(address))
            places.append(Place(kind=kind, name=name, engine=engine, look=look(engine)))
        yield Pool(kind, places)


def names_of(urls: Sequence[str]) -> list[str]:
    """What people, logs and metrics call the servers: host and port, the path where it is not /v1,
    and the scheme where that alone tells two of them apart."""
    names = [_name(url) for url in urls]
    count = Counter(names)
    return [
        name if count[name] == 1 else f"{urlsplit(url).scheme}://{name}"
        for name, url in zip(names, urls, strict=True)
    ]


def _name(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return parts.netloc.rpartition("@")[2] + ("" if path == "/v1" else path)


def pools_of(engine: object) -> tuple[Pool[Any], ...]:
    """Those that an engine asks, if any."""
    return engine.pools if isinstance(engine, HasPools) else ()
