"""What a report takes over from its window."""

from __future__ import annotations

from dataclasses import replace

from tests.support.feeds import picture
from tests.support.windows import app, moving, scene, stuck


def test_the_stacks_are_those_of_a_look_that_knows_them() -> None:
    ran = replace(moving("ran", app(1)), frames=lambda number: (app(1),) if number < 40 else ())
    report = picture(scene(ran, stuck("parked", app(2)))).report
    assert len(report.stacks) == 2
    assert all(group.frames for group in report.stacks)
