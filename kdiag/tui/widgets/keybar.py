"""The keys that do something now, in one line; a click presses one.

Separate from Textual's footer, which looks the same but builds a widget for each key anew whenever the focus moves, and
lays out the whole screen for that: it was the largest part of the time from a key to the screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.text import Text
from textual.widget import Widget

if TYPE_CHECKING:
    from textual import events
    from textual.screen import Screen


class Key(NamedTuple):
    """One key: what to press, how it reads, what it does, and whether it may be pressed now."""

    key: str
    display: str
    does: str
    enabled: bool


class KeyBar(Widget):
    """One line: the keys from the left as far as they fit, and that of the palette at the right."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keybar--key"}

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[tuple[int, Key]] = []

    def on_mount(self) -> None:
        """Hear of every change."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: Screen[object]) -> None:
        if self.app.app_focus:
            self.refresh()

    def render(self) -> Text:
        """The keys as they are now."""
        keys, palette = self._keys()
        end = Text("▏", "dim", end="")
        last = self._told(palette) if palette is not None else Text()
        room = self.size.width - end.cell_len - last.cell_len
        line = Text(no_wrap=True, end="")
        self._ends = []
        for key in keys:
            told = self._told(key)
            if line.cell_len + told.cell_len > room:
                break
            self._ends.append((line.cell_len + told.cell_len, key))
            line.append_text(told).append(" ")
        if palette is not None:
            line.truncate(room, pad=True)
            self._ends.append((self.size.width, palette))
            line.append_text(end).append_text(last)
        return line

    def on_click(self, event: events.Click) -> None:
        """Press the key under the mouse."""
        at = event.get_content_offset(self)
        key = next((key for end, key in self._ends if at is not None and at.x < end), None)
        if key is not None and key.enabled:
            self.app.simulate_key(key.key)
        elif key is not None:
            self.app.bell()

    def _keys(self) -> tuple[list[Key], Key | None]:
        """Those to tell, one for each action, and the palette's."""
        keys: dict[str, Key] = {}
        palette = None
        for name, (_, binding, enabled, _) in self.screen.active_bindings.items():
            key = Key(binding.key, self.app.get_key_display(binding), binding.description, enabled)
            if name == self.app.COMMAND_PALETTE_BINDING:
                palette = key
            elif binding.show:
                keys.setdefault(binding.action, key)
        return list(keys.values()), palette

    def _told(self, key: Key) -> Text:
        told = Text(end="")
        told.append(key.display, self.get_component_rich_style("keybar--key", partial=True)).append(f" {key.does}")
        if not key.enabled:
            told.stylize("dim")
        return told
