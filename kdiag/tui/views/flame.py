"""Where the time goes, as a flame graph of the last seconds that grows and shrinks while one looks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Static

from kdiag.tui.present.flame import Flame, Options, flame, told
from kdiag.tui.views.view import View
from kdiag.tui.widgets.filter import Filter
from kdiag.tui.widgets.flame import FlameGraph

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from kdiag.engine.live import Picture

_NOTHING = "Nothing computed in this time; w shows where threads wait, too."
_NO_STACKS = "No stack was seen."


class FlameView(View[Flame]):
    """The graph, and what there is to say of the box at the cursor."""

    name_, key = "Flame", "9"
    parts = FlameGraph.BINDINGS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "change('waiting')", "Waiting too"),
        Binding("t", "change('by_thread')", "By thread"),
        Binding("f", "change('whole')", "Full stacks"),
        Binding("slash", "search", "Search", key_display="/"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._options = Options()
        self._shown: Flame | None = None

    def compose(self) -> ComposeResult:
        """The parts, from top to bottom."""
        graph = FlameGraph()
        yield Static(classes="summary")
        yield graph
        yield Filter("function or file", graph)
        yield Static(classes="told")

    def prepare(self, picture: Picture, width: int) -> Flame:  # noqa: ARG002 - boxes are laid out where they are zoomed
        """The graph of the picture, as it is wanted now."""
        return flame(picture, self._options)

    def draw(self, shown: Flame) -> None:
        """Put it up; the cursor and the zoom stay."""
        self._shown = shown
        self.query_one(".summary", Static).update(shown.summary)
        self.query_one(FlameGraph).show(shown)

    def on_flame_graph_moved(self) -> None:
        """Tell of the box at the cursor."""
        cell, shown = self.query_one(FlameGraph).cursor, self._shown
        if shown is not None:
            nothing = Text(_NO_STACKS if self._options.waiting else _NOTHING)
            lines = told(cell.node, shown.root) if cell is not None else (nothing,)
            self.query_one(".told", Static).update(Text("\n").join(lines))

    def on_flame_graph_emptied(self) -> None:
        """Nothing is zoomed: search no more."""
        self.query_one(Filter).action_clear()

    def on_input_changed(self, event: Filter.Changed) -> None:
        """Search as one types."""
        self._options = replace(self._options, search=event.value.strip())
        self.post_message(self.Changed())

    def action_search(self) -> None:
        """Type what is looked for."""
        self.query_one(Filter).open()

    def action_change(self, name: str) -> None:
        """Show what was not shown, or no longer."""
        turned = {name: not getattr(self._options, name)}
        self._options = replace(self._options, **turned)  # type: ignore[arg-type]
        self.post_message(self.Changed())
