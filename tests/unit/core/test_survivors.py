"""What collections leave alive, and when that is worth freezing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kdiag.core.detectors import gc_pressure
from kdiag.core.survivors import survivors
from tests.support.inside import account, with_probe
from tests.support.windows import app, computing, found, scene

if TYPE_CHECKING:
    from kdiag.core.model import Window

BUSY = scene(computing("MainThread", app(7, "serve")), collecting=lambda _: 60)


def with_heap(old: int | None, freed: int, full: int = 20) -> Window:
    """A window in which so many full collections freed so much, and left so much alive."""
    last = len(BUSY.collector) - 1
    samples = tuple(
        replace(
            sample, collections=(100, 10, full * number // last), collected=(50, 5, freed * number // last),
            survivors=old,
        )
        for number, sample in enumerate(BUSY.collector)
    )  # fmt: skip
    return replace(BUSY, collector=samples)


@pytest.mark.parametrize(
    ("old", "freed", "full", "freezable"),
    [
        (600_000, 100, 20, True),
        (400_000, 100, 20, False),  # a heap of the usual size
        (600_000, 2_000_000, 20, False),  # it frees a sixth
        (600_000, 0, 0, False),  # there was none
        (None, 0, 20, False),
    ],
)
def test_what_full_collections_walk_over_in_vain(old: int | None, freed: int, full: int, freezable: bool) -> None:
    window = with_heap(old, freed, full)
    assert survivors(window).freezable == freezable
    finding = found(gc_pressure.detect(window))
    assert ("gc.freeze() would spare that" in finding.summary) == freezable
    assert ("gc.survivors" in {each.metric for each in finding.evidence}) == bool(old and full)


def test_how_much_of_the_young_is_freed() -> None:
    churns = with_probe(BUSY, collector=lambda _: replace(account(0.8), young=(700, 630)))
    finding = found(gc_pressure.detect(churns))
    assert "Of the youngest objects collections freed 90%; the others survived." in finding.summary
    assert {each.metric: each.value for each in finding.evidence}["gc.young_freed"] == pytest.approx(0.9)
    assert "youngest objects" not in found(gc_pressure.detect(BUSY)).summary
