"""A view that is a table above and what there is to tell of the chosen row below, with a filter as one types.

Separate from the views, because threads, crashes and containers are looked at in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Static

from kdiag.tui.present.listing import Listing
from kdiag.tui.screens.page import PageScreen
from kdiag.tui.views.view import View
from kdiag.tui.widgets.filter import Filter
from kdiag.tui.widgets.lines import Lines
from kdiag.tui.widgets.table import Table

if TYPE_CHECKING:
    from textual.app import ComposeResult


class ListingView(View[Listing]):
    """The table, and below it the chosen row.

    Attributes:
        searched: what the filter looks at, in words.
        filter: what the rows have to hold.
    """

    searched: ClassVar[str]
    parts = Table.BINDINGS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "all", "Show all again", show=False),
        Binding("enter", "open", "All of it", show=False),
        Binding("c", "copy", "Copy"),
        Binding("J,shift+down", "scroll_below(1)", "Scroll what is below", show=False),
        Binding("K,shift+up", "scroll_below(-1)", "Scroll what is below back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.filter = ""
        self._shown: Listing | None = None

    def compose(self) -> ComposeResult:
        """The parts, from top to bottom."""
        table = Table()
        yield Static(classes="summary")
        yield table
        yield Filter(self.searched, table)
        yield Lines()

    def on_mount(self) -> None:
        """Keys go to the table alone; the mouse scrolls what is below, too."""
        self.query_one(Lines).can_focus = False

    def draw(self, shown: Listing) -> None:
        """Put it up; the cursor stays where it is."""
        self._shown = shown
        self.query_one(".summary", Static).update(shown.summary)
        table = self.query_one(Table)
        table.show(shown.table)
        table.set_class(not shown.table.rows, "-empty")  # and it keeps the keys
        if shown.chosen is not None:
            table.choose(shown.chosen)
        self._tell()

    def on_table_moved(self) -> None:
        """Tell of another row."""
        self.query_one(Lines).scroll_home(animate=False)
        self._tell()

    def on_table_opened(self) -> None:
        """Somebody wants to see all of it."""
        self.action_open()

    def on_resize(self) -> None:
        """What is below is wrapped anew."""
        self._tell()

    def on_input_changed(self, event: Filter.Changed) -> None:
        """Filter as one types."""
        self.filter = event.value.strip()
        self.post_message(self.Changed())

    def action_filter(self) -> None:
        """Type what the rows have to hold."""
        self.query_one(Filter).open()

    def action_all(self) -> None:
        """Filter no more."""
        self.query_one(Filter).action_clear()

    def action_open(self) -> None:
        """All of the chosen row, on a screen of its own."""
        shown, row = self._shown, self.query_one(Table).chosen
        if shown is not None and row is not None:
            told = shown.page or shown.below
            self.app.push_screen(PageScreen(lambda width: told(row, width)))

    def action_copy(self) -> None:
        """Put what is below into the terminal's clipboard."""
        self.app.copy_to_clipboard(self.query_one(Lines).plain)
        self.notify("It is in the clipboard, if your terminal allows it (OSC 52).")

    def action_scroll_below(self, step: int) -> None:
        """Scroll without leaving the table."""
        self.query_one(Lines).scroll_relative(y=step, animate=False)

    def _tell(self) -> None:
        shown = self._shown
        if shown is None:
            return
        row, lines = self.query_one(Table).chosen, self.query_one(Lines)
        lines.show(shown.below(row, max(self.size.width - 2, 20)) if row is not None else shown.nothing)
