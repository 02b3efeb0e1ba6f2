"""Many lines of text in a scrolling window: only those on the screen are drawn, and what one looks at stays there."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from rich.text import Text
    from textual.geometry import Region


class Lines(ScrollView, can_focus=True):
    """Lines that are replaced as a whole; the position stays, or what is there, where the lines have keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("g", "scroll_home", "To the top", show=False),
        Binding("G", "scroll_end", "To the end", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._lines: Sequence[Text] = ()
        self._keys: Sequence[Hashable] = ()
        self._strips: dict[int, Strip] = {}
        self._style = Style()

    def show(self, lines: Sequence[Text], keys: Sequence[Hashable] = ()) -> None:
        """Put up other lines in place of those that are there.

        Args:
            lines: what to show.
            keys: what each line is about; whoever has scrolled keeps looking at the same, whatever comes above it.
        """
        if lines == self._lines:
            self._keys = keys
            return
        moved = self._moved(keys)
        self._lines, self._keys, self._strips = lines, keys, {}
        longest = max((line.cell_len for line in lines), default=0)
        self.virtual_size = Size(longest, len(lines))
        if moved:
            self.scroll_relative(y=moved, animate=False, immediate=True)
        self.refresh()

    def _moved(self, keys: Sequence[Hashable]) -> int:
        """By how many lines that has moved which stands at the top of the window; whoever is at the top stays there."""
        top = self.scroll_offset.y
        key = next((key for key in self._keys[top:] if key is not None), None) if top else None
        return keys.index(key) - self._keys.index(key) if key is not None and key in keys else 0

    @property
    def plain(self) -> str:
        """What it shows, without colours: to be copied, and for tests."""
        return "\n".join(line.plain for line in self._lines)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of the screen that are to be drawn; what they have in common is looked up once."""
        self._style = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One of them."""
        left, top = self.scroll_offset
        return self._strip(top + y).crop_extend(left, left + self.size.width, self._style).apply_style(self._style)

    def _strip(self, number: int) -> Strip:
        if number >= len(self._lines):
            return Strip.blank(self.size.width)
        strip = self._strips.get(number)
        if strip is None:
            segments = self._lines[number].render(self.app.console)
            strip = self._strips[number] = Strip(segment for segment in segments if segment != Segment.line())
        return strip
