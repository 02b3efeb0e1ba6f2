"""How much memory there is, and what grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.tui.present.memory import memory_page
from kdiag.tui.views.view import PageView

if TYPE_CHECKING:
    from kdiag.engine.live import Picture
    from kdiag.tui.present.text import Page


class MemoryView(PageView):
    """Memory, objects, descriptors and threads over time."""

    name_, key = "Memory", "0"

    def prepare(self, picture: Picture, width: int) -> Page:
        """What the picture's window says."""
        return memory_page(picture, width)
