"""A line to filter by: opened by a key, it narrows what a view shows while one types."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

if TYPE_CHECKING:
    from textual.widget import Widget


class Filter(Input):
    """Hidden until `open`. Whoever holds it hears of every change as of any input's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Show all", key_display="esc"),
        Binding("enter,down", "leave", "Back to the list", show=False),
    ]

    def __init__(self, placeholder: str, of: Widget) -> None:
        super().__init__(placeholder=placeholder, compact=True, select_on_focus=False)
        self.display = False
        self._of = of

    def open(self) -> None:
        """Show it, and type into it."""
        self.display = True
        self.focus()

    def action_clear(self) -> None:
        """Filter no more."""
        self.value = ""
        self.action_leave()

    def action_leave(self) -> None:
        """Go back to what is filtered; an empty line is no filter, and hides."""
        self.display = bool(self.value)
        self._of.focus()
