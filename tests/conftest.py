"""What holds for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.memory import give_memory_back


@pytest.fixture(autouse=True, scope="module")
def _memory() -> Iterator[None]:
    """What the tests of a file have freed is not kept for those of the next."""
    yield
    give_memory_back()
