"""All pools: how full they are, what waits, and where those sit that work in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.tui.present.pools import pools_page
from kdiag.tui.views.view import PageView

if TYPE_CHECKING:
    from kdiag.engine.live import Picture
    from kdiag.tui.present.text import Page


class PoolsView(PageView):
    """The account of the pools."""

    name_, key = "Pools", "5"

    def prepare(self, picture: Picture, width: int) -> Page:
        """As they are now, and what changed in the window."""
        return pools_page(picture, width)
