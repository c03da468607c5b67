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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs in real time is not traced for coverage: tracing makes code two to three times
    slower, and such tests run with the real engines' own time."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker("no_cover")
