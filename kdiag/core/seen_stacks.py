"""The stacks of a window, counted: those that ran, or those of all threads; what flame graphs are made of.

Separate from `busy`, which keeps them apart by time for statistics.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from kdiag.core.busy import busy
from kdiag.core.model import ProfiledStack

if TYPE_CHECKING:
    from kdiag.core.model import Window

Counted = tuple[list[ProfiledStack], str]


def busy_stacks(window: Window) -> Counted:
    """Who was on the CPU, and how that is known: by the profile of the GIL's holder, or by the looks at all threads."""
    profiled = [stack for sample in window.profile for stack in sample.stacks if stack.frames]
    if profiled:
        return profiled, "Who held the GIL"
    found = busy(window)
    stacks = [ProfiledStack(s.ident, s.thread, s.frames, s.count) for s in found.stacks()] if found else []
    return stacks, "Who was on a CPU"


def all_stacks(window: Window) -> Counted:
    """All threads of all looks; those that did not move have one tuple of frames in all of them."""
    counts: Counter[int] = Counter()
    first: dict[int, ProfiledStack] = {}
    for sample in window.stacks:
        for thread in sample.threads:
            if thread.frames:
                counts[number := id(thread.frames)] += 1
                if number not in first:
                    first[number] = ProfiledStack(thread.ident, thread.name, thread.frames, 0)
    return [
        replace(stack, count=counts[number]) for number, stack in first.items()
    ], "All threads, also while they wait"
