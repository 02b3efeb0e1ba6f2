"""asyncio's tasks on the screen: the tree of `kdiag tasks`, filtered; from outside, what the loops' threads are in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from kdiag.core.frames import Ownership
from kdiag.core.loops import idles, loop_state, loop_tracks
from kdiag.core.model import ProbeSample, WaitsSample
from kdiag.core.report.layout import join_or_break, wrap
from kdiag.core.report.stacks import place
from kdiag.core.report.tasks import Tree, matching, row_lines, summary
from kdiag.core.report.waits import Waits
from kdiag.core.threads import tracks
from kdiag.tui.present.text import STYLE, Page, from_report, heading, needs_probe, painted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from kdiag.engine.live import Picture

_RECORDED = "A recording keeps only those tasks that wait for somebody, or that somebody waits for."
_MANY = 500  # tasks
_MOST_ROWS = 500  # more nobody reads, and they would make keys slow
_Look = TypeVar("_Look", WaitsSample, ProbeSample)
_LOOKS = 3  # at the stacks: a thread that ran meanwhile has no frames at each
_SEEN = "Tasks, and what each awaits, are seen from inside only."


def tasks_page(picture: Picture, width: int, *, stacks: bool, wanted: str) -> Page:
    """The tree of the last look; of tasks with `wanted` in what is shown of them, and those that await these."""
    page, window = Page(), picture.window
    recorded = picture.span_s is not None and bool(window.probe)
    if not picture.tasks and not recorded:
        page.add(_from_outside(picture, width))
        return page
    if picture.tasks:
        tree = Tree(Waits(window.target, _few(picture.tasks), window.lines))
    else:
        tree = Tree(Waits(window.target, _few(window.probe), window.lines))
    page.add(painted(("quiet", line)) for line in wrap(_RECORDED if recorded else "", width))
    page.add(from_report(summary(tree, STYLE, width)))
    rows = list(tree.rows())
    if wanted:
        rows = matching(tree, rows, wanted)
        page.add([painted(("quiet", f"{len(rows):,} lines of the tree with “{wanted}” in them"))] if rows else [])
        page.add([] if rows else [painted((None, f"No task has “{wanted}” in its name, its frames or its wait."))])
    for row in rows[:_MOST_ROWS]:
        page.add(from_report(row_lines(tree, row, STYLE, width, stacks=stacks)), row.tasks[0].task)
    if len(rows) > _MOST_ROWS:
        more = f"… and {len(rows) - _MOST_ROWS:,} more lines of the tree: / finds those that one looks for"
        page.add([painted(("strong", more))])
    return page


def _few(looks: tuple[_Look, ...]) -> tuple[_Look, ...]:
    """Of looks at very many tasks the first, the middle one and the last: those tell who stands still, and cheaply."""
    many = len(looks) > 3 and len(looks[-1].tasks_seen) > _MANY
    return (looks[0], looks[len(looks) // 2], looks[-1]) if many else looks


def _from_outside(picture: Picture, width: int) -> Iterator[Text]:
    """The threads that run a loop, and the callback that each is in."""
    yield from needs_probe(picture, _SEEN, width)
    loops = loop_tracks(tracks(replace(picture.window, stacks=picture.window.stacks[-_LOOKS:])))
    if not loops:
        yield painted((None, "No thread runs a loop of asyncio's, as far as its stack tells."))
        return
    yield heading("Loops, as the stacks of their threads show them")
    ownership = Ownership.of(picture.window)
    for track in loops:
        state = loop_state(track.frames)
        frame = ownership.culprit(state.callback) if state and state.callback else None
        does = "waits for events" if idles(track) else "is in a callback" if frame else "turns"
        yield from (painted(("strong", line)) for line in wrap(f"{track.name} {does}", width, "  "))
        if frame is not None:
            where = place(frame.file, frame.line), ownership.name(frame)
            yield from (painted((None, line)) for line in join_or_break(where, width, "    "))
