"""Where in a recording one is: a line with a mark; a click goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

if TYPE_CHECKING:
    from textual import events


class TimeLine(Widget):
    """One line, as wide as there is room; not there for a live target (`span_s` is 0)."""

    at: reactive[float] = reactive(0.0)
    span_s: reactive[float] = reactive(0.0)

    class Sought(Message):
        """Somebody wants to see another moment, in seconds from the start."""

        def __init__(self, at: float) -> None:
            super().__init__()
            self.at = at

    def watch_span_s(self, span_s: float) -> None:
        """Take no room for nothing."""
        self.display = span_s > 0

    def on_mount(self) -> None:
        """At first there is nothing."""
        self.display = self.span_s > 0

    def render(self) -> Text:
        """What is behind is drawn thick."""
        width = max(1, self.size.width - 1)
        done = round(width * self.at / self.span_s) if self.span_s else 0
        return Text.assemble(("━" * done, "bold cyan"), ("●", "bold"), ("─" * (width - done), "dim"), no_wrap=True)

    def on_click(self, event: events.Click) -> None:
        """Go to the moment under the mouse."""
        offset = event.get_content_offset(self)
        if offset is not None and self.span_s:
            self.post_message(self.Sought(self.span_s * offset.x / max(1, self.size.width - 1)))
