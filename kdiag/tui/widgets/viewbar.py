"""The names of all views in one line, the open one marked; a click opens another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events


_FORMS = (" ", "  "), ("", " ")  # what is between a key and its name, and between two names


class ViewBar(Widget):
    """One line: "1 Findings  2 Threads …", closer where it is narrow; where it is narrower still without the keys."""

    open: reactive[int] = reactive(0)

    class Chosen(Message):
        """Somebody clicked on the name of a view."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._names = names
        self._ends: list[int] = []

    def render(self) -> Text:
        """The names with their keys where there is room."""
        form = next((each for each in _FORMS if self._length(*each) <= self.size.width), None)
        text, self._ends = Text(no_wrap=True), []
        for number, (key, name) in enumerate(self._names):
            if form:
                text.append(f"{key}{form[0]}", "dim")
            text.append(name, "bold reverse" if number == self.open else "")
            text.append(form[1] if form else " ")
            self._ends.append(text.cell_len)
        return text

    def _length(self, after_key: str, gap: str) -> int:
        return len(gap.join(f"{key}{after_key}{name}" for key, name in self._names))

    def on_click(self, event: events.Click) -> None:
        """Find the name under the mouse."""
        at = event.get_content_offset(self)
        if at is not None:
            number = next((n for n, end in enumerate(self._ends) if at.x < end), None)
            if number is not None:
                self.post_message(self.Chosen(number))
