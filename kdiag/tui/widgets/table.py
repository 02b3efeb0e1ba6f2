"""Rows with a cursor that stays at what it is about, however the rows change; only lines that changed are drawn anew.

It is our own because Textual's tables know a row by its place and measure all of them whenever one changes: too dear
for thousands of rows ten times a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kdiag.tui.present.table import Row, Rows, head, line, place_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from textual import events

_HEAD = 1  # line, which does not scroll


class Table(ScrollView, can_focus=True):
    """The rows, below their head."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--cursor", "table--unfocused"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "A page up", show=False),
        Binding("pagedown", "page(1)", "A page down", show=False),
        Binding("home", "edge(0)", "To the first", show=False),
        Binding("end", "edge(1)", "To the last", show=False),
        Binding("enter", "open", "Open", show=False),
    ]

    class Moved(Message):
        """Somebody moved the cursor to another row."""

    class Opened(Message):
        """Somebody wants to see all of the row at the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows()
        self._at = 0
        self._most = 0  # rows that there were: the table does not shrink, so that what is below stands still

    @property
    def chosen(self) -> Row | None:
        """The row at the cursor."""
        return self._rows.rows[self._at] if self._at < len(self._rows.rows) else None

    @property
    def plain(self) -> str:
        """What it shows, for tests: the row at the cursor marked."""
        rows = (f"{_mark(n == self._at)}{line(self._rows.columns, row).plain}" for n, row in self._numbered())
        return "\n".join([f"  {head(self._rows.columns).plain}", *rows])

    def show(self, rows: Rows) -> None:
        """Put up other rows; the cursor stays at what it is about."""
        chosen, at, before, self._rows = self.chosen, self._at, self._rows, rows
        self._at = place_of(rows.rows, chosen, at)
        if len(rows.rows) != len(before.rows) or rows.columns != before.columns:
            self._most = max(self._most, len(rows.rows))
            self.virtual_size = Size(1, len(rows.rows) + _HEAD)
            self.refresh()
            self.call_after_refresh(self._keep_in_sight)
        else:
            for number in self._seen():
                if (number == at) != (number == self._at) or rows.rows[number] != before.rows[number]:
                    self._draw(number)
        if at != self._at:
            self._keep_in_sight()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """As many lines as there were rows at most."""
        return self._most + _HEAD

    def choose(self, key: Hashable) -> None:
        """Put the cursor at the row of this key, or that is also known by it."""
        for number, row in self._numbered():
            if row.key == key or key in row.also:
                self._put(number)
                return

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        number = self.scroll_offset.y + y - _HEAD
        mark = Style()
        if y < _HEAD:
            text = head(self._rows.columns)
        elif number < len(self._rows.rows):
            text, mark = line(self._rows.columns, self._rows.rows[number]), self._shade(number)
        else:
            return Strip.blank(self.size.width, self.rich_style)
        text = Text(_mark(y >= _HEAD and number == self._at), no_wrap=True).append_text(text)
        strip = Strip(segment for segment in text.render(self.app.console) if segment != Segment.line())
        strip = strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)
        return Strip([Segment(text, (style or Style()) + mark, control) for text, style, control in strip])

    def on_focus(self) -> None:
        """The cursor is seen better where the keys go."""
        self._draw(self._at)

    def on_blur(self) -> None:
        """And less where they do not."""
        self._draw(self._at)

    def on_click(self, event: events.Click) -> None:
        """Go to the row under the mouse; a second click opens it."""
        number = self.scroll_offset.y + event.y - _HEAD
        if event.y >= _HEAD and number < len(self._rows.rows):
            self._go(number)
            if event.chain > 1:
                self.action_open()

    def action_move(self, step: int) -> None:
        """To a row near by."""
        self._go(self._at + step)

    def action_page(self, step: int) -> None:
        """To a row a screen away."""
        self._go(self._at + step * max(1, self.size.height - _HEAD - 1))

    def action_edge(self, last: int) -> None:
        """To the first or the last row."""
        self._go(len(self._rows.rows) - 1 if last else 0)

    def action_open(self) -> None:
        """Ask for all of the row."""
        if self.chosen is not None:
            self.post_message(self.Opened())

    def _go(self, number: int) -> None:
        if self._put(max(0, min(number, len(self._rows.rows) - 1))):
            self.post_message(self.Moved())

    def _put(self, number: int) -> bool:
        before, self._at = self._at, number
        if before == number:
            return False
        self._draw(before)
        self._draw(number)
        self._keep_in_sight()
        return True

    def _keep_in_sight(self) -> None:
        height, top = max(1, self.size.height - _HEAD), self.scroll_offset.y
        if not top <= self._at < top + height:
            self.scroll_to(y=self._at if self._at < top else self._at - height + 1, animate=False)

    def _seen(self) -> range:
        top = self.scroll_offset.y
        return range(min(top, len(self._rows.rows)), min(top + self.size.height, len(self._rows.rows)))

    def _draw(self, number: int) -> None:
        self.refresh_line(number + _HEAD)

    def _shade(self, number: int) -> Style:
        if number != self._at:
            return Style()
        return self.get_component_rich_style("table--cursor" if self.has_focus else "table--unfocused", partial=True)

    def _numbered(self) -> enumerate[Row]:
        return enumerate(self._rows.rows)


def _mark(chosen: bool) -> str:
    """What tells the cursor where there are no colours."""
    return "▸ " if chosen else "  "
