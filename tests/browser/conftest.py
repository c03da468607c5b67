"""A server for the tests of a file: it takes seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.browser import Served, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving() as served:
        yield served
