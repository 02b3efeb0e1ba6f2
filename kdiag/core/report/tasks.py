"""What `kdiag tasks` shows: asyncio's tasks as a tree, each below the one that awaits it, alike ones together.

Separate from `waits`, which groups by what is waited for: here every task is told, also those that wait for nobody.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from kdiag.core.report.layout import join_or_break, wrap
from kdiag.core.report.stacks import place
from kdiag.core.report.waits import circle_lines, frame_json, head_of, wait_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kdiag.core.model import ProbedTask
    from kdiag.core.report.style import Style
    from kdiag.core.report.waits import Waits

_AWAITS = frozenset({"task", "tasks"})
_STATES = {"running": "runs", "ready": "is about to run"}
_PROVEN = {
    "unheld": "nobody awaits or holds it",
    "endless": "only a cancellation ends this",
    "orphan": "orphan: nobody can end this, and nobody holds it",
}
_NAMES = 8
MOST_TASKS = 2000  # that are looked at


class Row(NamedTuple):
    """Tasks that are alike, how deep in the tree they stand, and whether they were told already."""

    depth: int
    tasks: Sequence[ProbedTask]
    again: bool


class Tree:
    """The tasks of the last look, and which of them awaits which."""

    def __init__(self, waits: Waits) -> None:
        self.waits = waits
        sample = waits.samples[-1]
        ordered = sorted(sample.tasks_seen, key=lambda task: (task.thread, len(task.name), task.name))
        self.tasks = {task.task: task for task in ordered}
        self._threads = {thread.ident: thread for thread in sample.threads}
        awaited = {task for each in self.tasks.values() for task in self.awaits(each)}
        self._roots = [task for key, task in self.tasks.items() if key not in awaited]

    def awaits(self, task: ProbedTask) -> list[int]:
        """The tasks that this one awaits, as far as they were looked at."""
        wait = task.wait
        return [key for key in wait.tasks if key in self.tasks] if wait and wait.kind in _AWAITS else []

    def rows(self) -> Iterator[Row]:
        """The tree from above; what several await is told once, and whoever await each other in a circle as well."""
        told: set[int] = set()
        for start in (self._roots, list(self.tasks.values())):
            yield from self._below([task for task in start if task.task not in told], 0, told)

    def _below(self, tasks: Sequence[ProbedTask], depth: int, told: set[int]) -> Iterator[Row]:
        alike: dict[tuple[Any, ...], list[ProbedTask]] = defaultdict(list)
        for task in tasks:
            alone = bool(self.awaits(task)) or task.task in told
            alike[(task.task,) if alone else (task.state, task.thread, task.frames, self.words(task))].append(task)
        for group in alike.values():
            again = group[0].task in told
            told.update(task.task for task in group)
            yield Row(depth, group, again)
            if not again:
                yield from self._below([self.tasks[key] for key in self.awaits(group[0])], depth + 1, told)

    def words(self, task: ProbedTask) -> str:
        """What a task does or waits for, and what is proven of it."""
        limited = task.wait is not None and task.wait.limited
        proven = None if limited and task.orphan == "endless" else task.orphan
        return self._does(task) + (f" ({_PROVEN[proven]})" if proven else "")

    def _does(self, task: ProbedTask) -> str:
        wait = task.wait
        if wait is None:
            thread = self._threads.get(task.thread)
            stands = thread.wait if thread and task.state == "running" else None
            behind = f", and its thread waits for {head_of(stands, self.waits)}" if stands else ""
            return _STATES.get(task.state, "waits") + behind
        if wait.kind == "sleep":
            return "sleeps"
        if wait.kind in _AWAITS:
            several = f"{len(wait.tasks)} tasks" if len(wait.tasks) > 1 else "a task" if wait.tasks else "other tasks"
            return f"waits for {wait.name or several}"
        if wait.kind == "future" and not (wait.owner or wait.workers or wait.tasks):
            return f"waits for {wait.name or 'a future'}"
        return f"waits for {head_of(wait, self.waits)}"


def render(tree: Tree, style: Style, width: int, *, stacks: bool) -> Iterator[str]:
    """Lines for people; with `stacks` every frame of the coroutines."""
    yield from summary(tree, style, width)
    for row in tree.rows():
        yield from row_lines(tree, row, style, width, stacks=stacks)


def matching(tree: Tree, rows: Sequence[Row], text: str) -> list[Row]:
    """The rows that have the text in what is shown of them, and those above them in the tree."""
    kept: list[Row] = []
    above = 0  # rows less deep than this lead to one that is kept
    for row in reversed(rows):
        if row.depth < above or _has(tree, row, text.lower()):
            kept.append(row)
            above = row.depth
    return kept[::-1]


def _has(tree: Tree, row: Row, text: str) -> bool:
    task = row.tasks[0]
    frames = (f"{place(frame.file, frame.line)} {frame.function}" for frame in task.frames)
    return any(text in each.lower() for each in (*(task.name for task in row.tasks), tree.words(task), *frames))


def summary(tree: Tree, style: Style, width: int) -> Iterator[str]:
    """How many there are and where, and the circles; with an empty line behind it if any are."""
    if not tree.tasks:
        yield from wrap("No task of asyncio's was seen.", width)
        return
    threads = {thread.ident: thread.name for thread in tree.waits.samples[-1].threads}
    loops = Counter(threads.get(task.thread, "") for task in tree.tasks.values())
    where = (
        f"{number:,} in the loop of {name}" if name else f"{number:,} in loops that do not run"
        for name, number in loops.most_common()
    )
    yield from wrap(f"{_how_many(tree)}: {', '.join(where)}.", width)
    yield from circle_lines(tree.waits, style, width)
    yield ""


def _how_many(tree: Tree) -> str:
    count, in_all = len(tree.tasks), tree.waits.samples[-1].tasks or 0
    said = f"{count:,} task{'' if count == 1 else 's'}"
    return f"{said} of about {in_all:,}" if in_all > MOST_TASKS else said


def row_lines(tree: Tree, row: Row, style: Style, width: int, *, stacks: bool) -> Iterator[str]:
    """Who it is and what for it waits, and where."""
    task, count, indent = row.tasks[0], len(row.tasks), "  " * row.depth
    more = f" and {count - _NAMES} more" if count > _NAMES else ""
    names = ", ".join(each.name for each in row.tasks[:_NAMES]) + more
    who = names if count == 1 else f"{count} tasks ({names})"
    if row.again:
        yield from wrap(f"{who}: see above", width, indent, indent + "    ")
        return
    for line in wrap(f"{who}: {tree.words(task)}", width, indent, indent + "    "):
        yield style.paint("strong", line)
    frame = tree.waits.frame(task)
    for each in task.frames if stacks else (frame,) if frame else ():
        for line in join_or_break((place(each.file, each.line), each.function), width, indent + "    "):
            yield style.paint("quiet", line)


def to_json(tree: Tree) -> dict[str, Any]:
    """The same as data; tasks are numbered, and `awaits` are the numbers of those that a task awaits."""
    sample = tree.waits.samples[-1]
    numbers = {key: number for number, key in enumerate(tree.tasks)}
    threads = {thread.ident: thread.name for thread in sample.threads}
    return {
        "schema": "kdiag.tasks/v1",
        "in_all": sample.tasks,
        "tasks": [
            {
                "number": numbers[key],
                "name": task.name,
                "loop": threads.get(task.thread),
                "state": task.state,
                "wait": wait_json(task, tree.waits) if task.wait else None,
                "awaits": [numbers[each] for each in tree.awaits(task)],
                "orphan": task.orphan,
                "frames": [frame_json(frame) for frame in task.frames],
            }
            for key, task in tree.tasks.items()
        ],
        "circles": tree.waits.circles_json(),
    }
