"""A part of a window: a moment of a recording, or the last seconds of an observation that goes on."""

from __future__ import annotations

from dataclasses import replace

from kdiag.core.mentioned import places
from kdiag.core.model import Frame, ProcessSample, StackSample, ThreadSample, Window
from tests.support.windows import APP, scene


def stacks(at: float, *lines: int) -> StackSample:
    return StackSample(at, tuple(ThreadSample(n, n, "", (Frame(APP, line, "f"),)) for n, line in enumerate(lines)))


WINDOW = Window(
    scene().target, 10.0, 20.0, stacks=(stacks(11.0, 1), stacks(15.0, 2, 2), stacks(19.0, 3)),
    process=(ProcessSample(12.0, 1.0, 1, 1), ProcessSample(18.0, 2.0, 1, 1)),
)  # fmt: skip


def test_a_part_holds_what_lies_in_it_both_ends_included() -> None:
    part = WINDOW.between(15.0, 18.0)

    assert [sample.at for sample in part.stacks] == [15.0]
    assert [sample.at for sample in part.process] == [18.0]
    assert (part.started_at, part.ended_at, part.duration_s) == (15.0, 18.0, 3.0)


def test_a_part_is_never_longer_than_the_whole() -> None:
    assert WINDOW.between(0.0, 99.0) == WINDOW


def test_a_part_before_or_after_is_empty() -> None:
    assert WINDOW.between(1.0, 10.5).stacks == ()
    assert WINDOW.between(19.5, 30.0).process == ()


def test_the_places_that_are_seen_most_often_come_first() -> None:
    again = replace(WINDOW, stacks=(*WINDOW.stacks, WINDOW.stacks[-1]))  # one tuple of frames in two samples

    assert places(WINDOW)[0] == (APP, 2)
    assert sorted(places(again)[:2]) == [(APP, 2), (APP, 3)]
    assert places(again)[2] == (APP, 1)
