"""The places in the code that a window speaks of: whose source lines and files are worth reading.

Separate from the reading, which is the edge's: what matters is told by the samples alone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.model import ProbeSample, Window


def source_files(probe: Sequence[ProbeSample]) -> list[str]:
    """The files whose whole text matters: of containers that grow, and of crashes.

    Of these their frames', and those of the classes of what was None; None's come first.
    """
    groups = [group for sample in probe for group in sample.crashes.groups]
    keepers = probe[-1].keepers if probe else None
    groups.sort(key=lambda group: group.kind != "nil")
    found: dict[str, None] = dict.fromkeys(each.file for each in keepers.growing) if keepers else {}
    for group in groups:
        found.update((frame.file, None) for frame in group.frames)
        if group.used and group.used.owner:
            found[group.used.owner.file] = None
    return list(found)


def places(window: Window) -> list[tuple[str, int]]:
    """(file, line) of all frames seen, most often seen first."""
    counted: Counter[tuple[str, int]] = Counter()
    stacks = [thread.frames for sample in window.stacks for thread in sample.threads]
    # A thread that does not move keeps one tuple in all samples: hashing thousands of them anew would take seconds.
    alike = Counter(map(id, stacks))
    for frames in {id(each): each for each in stacks}.values():
        for frame in frames:
            counted[frame.file, frame.line] += alike[id(frames)]
    for profile in window.profile:
        for stack in profile.stacks:
            for frame in stack.frames:
                counted[frame.file, frame.line] += stack.count
    counted.update((frame.file, frame.line) for inside in window.probe for frame in inside.frames())
    return sorted(counted, key=counted.__getitem__, reverse=True)
