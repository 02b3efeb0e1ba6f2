"""asyncio's tasks as a tree, each below the one that awaits it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from kdiag.tui.present.tasks import tasks_page
from kdiag.tui.views.view import PageView
from kdiag.tui.widgets.filter import Filter
from kdiag.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from kdiag.engine.live import Picture
    from kdiag.tui.present.text import Page


class TasksView(PageView):
    """The await tree, all frames of it if wanted, filtered while one types."""

    name_, key = "Tasks", "3"
    extras = frozenset({"tasks"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "stacks", "Stacks"),
        Binding("slash", "filter", "Filter", key_display="/"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._stacks = False
        self._wanted = ""

    def compose(self) -> ComposeResult:
        """The lines, and the filter below them."""
        lines = Lines()
        yield lines
        yield Filter("name, file, function or what is waited for", lines)

    def prepare(self, picture: Picture, width: int) -> Page:
        """The tree of the picture's last look."""
        return tasks_page(picture, width, stacks=self._stacks, wanted=self._wanted)

    def on_input_changed(self, event: Filter.Changed) -> None:
        """Show less, or more again."""
        self._wanted = event.value.strip()
        self.post_message(self.Changed())

    def action_stacks(self) -> None:
        """All frames of the coroutines, or only where they wait."""
        self._stacks = not self._stacks
        self.post_message(self.Changed())

    def action_filter(self) -> None:
        """Type what is looked for."""
        self.query_one(Filter).open()
