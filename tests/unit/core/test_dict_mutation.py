"""dict-mutation: what each conflict is worth, whom it names, and what is said of a writer that was not seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core.detectors import dict_mutation
from kdiag.core.model import ConflictKind, ConflictSide, MapAccount, MapConflict, Window
from tests.support.inside import with_probe
from tests.support.windows import app, found, scene

LOOP = ConflictSide("scraper", 2, 1.0, (app(7, "scrape"), app(20, "main")))
WRITE = ConflictSide("request-1", 3, 1.0, (app(9, "observe"),))
OTHER = ConflictSide("request-2", 4, 1.0, (app(11, "forget"),))
BROKEN = MapConflict("changed-while-iterated", 1, "shop.SERIES", "dict", 1, 0.0, 1.0, LOOP, WRITE, None, seen=True)


def window(conflict: MapConflict, times: int, limits: tuple[str, ...] = ()) -> Window:
    """A window whose first samples each tell of the conflict once."""
    whole = with_probe(scene())
    told, nothing = MapAccount(conflicts=(conflict,), limits=limits), MapAccount(limits=limits)
    samples = [replace(each, maps=told if n < times else nothing) for n, each in enumerate(whole.probe)]
    return replace(whole, probe=tuple(samples))


@pytest.mark.parametrize(("times", "severity"), [(1, "info"), (2, "warning"), (3, "warning"), (10, "critical")])
def test_both_sides_are_named(times: int, severity: str) -> None:
    finding = found(dict_mutation.detect(window(BROKEN, times)))
    assert finding.severity == severity
    assert [(place.role, place.line, place.thread, place.object) for place in finding.places] == [
        ("iterates", 7, "scraper", "shop.SERIES"), ("writes", 9, "request-1", "shop.SERIES"),
    ]  # fmt: skip
    assert finding.culprit is not None
    assert finding.culprit.line == 7
    assert finding.confidence > 0.95
    assert "'request-1' writes at app.py:9" in finding.title


def test_a_writer_by_its_code_is_said_to_be_that() -> None:
    finding = found(dict_mutation.detect(window(replace(BROKEN, seen=False), 3, ("no-watchers",))))
    assert "has code that writes" in finding.title
    assert "the write itself was not seen: this Python has no way to watch a dict" in finding.summary
    assert finding.confidence == 0.8


def test_a_writer_that_nobody_saw() -> None:
    finding = found(dict_mutation.detect(window(replace(BROKEN, seen=False, writes=None), 3)))
    assert finding.title.endswith("the writer was not seen")
    assert "kdiag guard" in finding.summary


def test_a_loop_that_changes_its_own_dict_is_another_bug() -> None:
    assert dict_mutation.detect(window(replace(BROKEN, writes=replace(WRITE, ident=LOOP.ident)), 9)) is None


@pytest.mark.parametrize(("kind", "severity"), [("unlocked-writes", "info"), ("lost-update", "critical")])
def test_two_writers(kind: ConflictKind, severity: str) -> None:
    finding = found(dict_mutation.detect(window(replace(BROKEN, kind=kind, iterates=None, other=OTHER), 10)))
    assert finding.severity == severity
    assert [place.line for place in finding.places] == [9, 11]


def test_nothing_told_is_nothing_found() -> None:
    assert dict_mutation.detect(with_probe(scene())) is None
    assert dict_mutation.detect(scene()) is None
