"""Lines of which some can be chosen: a cursor that stays at what it is about, however the lines change."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message

from kdiag.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from rich.text import Text
    from textual import events
    from textual.strip import Strip

_CURSOR = Style(reverse=True)


class Choices(Lines):
    """Lines with keys; those of one key are chosen together. Before anybody moves the cursor there is none.

    Whoever holds it binds a key to `action_choose`: what that means is told in the footer.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
    ]

    class Chosen(Message):
        """Somebody chose what is at the cursor."""

        def __init__(self, key: Hashable) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__()
        self.cursor: Hashable = None

    def show(self, lines: Sequence[Text], keys: Sequence[Hashable] = ()) -> None:
        """Put up other lines; where what was at the cursor is gone, it goes to what has come in its place."""
        before = self._choices
        super().show(lines, keys)
        now = self._choices
        if self.cursor is not None and self.cursor not in now:
            place = before.index(self.cursor) if self.cursor in before else 0
            self.cursor = now[min(place, len(now) - 1)] if now else None

    def render_line(self, y: int) -> Strip:
        """The lines at the cursor reversed."""
        strip, number = super().render_line(y), self.scroll_offset.y + y
        at_cursor = self.cursor is not None and number < len(self._keys) and self._keys[number] == self.cursor
        return strip.apply_style(_CURSOR) if at_cursor else strip

    def action_move(self, step: int) -> None:
        """To the next one or the one before; the first time to the first in sight."""
        choices = self._choices
        if not choices:
            self.scroll_relative(y=step, animate=False)
        elif self.cursor is None:
            top = self.scroll_offset.y
            self._go(next((key for key in self._keys[top:] if key is not None), choices[-1]))
        else:
            self._go(choices[max(0, min(len(choices) - 1, choices.index(self.cursor) + step))])

    def action_choose(self) -> None:
        """Tell that it was chosen."""
        if self.cursor is not None:
            self.post_message(self.Chosen(self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Go to what is under the mouse; a second click chooses it."""
        number = self.scroll_offset.y + event.y
        if number < len(self._keys) and self._keys[number] is not None:
            self._go(self._keys[number])
            if event.chain > 1:
                self.action_choose()

    @property
    def _choices(self) -> list[Hashable]:
        return [key for key in dict.fromkeys(self._keys) if key is not None]

    def _go(self, key: Hashable) -> None:
        self.cursor = key
        numbers = [number for number, each in enumerate(self._keys) if each == key]
        if numbers[0] == next(n for n, each in enumerate(self._keys) if each is not None):
            numbers.insert(0, 0)  # what stands above the first one comes in sight with it
        self.scroll_to_region(Region(0, numbers[0], 1, numbers[-1] - numbers[0] + 1), animate=False)
        self.refresh()
