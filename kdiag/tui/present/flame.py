"""A flame graph of a picture: which stacks it is made of, where each box lies, and where the cursor goes.

Separate from the widget that draws it, because it is pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.text import Text

from kdiag.core.frames import Ownership, Tier
from kdiag.core.model import Frame, ProfiledStack
from kdiag.core.profile import Node, Profile, tree
from kdiag.core.report.layout import clean
from kdiag.core.report.quantity import quantity
from kdiag.core.report.stacks import place
from kdiag.core.seen_stacks import all_stacks, busy_stacks
from kdiag.tui.present.text import painted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kdiag.engine.live import Picture

Path = tuple[tuple[str, str], ...]  # the boxes from the outermost one on, each by its function and file
Direction = Literal["up", "down", "left", "right"]


@dataclass(frozen=True)
class Options:
    """What is to be seen.

    Attributes:
        waiting: also the time in which threads wait.
        by_thread: each thread on its own.
        whole: also what only starts and calls the service's code.
        search: what is looked for, in functions and files.
    """

    waiting: bool = False
    by_thread: bool = False
    whole: bool = False
    search: str = ""


@dataclass(frozen=True)
class Flame:
    """The graph.

    Attributes:
        summary: of what it is made.
        own: whether a box is the service's own code.
        matched: how many of the samples what is looked for was in.
    """

    root: Node
    summary: Text
    own: Callable[[Node], bool]
    search: str = ""
    matched: int = 0


class Cell(NamedTuple):
    """One box on the screen."""

    node: Node
    path: Path
    x: int
    width: int


def flame(picture: Picture, options: Options) -> Flame:
    """The graph of what was seen; without anything seen its root counts nothing."""
    window, ownership = picture.window, Ownership.of(picture.window)
    stacks, what = all_stacks(window) if options.waiting else busy_stacks(window)
    count = sum(stack.count for stack in stacks)
    root = tree(Profile(_folded(stacks, ownership, options)))
    matched = _matched(root, options.search)
    parts = [("strong", f"{what}, {_samples(count)}"), (None, ", by thread" if options.by_thread else "")]
    parts.append((None, "" if options.whole else ", from own code on"))
    if options.search:
        share = quantity(matched / root.count, "ratio") if root.count else "nothing"
        parts.append(("info", f"; “{options.search}” is in {share}"))
    return Flame(root, painted(*parts), lambda node: ownership.tier(_frame(node)) is Tier.OWN, options.search, matched)  # type: ignore[arg-type]


def _frame(node: Node) -> Frame:
    return Frame(node.file, node.line, node.function, node.native or not node.file)


def _samples(count: int) -> str:
    return f"{count:,} sample{'' if count == 1 else 's'}"


def _folded(stacks: Iterable[ProfiledStack], ownership: Ownership, options: Options) -> tuple[ProfiledStack, ...]:
    """The stacks with what of them is wanted, alike ones as one."""
    counts: Counter[tuple[int, str, tuple[Frame, ...]]] = Counter()
    for stack in stacks:
        frames = stack.frames if options.whole else _from_own(stack.frames, ownership)
        counts[(stack.thread_id, stack.thread, frames) if options.by_thread else (0, "", frames)] += stack.count
    return tuple(ProfiledStack(*key, count) for key, count in counts.items())


def _from_own(frames: tuple[Frame, ...], ownership: Ownership) -> tuple[Frame, ...]:
    """Without what called the outermost frame of own code; all of it where there is none."""
    for depth in range(len(frames) - 1, -1, -1):
        if ownership.tier(frames[depth]) is Tier.OWN:
            return frames[: depth + 1]
    return frames


def matches(node: Node, search: str) -> bool:
    """Whether a box holds what is looked for, in whatever case."""
    return bool(search) and search.casefold() in f"{node.function} {node.file}".casefold()


def _matched(root: Node, search: str) -> int:
    """The samples in matching boxes; those within others are not counted twice."""
    if not search:
        return 0
    count, left = 0, [root]
    while left:
        node = left.pop()
        if node is not root and matches(node, search):
            count += node.count
        else:
            left += node.children.values()
    return count


def found(root: Node, path: Path) -> tuple[Node, Path]:
    """The box of a path, or the innermost one that still is there."""
    node = root
    for depth, key in enumerate(path):
        child = node.children.get(key)
        if child is None:
            return node, path[:depth]
        node = child
    return node, path


def laid_out(root: Node, zoom: Path, width: int) -> list[list[Cell]]:
    """The boxes in rows from the zoomed one on; those too narrow for one column are left out."""
    node, path = found(root, zoom)
    rows, level = [], [Cell(node, path, 0, width)] if node.count else []
    while level:
        rows.append(level)
        level = [below for cell in level for below in _below(cell)]
    return rows


def _below(cell: Cell) -> Iterator[Cell]:
    before = 0
    for child in cell.node.ordered():
        start = cell.x + cell.width * before // cell.node.count
        before += child.count
        end = cell.x + cell.width * before // cell.node.count
        if end > start:
            yield Cell(child, (*cell.path, (child.function, child.file)), start, end - start)


def cell_of(rows: Sequence[Sequence[Cell]], path: Path) -> tuple[int, Cell] | None:
    """Where a path's box lies, or the innermost one around it that is drawn; None without any box."""
    if not rows:
        return None
    top = len(rows[0][0].path)
    for depth in range(min(len(path) - top, len(rows) - 1), 0, -1):
        cell = next((each for each in rows[depth] if each.path == path[: top + depth]), None)
        if cell is not None:
            return depth, cell
    return 0, rows[0][0]


def moved(rows: Sequence[Sequence[Cell]], path: Path, direction: Direction) -> Path:
    """The box beside, above or below: below the widest one, and beside also one of another parent."""
    at = cell_of(rows, path)
    if at is None:
        return path
    depth, cell = at
    if direction == "up":
        return cell.path[:-1] if depth else cell.path
    if direction == "down":
        inner = rows[depth + 1] if depth + 1 < len(rows) else []
        below = [each for each in inner if each.path[:-1] == cell.path]
        return max(below, key=lambda each: each.node.count).path if below else cell.path
    place_in_row = rows[depth].index(cell) + (1 if direction == "right" else -1)
    return rows[depth][max(0, min(place_in_row, len(rows[depth]) - 1))].path


def next_match(rows: Sequence[Sequence[Cell]], path: Path, search: str, step: int) -> Path:
    """The next box in the order of reading that matches; the same one where none does."""
    cells = [cell for row in rows for cell in row]
    at = cell_of(rows, path)
    if at is None:
        return path
    start = cells.index(at[1])
    ring = [cells[(start + step * n) % len(cells)] for n in range(1, len(cells) + 1)]
    return next((cell.path for cell in ring if matches(cell.node, search)), at[1].path)


def told(node: Node, root: Node) -> tuple[Text, Text]:
    """What there is to say of a box: what it is, and its share."""
    where = clean(place(node.file, node.line)) if node.file else ""
    share, own = (quantity(n / root.count, "ratio") if root.count else "0 %" for n in (node.count, node.self_count))
    numbers = f"{share} of {_samples(root.count)} ({node.count:,}), itself {own} ({node.self_count:,})"
    return painted(("strong", node.function), ("quiet", f"  {where}")), painted((None, numbers))
