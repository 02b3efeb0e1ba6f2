"""The main screen: one headline, the vital signs, and one of the views below them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Static

from kdiag.tui.views.catalogue import views
from kdiag.tui.views.findings import FindingsView
from kdiag.tui.widgets.keybar import KeyBar
from kdiag.tui.widgets.timeline import TimeLine
from kdiag.tui.widgets.viewbar import ViewBar

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from kdiag.engine.live import Feed, Picture
    from kdiag.tui.frames import Frame, Tally
    from kdiag.tui.views.view import View


class MainScreen(Screen[None]):
    """Shows frames; what is done about them is the app's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", show=False),
        Binding("tab", "step(1)", "Next view", show=False, priority=True),
        Binding("shift+tab", "step(-1)", "Previous view", show=False, priority=True),
        Binding("z", "freeze", "Freeze the picture", show=False),
    ]

    class Frozen(Message):
        """Nothing but this picture is to be shown, or with None the newest one again."""

        def __init__(self, picture: Picture | None) -> None:
            super().__init__()
            self.picture = picture

    def __init__(self, feed: Feed, tally: Tally) -> None:
        super().__init__()
        self.views: list[View[Any]] = views(feed, tally)
        self.frozen = False
        self._frame: Frame | None = None
        for view in self.views:
            self._bindings.bind(view.key, f"view('{view.id}')", view.name_, show=False)

    def compose(self) -> ComposeResult:
        """The parts, from top to bottom."""
        yield Static(id="status")
        yield TimeLine()
        with Vertical(id="top"):
            yield Static(id="headline")
            yield Static(id="signs")
        yield ViewBar([(view.key, view.name_) for view in self.views])
        with ContentSwitcher(initial=self.views[0].id):
            yield from self.views
        yield KeyBar()

    @property
    def view(self) -> View[Any]:
        """The one that is open."""
        return self.views[self.query_one(ViewBar).open]

    @property
    def frame(self) -> Frame | None:
        """The last one that was put up."""
        return self._frame

    def show(self, frame: Frame) -> None:
        """Put up a frame; of a view that is no longer open only what is above it."""
        if self.frozen and self._frame is not None and frame.picture is not self._frame.picture:
            return  # it was made before the picture was to stand still
        self._frame = frame
        self.query_one("#status", Static).update(frame.status)
        line = self.query_one(TimeLine)
        line.at, line.span_s = frame.picture.at, frame.picture.span_s or 0.0
        self.query_one("#headline", Static).update(frame.headline)
        self.query_one("#signs", Static).update(frame.signs)
        if frame.view is self.view:
            frame.view.draw(frame.shown)

    def open_view(self, number: int) -> None:
        """Open another view."""
        bar = self.query_one(ViewBar)
        bar.open = number % len(self.views)
        self.query_one(ContentSwitcher).current = self.view.id
        self._focus_first()

    def _focus_first(self) -> None:
        focusable = next((each for each in self.view.query("*") if each.focusable and each.display), None)
        if focusable is not None:
            focusable.focus()

    def action_view(self, name: str) -> None:
        """Open the view of this name."""
        self.post_message(ViewBar.Chosen(next(n for n, view in enumerate(self.views) if view.id == name)))

    def action_step(self, step: int) -> None:
        """Open the view beside the open one."""
        self.post_message(ViewBar.Chosen(self.query_one(ViewBar).open + step))

    def action_open(self) -> None:
        """All of the chosen finding."""
        if isinstance(self.view, FindingsView):
            self.view.open_chosen()

    def action_freeze(self) -> None:
        """Show the picture that there is now, while the watch goes on; one can still look around in it."""
        if self._frame is None:
            return
        self.frozen = not self.frozen
        self.post_message(self.Frozen(self._frame.picture if self.frozen else None))
        self.query_one("#status", Static).set_class(self.frozen, "-frozen")
        self.notify("The picture stands still; z lets it go on." if self.frozen else "The picture goes on.")
