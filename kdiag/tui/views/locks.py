"""Who waits for whom, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from kdiag.tui.present.locks import locks_page
from kdiag.tui.views.view import PageView
from kdiag.tui.widgets.choices import Choices

if TYPE_CHECKING:
    from collections.abc import Hashable

    from textual.app import ComposeResult

    from kdiag.engine.live import Picture
    from kdiag.tui.present.text import Page


class LocksView(PageView):
    """The circles, and below each one who lets others wait who waits for it."""

    name_, key = "Locks", "6"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "frames", "Frames", key_display="⏎")]

    def __init__(self) -> None:
        super().__init__()
        self._opened: frozenset[Hashable] = frozenset()

    def compose(self) -> ComposeResult:
        """The drawing, with a cursor."""
        yield Choices()

    def prepare(self, picture: Picture, width: int) -> Page:
        """The drawing of what the window's last look saw."""
        return locks_page(picture, width, self._opened)

    def action_frames(self) -> None:
        """All frames of the chosen one, or no more."""
        self.query_one(Choices).action_choose()

    def on_choices_chosen(self, event: Choices.Chosen) -> None:
        """The same."""
        self._opened ^= {event.key}
        self.post_message(self.Changed())
