"""What `make test` leaves out, and what it never does."""

from __future__ import annotations

import pytest

from support.breadth import left_out

TESTS = """
import pytest

@pytest.mark.few(3)
@pytest.mark.parametrize("a", [1, 2, 3])
@pytest.mark.parametrize("b", ["x", "y", "z"])
def test_alike(a, b): ...

@pytest.mark.few(3)
@pytest.mark.parametrize("a", [1, 2])
def test_two(a): ...

@pytest.mark.long
def test_long(): ...

def test_always(): ...
"""


def test_of_few_each_parameter_is_there_and_what_is_not_marked_always(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeini("[pytest]\nmarkers = few(n)\n    long")
    pytester.makepyfile(test_alike=TESTS)
    items, _ = pytester.inline_genitems()
    kept = [item.name for item in items if item not in left_out(items)]
    assert left_out(items) == left_out(items), "each time the same"
    alike = [name.removeprefix("test_alike[").rstrip("]") for name in kept if "alike" in name]
    assert {name.split("-")[0] for name in alike} == {"x", "y", "z"}
    assert {name.split("-")[1] for name in alike} == {"1", "2", "3"}
    assert len(alike) == 3
    assert [name for name in kept if "alike" not in name] == [
        "test_two[1]",
        "test_two[2]",
        "test_always",
    ]
