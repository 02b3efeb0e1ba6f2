"""All threads, alike ones together or one by one, and the stack of the chosen one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from kdiag.tui.present.threads import ORDERS, Grouping, Options, threads
from kdiag.tui.views.listing import ListingView
from kdiag.tui.widgets.table import Table

if TYPE_CHECKING:
    from kdiag.engine.live import Picture
    from kdiag.tui.present.finding import Source
    from kdiag.tui.present.listing import Listing


class ThreadsView(ListingView):
    """The threads of the last look."""

    name_, key = "Threads", "2"
    searched = "name, function, file or state"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "group", "Group"),
        Binding("s", "sort", "Sort"),
        Binding("f", "follow", "Follow"),
    ]

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._options = Options()
        self._grouping = Grouping()

    def prepare(self, picture: Picture, width: int) -> Listing:
        """The threads, as they are to be shown now."""
        return threads(picture, width, replace(self._options, filter=self.filter), self._source, self._grouping)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Groups have an order of their own: the worst first."""
        return False if action == "sort" and self._options.grouped else super().check_action(action, parameters)

    def on_table_moved(self) -> None:
        """Whoever goes elsewhere follows nobody any more."""
        self._change(followed=None)
        super().on_table_moved()

    def action_group(self) -> None:
        """Alike ones together, or one row a thread."""
        self._change(grouped=not self._options.grouped)
        self.refresh_bindings()

    def action_sort(self) -> None:
        """By the next order."""
        self._change(order=ORDERS[(ORDERS.index(self._options.order) + 1) % len(ORDERS)])

    def action_follow(self) -> None:
        """Keep a thread chosen wherever it goes, the first of the chosen group; or no longer."""
        row = self.query_one(Table).chosen
        if self._options.followed is not None or row is None:
            self._change(followed=None)
        else:
            self._change(followed=row.also[0])

    def _change(self, **options: object) -> None:
        changed = replace(self._options, **options)  # type: ignore[arg-type]
        if changed != self._options:
            self._options = changed
            self.post_message(self.Changed())
