"""What the garbage collector does."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from kdiag.tui.present.collector import collector_page
from kdiag.tui.views.view import PageView

if TYPE_CHECKING:
    from kdiag.engine.live import Picture
    from kdiag.tui.present.text import Page


class CollectorView(PageView):
    """Its share, its pauses, who makes it work, and each collection."""

    name_, key = "GC", "4"
    extras = frozenset({"trace"})
    BINDINGS: ClassVar[list[BindingType]] = [Binding("t", "trace", "Trace alone")]

    def __init__(self) -> None:
        super().__init__()
        self._trace_only = False

    def prepare(self, picture: Picture, width: int) -> Page:
        """All of the picture's window."""
        return collector_page(picture, width, trace_only=self._trace_only)

    def action_trace(self) -> None:
        """Only the collections one by one, or all again."""
        self._trace_only = not self._trace_only
        self.post_message(self.Changed())
