"""Lines on a whole screen, as they were when it was opened: to be read at leisure, and copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from kdiag.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.text import Text
    from textual.app import ComposeResult


class PageScreen(Screen[None]):
    """What `made` makes for a width."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,backspace", "close", "Back", key_display="esc"),
        Binding("c", "copy", "Copy"),
    ]

    def __init__(self, made: Callable[[int], list[Text]]) -> None:
        super().__init__()
        self._made = made

    def compose(self) -> ComposeResult:
        """The lines, and the keys."""
        yield Lines()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Put them up."""
        self.query_one(Lines).focus()

    def on_resize(self) -> None:
        """Wrap them for the width that there is."""
        self.show()

    def show(self) -> None:
        """Make them anew."""
        self.query_one(Lines).show(self._made(max(self.size.width - 2, 40)))

    def action_close(self) -> None:
        """Back to where one was."""
        self.dismiss(None)

    def action_copy(self) -> None:
        """Put them into the terminal's clipboard."""
        self.app.copy_to_clipboard(self.query_one(Lines).plain)
        self.notify("It is in the clipboard, if your terminal allows it (OSC 52).")
