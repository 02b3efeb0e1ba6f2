"""What stands behind the findings: vital signs over time, flame graphs, the stacks of all threads, what was looked at.

Each is bounded: a page of a process with thousands of threads is still opened in a moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.model import ProfiledStack
from kdiag.core.profile import Profile
from kdiag.core.report import flamegraph
from kdiag.core.report.html.charts import signs
from kdiag.core.report.html.markup import element, listed, text
from kdiag.core.report.observed import observed
from kdiag.core.report.stacks import group_lines
from kdiag.core.report.style import PLAIN
from kdiag.core.seen_stacks import all_stacks, busy_stacks
from kdiag.core.vitals import over_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Report, Window

_BOXES = 1200  # of a flame graph: about 450 bytes each
_THREADS = 32  # with more a flame graph is of all of them together
_GROUPS, _LINES = 200, 3000  # of stacks, and lines in all of them
_STACK_WIDTH = 120


def appendix(report: Report) -> Iterator[str]:
    """All of it for one process."""
    if report.vitals:
        yield "<section><h3>Vital signs</h3>"
        yield from signs(report.vitals, over_time(report.window) if report.window else {})
        yield "</section>"
    if report.window:
        yield from _flames(report.window)
    yield from _stacks(report)
    yield "<section><h3>What was looked at</h3><dl>"
    for label, words in observed(report):
        if words and label != "vitals":
            yield f"{element('dt', label)}{element('dd', words)}"
    yield "</dl></section>"
    if report.undecided:
        yield "<section><h3>What could not be told</h3>"
        told = (f"{one.verdict}: {one.reason} {one.hint}".rstrip() for one in report.undecided)
        yield from listed(map(text, told))
        yield "</section>"
    if report.observation.limitations:
        yield "<section><h3>What could not be seen</h3>"
        unseen = (f"{one.message} {one.hint}".rstrip() for one in report.observation.limitations)
        yield from listed(map(text, unseen))
        yield "</section>"


def _flames(window: Window) -> Iterator[str]:
    graphs = [(stacks, title) for stacks, title in (busy_stacks(window), all_stacks(window)) if stacks]
    if not graphs:
        return
    yield "<section><h3>Where the time went</h3>"
    yield '<p class="quiet">Orange: own code, blue: libraries, green: native. Click a box or press Enter to zoom, '
    yield "Escape to see all; the arrow keys walk, / searches.</p>"
    for stacks, title in graphs:
        profile = Profile(
            tuple(stacks if len({each.thread_id for each in stacks}) <= _THREADS else map(_merged, stacks))
        )
        told = f"{title}, {profile.total:,} sample{'' if profile.total == 1 else 's'}"
        yield f'<figure class="flames"><figcaption>{text(told)}</figcaption>'
        yield '<p class="tools"><label>Search <input type="search" autocomplete="off" spellcheck="false"></label> '
        yield "<output></output></p>"
        yield from flamegraph.embedded(profile, title, _BOXES)
        yield "</figure>"
    yield "</section>"


def _merged(stack: ProfiledStack) -> ProfiledStack:
    return ProfiledStack(0, "", stack.frames, stack.count)


def _stacks(report: Report) -> Iterator[str]:
    """The groups, as far as there is room, and how many threads are in those that are left out."""
    if not report.stacks:
        return
    threads = sum(len(group.threads) for group in report.stacks)
    yield '<section class="threads"><h3>Threads</h3>'
    yield f'<p class="tools">{threads:,} in {len(report.stacks):,} stacks. <label>Show those with '
    yield '<input type="search" autocomplete="off" spellcheck="false"></label></p>'
    lines = shown = 0
    for group in report.stacks[:_GROUPS]:
        head, *frames = group_lines(group, report.lines, PLAIN, _STACK_WIDTH)
        lines += len(frames)
        if lines > _LINES and shown:
            break
        shown += 1
        opened = " open" if shown == 1 else ""
        yield f"<details{opened}>{element('summary', head)}"
        yield '<pre tabindex="0">' + "\n".join(map(text, frames)) + "</pre></details>"
    hidden = sum(len(group.threads) for group in report.stacks[shown:])
    if hidden:
        yield f'<p class="quiet">{hidden:,} more threads in {len(report.stacks) - shown:,} other stacks: as JSON '
        yield "(<code>--format json</code>) all of them are written.</p>"
    yield "</section>"
