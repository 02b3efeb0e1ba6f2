"""Containers that are watched or fought over, and both sides of each conflict; more are watched by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from kdiag.tui.present.maps import containers
from kdiag.tui.screens.ask import Line
from kdiag.tui.views.listing import ListingView
from kdiag.tui.widgets.table import Table

if TYPE_CHECKING:
    from kdiag.engine.live import Picture
    from kdiag.tui.present.listing import Listing

_ASKED = "Watch which dict, set or deque? Its name in the running process, as module:NAME or module:Class.attribute."


class MapsView(ListingView):
    """What the probe told of containers."""

    name_, key = "Maps", "8"
    searched = "name or type"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "guard", "Watch"),
        Binding("s", "scan", "Search"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._reachable = self._told = False

    class Wanted(Message):
        """Somebody wants a container to be watched."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Scan(Message):
        """Somebody wants all containers to be looked at, or no longer."""

    def prepare(self, picture: Picture, width: int) -> Listing:
        """The containers, as they are to be shown now."""
        self._reachable = picture.inside and picture.span_s is None
        return containers(picture, width, self.filter)

    def draw(self, shown: Listing) -> None:
        """Put them up, and tell the keys that do something."""
        super().draw(shown)
        if self._reachable != self._told:
            self._told = self._reachable
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where no probe is, none can be watched."""
        return self._reachable if action in {"guard", "scan"} else super().check_action(action, parameters)

    def action_guard(self) -> None:
        """Ask for a name; a suspect's own stands there already."""
        row = self.query_one(Table).chosen
        name = row.key if row is not None and isinstance(row.key, str) else ""
        self.app.push_screen(Line(_ASKED, name, "shop.metrics:REGISTRY"), self._want)

    def action_scan(self) -> None:
        """Look at all, to find those that several threads write to."""
        self.post_message(self.Scan())

    def _want(self, name: str | None) -> None:
        if name:
            self.post_message(self.Wanted(name))
