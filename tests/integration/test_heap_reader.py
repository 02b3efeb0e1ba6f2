"""Objects counted by type from outside, against what every interpreter says of itself."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.memory import TargetEndedError
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import background
from kdiag.sources.collector_reader import CollectorReader
from kdiag.sources.heap import HeapSource
from kdiag.sources.heap_reader import HeapReader, TornError
from kdiag.sources.tools import SourceError
from tests.support.interpreters import Interpreter, each_interpreter
from tests.support.targets import start_target

if TYPE_CHECKING:
    from kdiag.core.model import HeapCount

MANY = 10_000_000


def by_name(reader: HeapReader) -> Counter[str]:
    """All objects of all generations."""
    named: Counter[str] = Counter()
    for counted in reader.count(MANY):
        assert counted.complete
        for kind, count in counted.types.items():
            named[reader.name(kind)] += count
    return named


@each_interpreter()
def test_the_objects_are_those_that_the_interpreter_has(python: Interpreter) -> None:
    with start_target("_own_heap", python=python) as target:
        reader = HeapReader(target.pid)
        named, known = by_name(reader), reader.known()
        reader.close()
        survivors = CollectorReader(target.pid).survivors()
    assert (named["Marker"], named["Pair"]) == (target.facts["markers"], target.facts["pairs"])
    assert named.total() == pytest.approx(target.facts["objects"], rel=0.01)
    assert known > target.facts["pairs"] / 2
    assert "" not in named
    left = target.facts["survivors" if python.minor < (3, 14) else "objects"]
    assert survivors == pytest.approx(left, rel=0.02)


def counted(source: HeapSource) -> HeapCount:
    """The next count; one may fail while the lists are changed."""
    deadline = time.monotonic() + 80
    while time.monotonic() < deadline:
        found = source._count_when_due()
        source._count_at = 0.0
        if found is not None:
            return found
    raise TimeoutError("the objects could not be counted")


@each_interpreter(one_per_minor=True)
def test_a_target_that_changes_all_the_time_can_be_counted(python: Interpreter) -> None:
    with start_target("_own_heap", "churning", python=python) as target:
        source = HeapSource(HeapReader(target.pid), 10.0, REAL)
        counts = [counted(source) for _ in range(3)]
        young = [source.sample(background()).young for _ in range(5)]
        source.close()
    for count in counts:
        assert count.share is not None
        assert count.share > 0.5
        assert count.series == 0
        assert count.types["Pair"] == pytest.approx(target.facts["pairs"], rel=0.1)  # they stay,
        assert count.types["Marker"] == pytest.approx(target.facts["markers"], rel=0.4)  # these come and go
    seen = Counter({name: count for look in young for name, count in look.items()})
    assert "list" in seen or not seen  # where it is empty the collector had just been there


def test_of_a_large_heap_the_newest_part_is_counted() -> None:
    with start_target("_own_heap") as target:
        reader = HeapReader(target.pid)
        oldest = 2
        (whole,) = reader.count(MANY, (oldest,))
        (some,) = reader.count(1000, (oldest,))
        (again,) = reader.count(2000, (oldest,), {oldest: some.first})
        with pytest.raises(TornError):
            reader.count(MANY, (oldest,), {oldest: 0x1000})
        reader.close()
    assert (some.types.total(), some.complete) == (1000, False)
    assert again.types.total() == 999  # all that are younger
    assert not again.types - some.types
    assert whole.complete
    assert whole.types.total() > 1000


def test_a_target_that_ends_is_told() -> None:
    with start_target("_own_heap") as target:
        source = HeapSource(HeapReader(target.pid), 10.0, REAL)
        target.process.kill()
        target.process.wait()
        with pytest.raises(TargetEndedError):
            source.reader.known()
        with pytest.raises(SourceError) as error:
            source.sample(background())
    assert error.value.reference == "target-ended"


def test_a_process_without_an_interpreter_is_refused() -> None:
    with pytest.raises(KdiagError):
        HeapReader(2**22 - 1)
