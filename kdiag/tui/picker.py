"""The list of Python processes to choose from: `kdiag` alone. Its result is the chosen PID.

An application of its own, since it shows no feed: it ends when a process is chosen, and the watch begins.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.message import Message
from textual.widgets import DataTable, Footer, Input, Static

from kdiag.engine.inventory import Living, Rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

_COLUMNS = ("PID", "LOOKS", "CPU%", "RSS", "THR", "UP", "PYTHON", "ACCESS", "COMMAND")
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
        Binding("pagedown", "move(10)", "Page down", show=False, priority=True),
        Binding("pageup", "move(-10)", "Page up", show=False, priority=True),
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
        yield DataTable(cursor_type="row", zebra_stripes=False)
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin to look."""
        table = self._table
        table.can_focus = False  # what is typed goes into the filter
        table.add_columns(*_COLUMNS)
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
    def _table(self) -> DataTable[str]:
        return self.query_one(DataTable)

    def on_picker_app_looked(self, message: Looked) -> None:
        """Show the latest numbers; the choice stays with its process."""
        self._living = message.living
        self._fill()

    def on_input_changed(self) -> None:
        """Show only what matches."""
        self._fill()

    def _fill(self) -> None:
        table, chosen = self._table, self._chosen
        wanted = self.query_one(Input).value.lower().split()
        rows = [cells(each) for each in self._living]
        shown = [row for row in rows if all(word in " ".join(row).lower() for word in wanted)]
        table.clear()
        for row in shown:
            table.add_row(*row, key=row[0])
        if chosen is not None and chosen in (row[0] for row in shown):
            table.move_cursor(row=table.get_row_index(chosen), animate=False)

    @property
    def _chosen(self) -> str | None:
        table = self._table
        if not table.row_count:
            return None
        return table.coordinate_to_cell_key(Coordinate(table.cursor_row, 0)).row_key.value

    def action_move(self, step: int) -> None:
        """Choose another one."""
        table = self._table
        table.move_cursor(row=max(0, min(table.row_count - 1, table.cursor_row + step)), animate=False)

    def on_data_table_row_selected(self) -> None:
        """A click on a row chooses it."""
        self.action_choose()

    def action_choose(self) -> None:
        """End with the chosen process."""
        chosen = self._chosen
        if chosen is None:
            self.notify("No process matches.")
        else:
            self.exit(int(chosen))

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


def cells(living: Living) -> tuple[str, ...]:
    """One row of the list."""
    pid, python, up, _, rss, threads, access, command = living.row.cells()
    looks = ", ".join(living.alarms) or "-"
    return pid, looks, f"{living.cpu_percent:.1f}", rss, threads, up, python, access, command
