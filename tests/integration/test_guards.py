"""Guarded types on bare interpreters of every version: what they flag, and CPython's own tests of what they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bare import SCENES, play
from tests.support.interpreters import each_interpreter

if TYPE_CHECKING:
    from tests.support.interpreters import Interpreter

# What CPython asks of the built-in type alone; docs/guards.md has the reasons.
DOES_NOT_APPLY: dict[str, set[str]] = {
    "dict": {"test_merge_and_mutate", "test_track_dynamic", "test_container_iterator"},
    "set": {
        "test_repr", "test_cyclical_repr", "test_do_not_rehash_dict_keys", "test_copy", "test_difference",
        "test_intersection", "test_symmetric_difference", "test_union",
    },
    "OrderedDict": {"test_repr", "test_repr_recursive", "test_sizeof_exact", "test_copying"},
}  # fmt: skip
AT_LEAST = {"dict": 100, "set": 600, "OrderedDict": 60}  # tests; fewer would mean that they were not found
GUIDE = Path(__file__).parents[2] / "docs" / "guards.md"


@pytest.mark.parametrize("base", DOES_NOT_APPLY)
@each_interpreter(one_per_minor=True)
def test_what_cpython_says_of_a_type_holds_for_its_guarded_twin(python: Interpreter, base: str) -> None:
    said = play(python, "guards_cpython", base, timeout=250)
    if "missing" in said:
        pytest.skip(
            f"{python.name}: {said['missing']} (Debian: libpython{python.version[0]}.{python.version[1]}-testsuite)"
        )
    failed = {name: why for name, why in said["failed"].items() if name.rpartition(".")[2] not in DOES_NOT_APPLY[base]}
    assert failed == {}
    assert said["ran"] > AT_LEAST[base]


@pytest.mark.parametrize("base", DOES_NOT_APPLY)
def test_the_guide_names_every_test_that_does_not_apply(base: str) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert [name for name in DOES_NOT_APPLY[base] if f"`{name}`" not in text] == []


@each_interpreter()
def test_each_kind_of_conflict_is_seen_and_named(python: Interpreter) -> None:
    said = play(python, "guards")
    found: list[dict[str, Any]] = said["found"]
    assert [(each["kind"], each["name"], each["type"]) for each in found] == [
        ("changed-while-iterated", "guards.SCRAPED", "dict"),
        ("unlocked-writes", "guards.BARE", "dict"),
        ("lost-update", "guards.COUNTERS", "dict"),
        ("changed-while-iterated", "healed", "dict"),
        ("changed-while-iterated", "guards.ELEMENTS", "set"),
        ("changed-while-iterated", "guards.ORDERED", "OrderedDict"),
    ]
    scraped, bare, lost, *_ = found
    assert line_of(scraped["iterates"]) == "    for _ in SCRAPED.items():"
    assert (scraped["iterates"]["thread"], scraped["writes"]["thread"]) == ("other", "MainThread")
    assert line_of(bare["writes"]) == line_of(bare["other"]) == "    BARE[number] = number"
    assert {bare["writes"]["thread"], bare["other"]["thread"]} == {"writer-0", "writer-1"}
    assert line_of(lost["reads"]) == '    value = COUNTERS["n"]'
    assert line_of(lost["writes"]) == '    COUNTERS["n"] = value + 1'
    assert said["raised"] == 3  # what is reported comes about, but for the one that is healed
    assert said["later"] == 0
    assert (said["counters"], said["counters_type"]) == ({"n": 1}, "dict")
    assert said["copies"] == ["GuardedMap", "GuardedSet", "GuardedOrderedDict"]


def line_of(side: dict[str, Any]) -> str:
    """The line that a side's innermost place is."""
    _, line, _ = side["frames"][0]
    lines = (SCENES / "guards.py").read_text(encoding="utf-8").splitlines()
    return lines[int(line) - 1]
