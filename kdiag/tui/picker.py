"""The list of Python processes to choose from: `kdiag` alone. Its result is the chosen PID.

An application of its own, since it shows no feed: it ends when a process is chosen, and the watch begins.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Footer, Input, Static

from kdiag.engine.inventory import Living, Rounds
from kdiag.tui.present.processes import processes
from kdiag.tui.widgets.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

_EVERY_S = 2.0  # a round of looks,
_DUTY = 0.1  # or longer where it is dear


class PickerApp(App[int | None]):
    """Type to filter, choose with the arrows, enter opens."""

    TITLE = "kdiag"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_or_leave", "Quit", key_display="esc"),
        Binding("ctrl+c,ctrl+q", "leave", "Quit", show=False, priority=True),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("pagedown", "page(1)", "Page down", show=False, priority=True),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True),
        Binding("enter", "choose", "Watch it", priority=True),
    ]

    class Looked(Message):
        """A round is done."""

        def __init__(self, living: Sequence[Living]) -> None:
            super().__init__()
            self.living = living

    def __init__(self, rounds: Rounds | None = None) -> None:
        super().__init__()
        self._rounds = rounds or Rounds()
        self._living: Sequence[Living] = ()
        self._ends = False

    def compose(self) -> ComposeResult:
        """A line to filter by, and the list."""
        yield Static("Python processes: type to filter, enter watches one. The ones that look sick come first.")
        yield Input(placeholder="filter by PID, command, version or what it looks like", compact=True)
        yield Table()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin to look."""
        self._table.can_focus = False  # what is typed goes into the filter
        self.query_one(Input).focus()
        self.run_worker(self._look_on, thread=True)

    def on_unmount(self) -> None:
        """Look no more."""
        self._ends = True

    def _look_on(self) -> None:
        while not self._ends:
            began = time.perf_counter()
            self.post_message(self.Looked(self._rounds.look()))
            rest_s = max(_EVERY_S, (time.perf_counter() - began) / _DUTY)
            until = time.perf_counter() + rest_s
            while not self._ends and time.perf_counter() < until:
                time.sleep(0.05)

    @property
    def _table(self) -> Table:
        return self.query_one(Table)

    def on_picker_app_looked(self, message: Looked) -> None:
        """Show the latest numbers; the choice stays with its process."""
        self._living = message.living
        self._fill()

    def on_input_changed(self) -> None:
        """Show only what matches."""
        self._fill()

    def on_resize(self) -> None:
        """Another width has room for other columns; Textual takes note of it only after this."""
        self.call_later(self._fill)

    def _fill(self) -> None:
        room = self.size.width - 2 - 1  # but for the cursor's mark and the scroll bar
        self._table.show(processes(self._living, room, self.query_one(Input).value))

    def action_move(self, step: int) -> None:
        """Choose another one."""
        self._table.action_move(step)

    def action_page(self, step: int) -> None:
        """Choose one a screen away."""
        self._table.action_page(step)

    def on_table_opened(self) -> None:
        """A second click on a row chooses it."""
        self.action_choose()

    def action_choose(self) -> None:
        """End with the chosen process."""
        chosen = self._table.chosen
        if chosen is None:
            self.notify("No process matches.")
        else:
            self.exit(int(str(chosen.key)))

    def action_clear_or_leave(self) -> None:
        """Drop the filter; without one, end without a choice."""
        line = self.query_one(Input)
        if line.value:
            line.value = ""
        else:
            self.exit(None)

    def action_leave(self) -> None:
        """End without a choice."""
        self.exit(None)
