"""A flame graph of blocks, the root at the top: a cursor moves from box to box and stays at its box while they change.

A box is told by the mark at its left edge and own code by bold letters, so that neither needs colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kdiag.core.frames import last_name
from kdiag.core.report.layout import cells, clean, pad
from kdiag.tui.present.flame import Cell, Flame, Path, cell_of, found, laid_out, matches, moved, next_match
from kdiag.tui.present.table import clipped

if TYPE_CHECKING:
    from textual import events

    from kdiag.tui.present.flame import Direction

_EDGE = "▏"
_MATCH = "*"


class FlameGraph(ScrollView, can_focus=True):
    """The boxes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"flame--own", "flame--other", "flame--match", "flame--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move('up')", "To the caller", show=False),
        Binding("down,j", "move('down')", "To what it calls", show=False),
        Binding("left,h", "move('left')", "To the box beside", show=False),
        Binding("right", "move('right')", "To the box beside", show=False),
        Binding("enter", "zoom", "Zoom in"),
        Binding("backspace,escape", "out", "Zoom out", key_display="esc"),
        Binding("n", "match(1)", "Next match", show=False),
        Binding("N", "match(-1)", "Match before", show=False),
    ]

    class Moved(Message):
        """The cursor is at another box, or its numbers are others."""

    class Emptied(Message):
        """Somebody zooms out where nothing is zoomed."""

    def __init__(self) -> None:
        super().__init__()
        self._flame: Flame | None = None
        self._rows: list[list[Cell]] = []
        self._path: Path = ()
        self._zoom: Path = ()

    @property
    def cursor(self) -> Cell | None:
        """The box at the cursor."""
        at = cell_of(self._rows, self._path)
        return at[1] if at else None

    @property
    def zoomed(self) -> Path:
        """The box that takes the whole width."""
        return found(self._flame.root, self._zoom)[1] if self._flame else ()

    @property
    def plain(self) -> str:
        """What it shows, for tests."""
        return "\n".join("".join(text for text, *_ in self._line(number)) for number in range(len(self._rows)))

    def show(self, flame: Flame) -> None:
        """Put up another graph; the cursor and the zoom stay at what they are about."""
        self._flame = flame
        self._lay_out()

    def on_resize(self) -> None:
        """The boxes have the width that there is."""
        self._lay_out()

    def _lay_out(self) -> None:
        if self._flame is not None:
            self._rows = laid_out(self._flame.root, self._zoom, self.scrollable_content_region.width)
            self.virtual_size = Size(1, len(self._rows))
            self.refresh()
            self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        """One row of boxes."""
        number = y + self.scroll_offset.y
        if number >= len(self._rows):
            return Strip.blank(self.size.width, self.rich_style)
        return Strip(self._line(number)).adjust_cell_length(self.size.width, self.rich_style)

    def _line(self, number: int) -> list[Segment]:
        segments, x, cursor = [], 0, self.cursor
        for cell in self._rows[number]:
            if cell.x > x:
                segments.append(Segment(" " * (cell.x - x), self.rich_style))
            segments.append(self._box(cell, at_cursor=cursor is not None and cell.path == cursor.path))
            x = cell.x + cell.width
        return segments

    def _box(self, cell: Cell, *, at_cursor: bool) -> Segment:
        flame, node = self._flame, cell.node
        matched = flame is not None and matches(node, flame.search)
        own = flame is not None and flame.own(node)
        kind = "cursor" if at_cursor else "match" if matched else "own" if own else "other"
        style = self.get_component_rich_style(f"flame--{kind}")
        edge = "▸" if at_cursor else _EDGE
        name, room = clean(node.function), cell.width - 1 - len(_MATCH if matched else "")
        name = name if cells(name) <= room else last_name(name)  # of a class's many methods, each begins alike
        text = edge + pad(clipped(f"{_MATCH if matched else ''}{name}", cell.width - 1), cell.width - 1)
        return Segment(text, style + Style(bold=True) if own else style)

    def on_click(self, event: events.Click) -> None:
        """Go to the box under the mouse; a second click zooms in."""
        number = event.y + self.scroll_offset.y
        row = self._rows[number] if number < len(self._rows) else []
        cell = next((each for each in row if each.x <= event.x < each.x + each.width), None)
        if cell is not None:
            self._go(cell.path)
            if event.chain > 1:
                self.action_zoom()

    def action_move(self, direction: Direction) -> None:
        """To the box beside, above or below."""
        self._go(moved(self._rows, self._path, direction))

    def action_match(self, step: int) -> None:
        """To the next box that holds what is looked for."""
        if self._flame is not None:
            self._go(next_match(self._rows, self._path, self._flame.search, step))

    def action_zoom(self) -> None:
        """Give the box at the cursor the whole width."""
        if self.cursor is not None:
            self._zoom = self.cursor.path
            self._lay_out()
            self.scroll_home(animate=False)

    def action_out(self) -> None:
        """Give its caller the whole width again."""
        if not self.zoomed:
            self.post_message(self.Emptied())
            return
        self._zoom = self.zoomed[:-1]
        self._lay_out()
        self._keep_in_sight()

    def _go(self, path: Path) -> None:
        self._path = path
        self._keep_in_sight()
        self.refresh()
        self.post_message(self.Moved())

    def _keep_in_sight(self) -> None:
        at = cell_of(self._rows, self._path)
        height, top = max(1, self.size.height), self.scroll_offset.y
        if at is not None and not top <= at[0] < top + height:
            self.scroll_to(y=at[0] if at[0] < top else at[0] - height + 1, animate=False)
